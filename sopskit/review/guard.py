"""The oracle guard: who is known to be able to read what was changed.

Public recipients let anybody write a valid file. Whoever does not know a secret could encrypt guesses, and read from "equal
to the old value" whether one is right. So equality is said only where the author could read the values anyway: under the
data key that was there before, or if a reader of the file is known to have written the change.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import canonical
from sopskit.git.signatures import signer
from sopskit.review.model import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sopskit.config.sopskit_yaml import Name, TeamConfig
    from sopskit.git import CommitRange
    from sopskit.review.sides import Side

VOUCHED = "the author was vouched for on the command line"
SIGNED = "every commit is signed by a known reader of the files it changes"
UNKNOWN = "it is not known that the author can read the files: values are compared only under a data key that was there before"
KEYLESS = "no key was used"


class Authors:
    """Who wrote the commits of a range, as far as signatures say. An author's name in a commit says nothing."""

    def __init__(
        self,
        team: TeamConfig,
        commits: CommitRange | None,
        commit_object: Callable[[str], bytes | None],
        *,
        vouched: bool = False,
    ) -> None:
        """`vouched`: the caller answers for the author. `commit_object` gives a commit as Git stores it."""
        self._team = team
        self._commits = commits
        self._object = commit_object
        self._vouched = vouched
        self._signers: dict[str, Name | None] = {}
        self._doubted = False

    @property
    def are_here(self) -> bool:
        """Whether no commit made the change: then whoever has the key asks about files of their own."""
        return self._commits is None

    def are_readers(self, names: Collection[bytes], base: Side | None) -> bool:
        """Whether everybody who changed the file of these names in the range could read it in base.

        A merge may have changed it for any of its parents, so who merged counts as well.
        """
        if self._vouched:
            return True
        known = self._all_read(names, base)
        self._doubted = self._doubted or not known
        return known

    def _all_read(self, names: Collection[bytes], base: Side | None) -> bool:
        if base is None or base.metadata is None or self._commits is None or not self._commits.complete:
            return False
        recipients = {canonical(recipient.id) for recipient in base.recipients()}
        touching = {commit for name in names for commit in self._by_name.get(name, ())} | self._merges
        return bool(touching) and all(self._reads(commit, recipients) for commit in touching)

    @cached_property
    def _by_name(self) -> Mapping[bytes, list[str]]:
        """The commits of the range that changed each path."""
        found: dict[bytes, list[str]] = {}
        for commit in self._commits.commits if self._commits else ():
            for change in commit.changes:
                for name in {side.path for side in (change.base, change.head) if side is not None}:
                    found.setdefault(name, []).append(commit.id)
        return found

    @cached_property
    def _merges(self) -> frozenset[str]:
        """Commits that are compared with their first parent only, or with none."""
        return frozenset(
            commit.id for commit in (self._commits.commits if self._commits else ()) if len(commit.parents) != 1
        )

    def _reads(self, commit: str, recipients: set[str]) -> bool:
        name = self._signer(commit)
        return name is not None and bool(recipients.intersection(name.recipients))

    def _signer(self, commit: str) -> Name | None:
        if commit not in self._signers:
            keys = {key: name for name in self._team.names for key in name.signing_keys}
            data = self._object(commit) if keys else None
            found = signer(data, list(keys)) if data is not None else None
            self._signers[commit] = keys.get(found) if found is not None else None
        return self._signers[commit]

    def guard(self, *, keyed: bool) -> Guard:
        """What the report says of it."""
        if not keyed:
            return Guard(equality=False, why=KEYLESS)
        if self._vouched:
            return Guard(equality=True, why=VOUCHED)
        return Guard(equality=not self._doubted, why=UNKNOWN if self._doubted else SIGNED)
