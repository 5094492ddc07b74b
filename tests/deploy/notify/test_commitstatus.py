from __future__ import annotations

import json

import pytest

from sopskit.deploy.notify.commitstatus import Place, context, github_request, gitlab_request, place_of
from sopskit.deploy.notify.exchange import Request
from sopskit.deploy.notify.receiver import Settings
from sopskit.errors import ConfigError
from sopskit.secret import SecretStr
from tests.deploy.notify.notices import COMMIT, NOTICE

TOKEN = Settings(token=SecretStr("test-token"))
ON_GITLAB = NOTICE._replace(repository="ssh://git@gitlab.com/group/sub/config.git")


def test_the_status_for_github() -> None:
    assert github_request(NOTICE, TOKEN) == Request(
        "POST",
        SecretStr(f"https://api.github.com/repos/team/config/statuses/{COMMIT}"),
        {
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        {"Authorization": SecretStr("Bearer test-token")},
        b'{"state": "success", "context": "sopskit/staging/dev/app", "description": "1 created from 0123456"}',
        once=True,
    )


def test_the_status_for_gitlab() -> None:
    assert gitlab_request(ON_GITLAB, TOKEN) == Request(
        "POST",
        SecretStr(f"https://gitlab.com/api/v4/projects/group%2Fsub%2Fconfig/statuses/{COMMIT}"),
        {"Content-Type": "application/json"},
        {"PRIVATE-TOKEN": SecretStr("test-token")},
        b'{"state": "success", "name": "sopskit/staging/dev/app", "description": "1 created from 0123456"}',
        once=True,
    )


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("applied", ("success", "success")),
        ("recovered", ("success", "success")),
        ("failed", ("failure", "failed")),
        ("drifted", None),
        ("rotated", None),
    ],
)
def test_the_state_of_each_kind(kind: str, states: tuple[str, str] | None) -> None:
    made = github_request(NOTICE._replace(kind=kind), TOKEN), gitlab_request(ON_GITLAB._replace(kind=kind), TOKEN)
    assert states == (
        (json.loads(made[0].body)["state"], json.loads(made[1].body)["state"]) if made[0] and made[1] else None
    )


@pytest.mark.parametrize("revision", ["", "main", "../../user", COMMIT[:39], f"{COMMIT}\n"])
def test_what_is_no_commit_has_no_status(revision: str) -> None:
    assert github_request(NOTICE._replace(revision=revision), TOKEN) is None


def test_descriptions_keep_to_the_sites_limits() -> None:
    long = NOTICE._replace(summary="x" * 500)
    on_github, on_gitlab = github_request(long, TOKEN), gitlab_request(ON_GITLAB._replace(summary="x" * 500), TOKEN)
    assert on_github is not None
    assert on_gitlab is not None
    assert json.loads(on_github.body)["description"] == "x" * 137 + "..."
    assert json.loads(on_gitlab.body)["description"] == "x" * 252 + "..."


def test_the_token_goes_only_to_the_site_itself_or_to_the_secrets_address() -> None:
    elsewhere = NOTICE._replace(repository="https://git.example.org/team/config.git")
    with pytest.raises(ConfigError, match=r"is not on github.com, and the Secret has no address"):
        github_request(elsewhere, TOKEN)
    with pytest.raises(ConfigError, match=r"is not on gitlab.com, and the Secret has no address"):
        gitlab_request(elsewhere, TOKEN)
    named = Settings(SecretStr("https://git.example.org/api/v3/"), SecretStr("test-token"))
    made = github_request(elsewhere, named)
    assert made is not None
    assert made.url == SecretStr(f"https://git.example.org/api/v3/repos/team/config/statuses/{COMMIT}")


def test_without_a_token_there_is_no_request() -> None:
    with pytest.raises(ConfigError, match="has no token"):
        github_request(NOTICE, Settings())


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("https://github.com/team/config.git", Place("github.com", "team/config")),
        ("https://GitHub.com/team/config/", Place("github.com", "team/config")),
        ("ssh://git@git.example.org:2222/a/b/c.git", Place("git.example.org", "a/b/c")),
    ],
)
def test_a_repository_by_its_url(repository: str, place: Place) -> None:
    assert place_of(repository) == place


@pytest.mark.parametrize(
    "repository", ["", "team/config", "https://github.com/", "https://github.com/a/../b", "https://github.com//a"]
)
def test_what_names_no_repository(repository: str) -> None:
    with pytest.raises(ConfigError, match="no owner and name"):
        place_of(repository)


@pytest.mark.parametrize("path", ["team", "team/config/actions"])
def test_github_wants_an_owner_and_a_name(path: str) -> None:
    with pytest.raises(ConfigError, match="OWNER/NAME"):
        github_request(NOTICE._replace(repository=f"https://github.com/{path}"), TOKEN)


def test_nothing_in_a_path_leads_to_another_endpoint() -> None:
    made = github_request(NOTICE._replace(repository="https://github.com/team/a?x=y#z"), TOKEN)
    assert made is not None
    assert made.url == SecretStr(f"https://api.github.com/repos/team/a%3Fx%3Dy%23z/statuses/{COMMIT}")


def test_a_cluster_without_a_name_is_left_out_of_the_context() -> None:
    assert context(NOTICE._replace(cluster="")) == "sopskit/dev/app"
