"""The outcome of a round at the commit that it was about, on GitHub and GitLab.

GitHub: POST /repos/OWNER/REPOSITORY/statuses/SHA (docs.github.com: rest/commits/statuses). GitLab: POST
/projects/ID/statuses/SHA (docs.gitlab.com: api/commits). Applied and recovered are a success, failed a failure; drift and
rotated keys are no matter of a commit. The same status is not sent twice in a row: GitLab may refuse it, GitHub has a limit of
statuses for a commit.

The token goes to the API of github.com or gitlab.com if the repository is there, or else to the `address` of the Secret only:
the repository of a source may be written by people who may not read the token.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from sopskit.deploy.notify.exchange import Request
from sopskit.errors import ConfigError
from sopskit.secret import SecretStr

if TYPE_CHECKING:
    from sopskit.deploy.notify.message import Notice
    from sopskit.deploy.notify.receiver import Settings

REPOSITORY = re.compile(
    r"(?:https?|ssh)://(?:[^/@]*@)?(?P<host>[^/:@\[\]]+|\[[^/]*\])(?::[0-9]+)?/(?P<path>.+?)(?:\.git)?/?\Z"
)
COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
SUCCESSES = ("applied", "recovered")
TOLD = (*SUCCESSES, "failed")
LONGEST_CONTEXT = 255  # characters
GITHUB_DESCRIPTION, GITLAB_DESCRIPTION = 140, 255
GITHUB_VERSION = "2022-11-28"
PUBLIC = {"github.com": "https://api.github.com", "gitlab.com": "https://gitlab.com/api/v4"}


class Place(NamedTuple):
    """A repository on a site."""

    host: str
    path: str


def github_request(notice: Notice, settings: Settings) -> Request | None:
    """The status for GitHub, None if the commit has none. Raises `ConfigError` if it cannot be told where to."""
    if not _is_told(notice):
        return None
    place, token = place_of(notice.repository), settings.need_token()
    if place.path.count("/") != 1:
        raise ConfigError("the repository is none of GitHub's: OWNER/NAME is expected")
    content = {
        "state": "success" if notice.kind in SUCCESSES else "failure",
        "context": context(notice),
        "description": _cut(notice.summary, GITHUB_DESCRIPTION),
    }
    headers = {
        "Accept": "application/vnd.github+json",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": GITHUB_VERSION,
    }
    url = f"{_base(settings, place, 'github.com')}/repos/{quote(place.path)}/statuses/{notice.revision}"
    secrets = {"Authorization": SecretStr(f"Bearer {token.reveal()}")}
    return Request("POST", SecretStr(url), headers, secrets, json.dumps(content).encode(), once=True)


def gitlab_request(notice: Notice, settings: Settings) -> Request | None:
    """The status for GitLab, None if the commit has none. Raises `ConfigError` if it cannot be told where to."""
    if not _is_told(notice):
        return None
    place, token = place_of(notice.repository), settings.need_token()
    content = {
        "state": "success" if notice.kind in SUCCESSES else "failed",
        "name": context(notice),
        "description": _cut(notice.summary, GITLAB_DESCRIPTION),
    }
    base, project = _base(settings, place, "gitlab.com"), quote(place.path, safe="")
    url = f"{base}/projects/{project}/statuses/{notice.revision}"
    headers = {"Content-Type": "application/json"}
    secrets = {"PRIVATE-TOKEN": token}
    return Request("POST", SecretStr(url), headers, secrets, json.dumps(content).encode(), once=True)


def context(notice: Notice) -> str:
    """What tells the statuses of one commit apart: `sopskit/CLUSTER/NAMESPACE/NAME`."""
    return _cut("/".join(part for part in ("sopskit", notice.cluster, notice.source) if part), LONGEST_CONTEXT)


def place_of(repository: str) -> Place:
    """The site and the path of a repository, by its URL. Raises `ConfigError`."""
    found = REPOSITORY.match(repository)
    parts = found["path"].split("/") if found is not None else []
    if found is None or {"", ".", ".."} & set(parts):
        raise ConfigError("the repository's address has no owner and name")
    return Place(found["host"].lower(), found["path"])


def _is_told(notice: Notice) -> bool:
    return notice.kind in TOLD and COMMIT.match(notice.revision) is not None


def _base(settings: Settings, place: Place, public: str) -> str:
    if settings.address is not None:
        return settings.address.reveal().rstrip("/")
    if place.host != public:
        raise ConfigError(
            f"the repository is not on {public}, and the Secret has no address",
            hint="https://HOST/api/v3 for GitHub Enterprise, https://HOST/api/v4 for GitLab",
        )
    return PUBLIC[public]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
