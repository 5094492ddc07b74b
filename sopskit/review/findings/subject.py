"""What a policy is given: one file's two sides, or a whole change."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sopskit.config.sopskit_yaml import Environment, TeamConfig
    from sopskit.document import Plain
    from sopskit.git import CommitInfo, CommitRange, TreeChange
    from sopskit.review.compare import Comparison, Place
    from sopskit.review.model import FileStatus, MacState, Operation, Sides
    from sopskit.review.rules import Rule, RuleBook
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree
    from sopskit.review.versions import History


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """One changed file, its bytes in `data`. A side that could not be read is None and may have `data` all the same.

    `rules` are those of base's and of head's `.sops.yaml`, each for this path; None if none fits. `modes` are Git's
    (0o100644), None where the file does not exist. `plain` are the decrypted leaves of each side by place, None without a
    key; `mac` is what is known of each side's MAC. `may_compare` is False under the oracle guard: values of head may then
    not be compared with any other, since whoever wrote them may not be able to read those.
    """

    path: str
    status: FileStatus
    sides: Sides[Side | None]
    comparison: Comparison
    operations: tuple[Operation, ...]
    rules: Sides[Rule | None]
    data: Sides[bytes | None]
    modes: Sides[int | None]
    mac: Sides[MacState | None]
    plain: Sides[Mapping[Place, Plain] | None]
    may_compare: bool
    environment: Environment | None
    change: ChangeSet
    old_path: str | None = None

    def __repr__(self) -> str:
        """The path."""
        return f"Subject({self.path!r})"

    @property
    def is_protected(self) -> bool:
        """Whether its environment is a protected one."""
        return self.environment is not None and self.environment.protected

    def name_of(self, recipient: str) -> str | None:
        """Who is behind a recipient, as base's names say."""
        name = self.change.team.name_of(recipient)
        return name.name if name else None

    def spelled(self, recipient: str) -> str:
        """A recipient for a message: its name if it has one, and its text."""
        name = self.name_of(recipient)
        return f"{name} ({recipient})" if name else recipient


@dataclass(frozen=True, repr=False)
class ChangeSet:
    """A whole change: its files, both trees, what both sides' `.sops.yaml` say, and the commits in between.

    `team` is the target's `.sopskit.yaml`. `subjects` are the changed files, filled before a policy runs. `now` is UTC.
    `target` are the rules of the state that the change goes into: base's, or newer ones. In a check `trees.base` may be empty and `commits` None. `read_blob` gives a blob by its id, `read_at` the file at a
    path of a commit; None for what is not there or too large. `open_head` gives the decrypted leaves of any file of head,
    None without a key. `vouched`: somebody answers for it that the author can read all files.
    """

    team: TeamConfig
    trees: Sides[Tree]
    rules: Sides[RuleBook]
    target: RuleBook
    commits: CommitRange | None
    history: History
    now: datetime
    read_blob: Callable[[str], bytes | None]
    read_at: Callable[[str, str], bytes | None]
    open_head: Callable[[str], Mapping[Place, Plain] | None]
    vouched: bool = False
    subjects: list[Subject] = field(default_factory=list)

    def __repr__(self) -> str:
        """How much."""
        return f"<change of {len(self.subjects)} files>"

    @cached_property
    def by_path(self) -> Mapping[str, Subject]:
        """The changed files by their path in head."""
        return {subject.path: subject for subject in self.subjects}

    @cached_property
    def _commits_by_path(self) -> Mapping[str, Sequence[tuple[CommitInfo, TreeChange]]]:
        found: dict[str, list[tuple[CommitInfo, TreeChange]]] = {}
        for commit in self.commits.commits if self.commits else ():
            for change in commit.changes:
                found.setdefault(path_text(change.path), []).append((commit, change))
        return found

    def touching(self, path: str) -> Sequence[tuple[CommitInfo, TreeChange]]:
        """The commits of the range that changed the file at a path, oldest first, with what each did to it."""
        return self._commits_by_path.get(path, ())

    def environment_of(self, path: str) -> Environment | None:
        """The environment that a path belongs to."""
        return self.team.environment_of(path)

    def encrypted(self) -> Sequence[Subject]:
        """The changed files that are SOPS files in head."""
        return [subject for subject in self.subjects if subject.sides.head and subject.sides.head.metadata]
