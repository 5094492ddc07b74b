"""What a review is asked for: two states, what differs between them, and how to look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.git import CommitRange, TreeChange, TreeEntry, Version
    from sopskit.review.findings.policy import Policy
    from sopskit.review.model import ConfigSource, End, NotChecked, Severity, Sides
    from sopskit.review.trees import Tree
    from sopskit.sops.masterkeys import Keyring


class Options(NamedTuple):
    """How to review. `keyring` None: without a key. `vouched`: the caller answers for the author (see `guard`).

    `policies` None: all of them. `progress` is told how many files are read, and how many there are. `now` is UTC, None
    the time of the review.
    """

    keyring: Keyring | None = None
    vouched: bool = False
    threshold: Severity = "high"
    strict: bool = False
    policies: Sequence[Policy] | None = None
    progress: Callable[[int, int], None] | None = None
    now: datetime | None = None


DEFAULTS = Options()


def no_versions(_: Collection[bytes]) -> Mapping[bytes, Sequence[Version]]:
    """There is no history."""
    return {}


def nothing(*_: str) -> bytes | None:
    """There is no repository to read from."""
    return None


class Objects(NamedTuple):
    """Ways into the repository beyond the two trees; there are none for two files on a disk.

    `versions` gives what stood at paths in base and before, newest first, `blob` a content by its id, `at` the file at a
    path of a commit, `commit` a commit as Git stores it. None for what is not there, or too large.
    """

    versions: Callable[[Collection[bytes]], Mapping[bytes, Sequence[Version]]] = no_versions
    blob: Callable[[str], bytes | None] = nothing
    at: Callable[[str, str], bytes | None] = nothing
    commit: Callable[[str], bytes | None] = nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be reviewed. `read` gives the bytes of an entry of either side; `changes` are those of `paths` only.

    `target` is the state that the change goes into, where that has moved on since base; None: base.

    `standing`: files without a base are looked at as they stand, and nothing in them counts as added (`sopskit check`).
    """

    base: End | None
    head: End
    changes: Sequence[TreeChange]
    trees: Sides[Tree]
    target: Tree | None = None
    read: Sides[Callable[[TreeEntry], bytes]]
    team: TeamConfig
    config: ConfigSource
    commits: CommitRange | None = None
    objects: Objects = Objects()  # noqa: RUF009 an immutable tuple
    paths: tuple[str, ...] = ()
    problems: tuple[NotChecked, ...] = ()
    standing: bool = False
    options: Options = DEFAULTS
