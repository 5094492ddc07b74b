"""`.sopskit.yaml`, version 1: environments, names of recipients, severities of policies, waivers.

It stands at the repository's root and may be missing: everything has a default. It says nothing about what is encrypted
for whom (`.sops.yaml` does), nor what a cluster may apply (the reconciler's own configuration does).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from typing import Literal, TypeAlias

    Severity: TypeAlias = Literal["block", "high", "medium", "low", "off"]
    Writers: TypeAlias = Literal["key", "public-key"]
    FileReader: TypeAlias = Callable[[str], bytes | None]

NAME = ".sopskit.yaml"
VERSION = 1
# the folders whose children are environments where none are written, and the helm values files that belong to one
FOLDERS = (("k8s", "gitops"), ("overlays",), ("environments",))
HELM_FOLDER = "helm-values"
HELM_SUFFIX = "-config.yaml"


class Environment(NamedTuple):
    """Where an environment's files are.

    `protected` makes findings weigh more and `apply` ask. `writers` says whether files that were encrypted anew by
    somebody who cannot read them are normal here. `paths` is empty for an environment that only its layout names.
    """

    name: str
    paths: tuple[str, ...] = ()
    protected: bool = False
    writers: Writers = "key"

    def has(self, path: str) -> bool:
        """Whether a path, relative to the repository's root, lies in it."""
        if not self.paths:
            return environment_by_layout(path) == self.name
        return _matches_any(self.paths, path)


class Name(NamedTuple):
    """Who is behind recipients, and in which environments they must or must not be able to read.

    `recipients` and `signing_keys` are spelled as `canonical` does.
    """

    name: str
    recipients: tuple[str, ...] = ()
    required_in: tuple[str, ...] = ()
    forbidden_in: tuple[str, ...] = ()
    signing_keys: tuple[str, ...] = ()


class Waiver(NamedTuple):
    """A finding that somebody answers for, until the end of the day `expires`. `path` is a pattern; without `key` all keys."""

    policy: str
    path: str
    key: tuple[str | int, ...] | None
    reason: str
    owner: str
    expires: date
    line: int

    def covers(self, policy: str, path: str, key: tuple[str | int, ...] | None) -> bool:
        """Whether it is about this finding; the caller compares `expires` with a day."""
        return policy == self.policy and (self.key is None or key == self.key) and _matches_any((self.path,), path)


class TeamConfig(NamedTuple):
    """A `.sopskit.yaml`, or the defaults. `source` is the file's name, None for the defaults.

    Policy ids are as written: nobody has checked that there are such policies.
    """

    environments: tuple[Environment, ...] = ()
    names: tuple[Name, ...] = ()
    policies: Mapping[str, Severity] = {}
    waivers: tuple[Waiver, ...] = ()
    source: str | None = None

    def environment_of(self, path: str) -> Environment | None:
        """The first environment that has `path`, which is relative to the repository's root; None if there is none.

        If none are written, the repository's layout names them, none of them protected.
        """
        if self.environments:
            return next((environment for environment in self.environments if environment.has(path)), None)
        name = environment_by_layout(path)
        return None if name is None else Environment(name)

    def name_of(self, recipient: str) -> Name | None:
        """Who is behind a recipient, as the file's metadata or a rule spells it."""
        wanted = canonical(recipient)
        return next((name for name in self.names if wanted in map(canonical, name.recipients)), None)


DEFAULT = TeamConfig()


class Layout(NamedTuple):
    """Where a usual layout puts a file: the environment, the folder that holds its `marker`, and the marker itself.

    `prefix` ends in a slash or is empty. The marker is one of `FOLDERS` or `HELM_FOLDER`, with a slash at the end.
    """

    environment: str
    prefix: str
    marker: str


def layout_of(path: str) -> Layout | None:
    """How a usual layout reads a path, None if it is in none.

    The environment is the folder below the first `k8s/gitops/`, else `overlays/`, else `environments/`, at any depth; or
    `<env>` of `helm-values/<service>/<env>-config.yaml`.
    """
    parts = path.split("/")
    for folder in FOLDERS:
        size = len(folder)
        for start in range(len(parts) - size - 1):
            if tuple(parts[start : start + size]) == folder:
                return Layout(parts[start + size], _joined(parts[:start]), _joined(folder))
    if len(parts) > 2 and parts[-3] == HELM_FOLDER:
        name = parts[-1].removesuffix(HELM_SUFFIX)
        if name and name != parts[-1]:
            return Layout(name, _joined(parts[:-3]), f"{HELM_FOLDER}/")
    return None


def _joined(parts: Sequence[str]) -> str:
    return "".join(f"{part}/" for part in parts)


def environment_by_layout(path: str) -> str | None:
    """The environment of a path in a usual layout, None if it is in none."""
    layout = layout_of(path)
    return None if layout is None else layout.environment


@lru_cache(maxsize=4096)  # the same few recipients stand in every file
def canonical(key: str) -> str:
    """A public key's text so that two spellings of one key compare equal.

    PGP fingerprints lose blanks and lower case, SSH keys their comment.
    """
    text = key.strip()
    digits = text.replace(" ", "").upper()
    if len(digits) in (40, 64) and not digits.strip("0123456789ABCDEF"):
        return digits
    if text.startswith(("ssh-", "ecdsa-", "sk-")):
        return " ".join(text.split()[:2])
    return text


def _matches_any(patterns: tuple[str, ...], path: str) -> bool:
    from sopskit.config.globs import matcher

    return any(matcher(pattern)(path) for pattern in patterns)


def read_team_config(file: str, source: bytes, *, read_file: FileReader) -> TeamConfig:
    """Read `source`, the content of `file`.

    `read_file` gives the content of another file, named relative to the repository's root, or None if there is none; it is
    asked for `names_file` alone. Raises `ConfigError` with file and line, and `LimitError`.
    """
    from sopskit.config.teamfile import TeamFile

    return TeamFile(file, read_file).read(source)
