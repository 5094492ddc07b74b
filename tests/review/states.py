"""Reviews of states of a repository that a test holds in memory: no Git, so that history and time are the test's own."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.sopskit_yaml import DEFAULT
from sopskit.git import CommitInfo, CommitRange, TreeChange, TreeEntry, Version
from sopskit.review.assemble import review
from sopskit.review.findings import blindedits, ciphertext, departures, earlier, integrity, recipients
from sopskit.review.model import ConfigSource, End, Sides
from sopskit.review.request import Objects, Options, Request
from sopskit.review.trees import Tree
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.review.findings.policy import Policy
    from sopskit.review.model import ReviewDiff
    from sopskit.sops.masterkeys import Keyring

    Files: TypeAlias = Mapping[str, bytes]

FIXTURES = ROOT / "fixtures" / "review"
NOW = datetime(2027, 1, 1, tzinfo=UTC)  # after all fixtures were made
RCP: tuple[Policy, ...] = (*departures.POLICIES, *recipients.POLICIES)
MAC: tuple[Policy, ...] = (*integrity.POLICIES, *blindedits.POLICIES)
CRY: tuple[Policy, ...] = (*ciphertext.POLICIES, *earlier.POLICIES)
POLICIES = (*RCP, *MAC, *CRY)
DAY = 86_400
NOWHERE: Mapping[str, str] = {}


def fixture(case: str, name: str = "head", suffix: str = ".yaml") -> bytes:
    """A file of one case of `fixtures/review`."""
    return (FIXTURES / case / name).with_suffix(suffix).read_bytes()


def commit_id(number: int) -> str:
    """The commits of `older` and base count from 1, those of the range from 0xC0."""
    return f"{number:012x}{0:028x}"


class Asked(NamedTuple):
    """How to review. `older` are states before base, oldest first, each `spacing` before the next, as base is before now.

    `steps` are the states after base that the commits of the range made, head's the last one; by default one commit.
    `merged` are the two parents of a merge commit that made head. `renamed` and `copied` map new paths to old ones.
    `target` is what the branch goes into, where that is not base any more.
    """

    older: Sequence[Files] = ()
    steps: Sequence[Files] = ()
    merged: Sequence[Files] = ()
    renamed: Mapping[str, str] = NOWHERE
    copied: Mapping[str, str] = NOWHERE
    target: Files | None = None
    author: str = "Ann"
    team: TeamConfig = DEFAULT
    keyring: Keyring | None = None
    trusted: bool = False
    now: datetime = NOW
    spacing: int = DAY
    policies: Sequence[Policy] = POLICIES


def reviewed(base: Files, head: Files, asked: Asked = Asked()) -> ReviewDiff:  # noqa: B008 an immutable tuple
    """The review of `head` against `base`, each a whole state."""
    repository = _Repository(base, head, asked)
    options = Options(keyring=asked.keyring, vouched=asked.trusted, policies=asked.policies, now=asked.now)
    return review(
        Request(
            base=End("main", "base"),
            head=End("feature", "head"),
            changes=list(_changes(base, head, asked.renamed, asked.copied)),
            trees=Sides(repository.tree(base), repository.tree(head)),
            target=None if asked.target is None else repository.tree(asked.target),
            read=Sides(repository.read, repository.read),
            team=asked.team,
            config=ConfigSource(),
            commits=repository.commits(),
            objects=Objects(repository.versions, repository.blobs.get, repository.at),
            options=options,
        )
    )


def ids(report: ReviewDiff) -> list[str]:
    """Each finding as `RCP01 medium`, worst first."""
    return [f"{finding.id} {finding.severity}" for finding in report.findings]


class _Repository:
    def __init__(self, base: Files, head: Files, asked: Asked) -> None:
        self._asked = asked
        self._past = [*asked.older, base]
        self._steps = [base, *(asked.steps or (head,))]
        self._parents = {f"parent{number}": files for number, files in enumerate(asked.merged)}
        states = (*self._past, *self._steps, head, *asked.merged, asked.target or {})
        self.blobs = {_id(data): data for files in states for data in files.values()}

    def tree(self, files: Files) -> Tree:
        return Tree([entry for path in files if (entry := _entry(path, files))], self.read)

    def read(self, entry: TreeEntry) -> bytes:
        return self.blobs[entry.id]

    def versions(self, names: Collection[bytes]) -> dict[bytes, list[Version]]:
        found: dict[bytes, list[Version]] = {name: [] for name in names}
        for age, files in enumerate(reversed(self._past)):
            time = int(self._asked.now.timestamp()) - (age + 1) * self._asked.spacing
            for name, versions in found.items():
                if name.decode() in files:
                    data = files[name.decode()]
                    versions.append(Version(commit_id(len(self._past) - age), _id(data), time))
        return found

    def at(self, commit: str, path: str) -> bytes | None:
        return self._parents.get(commit, {}).get(path)

    def commits(self) -> CommitRange:
        time = int(self._asked.now.timestamp())
        pairs = zip(self._steps, self._steps[1:], strict=False)
        return CommitRange(
            tuple(
                CommitInfo(
                    commit_id(0xC0 + number),
                    tuple(self._parents) or ("base",),
                    self._asked.author,
                    "ann@example.org",
                    time,
                    time,
                    "change",
                    tuple(_changes(before, after)),
                )
                for number, (before, after) in enumerate(pairs)
            ),
            complete=True,
        )


def _changes(
    base: Files, head: Files, renamed: Mapping[str, str] = NOWHERE, copied: Mapping[str, str] = NOWHERE
) -> Iterable[TreeChange]:
    for path in sorted({*base, *head} - set(renamed.values())):
        old = renamed.get(path) or copied.get(path) or path
        before, after = _entry(old, base), _entry(path, head)
        if before is None:
            yield TreeChange("A", None, after)
        elif after is None:
            yield TreeChange("D", before, None)
        elif old != path:
            yield TreeChange("C" if path in copied else "R", before, after, 90)
        elif before != after:
            yield TreeChange("M", before, after)


def _entry(path: str, files: Files) -> TreeEntry | None:
    return TreeEntry(path.encode(), 0o100644, _id(files[path])) if path in files else None


def _id(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
