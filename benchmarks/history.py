"""The whole history of a large repository, every commit reviewed against its parent, in one process.

What is looked for: a commit that ends the review, memory that grows with the commits reviewed, operations that are named
otherwise than what was done.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.fastimport import FastImport, git
from benchmarks.gitops import PEOPLE, GitOps, Step
from benchmarks.operations import next_steps
from benchmarks.sealed import Person
from sopskit.git import open_repository
from sopskit.review.model import End
from sopskit.review.request import Options
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.ends import Ends
from sopskit.workflow.review import review

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sopskit.git import Repository
    from sopskit.review.model import ReviewDiff
    from sopskit.sops.masterkeys import Keyring

# every so many commits one is reviewed with keys as well, and the memory is looked at
KEYED_EVERY = 10
SAMPLE_EVERY = 20


class Commit(NamedTuple):
    """A commit to review: what was done in it, and when."""

    id: str
    parent: str
    operation: str
    time: int


class Outcome(NamedTuple):
    """What reviewing a history gave. `named` counts pairs of what was done and what the review says; memory is in KiB.

    `failed` are the commits whose review raised an exception, with its class.
    """

    commits: int
    files: int
    seconds: float
    named: Mapping[tuple[str, str], int]
    findings: Mapping[str, int]
    failed: Sequence[tuple[str, str]]
    memory: Sequence[int]
    slowest: float
    keyed_every: int = KEYED_EVERY

    @property
    def growth(self) -> float:
        """Memory at the end divided by that after a tenth of the commits: medians of a tenth of the samples each."""
        tenth = max(1, len(self.memory) // 10)
        return statistics.median(self.memory[-tenth:]) / statistics.median(
            self.memory[tenth : 2 * tenth] or self.memory
        )


def write(folder: Path, commits: int, files: int) -> None:
    """Write a repository of that many commits on main and its side branches."""
    world = GitOps(files)
    with FastImport(folder) as repository:
        tip = _import(repository, [world.begin()], None, world)
        written = 1
        while written < commits:
            steps = next_steps(world)
            tip = _import(repository, steps, tip, world)
            written += len(steps)
    git(folder, "commit-graph", "write", "--reachable")


def _import(repository: FastImport, steps: Sequence[Step], tip: int | None, world: GitOps) -> int:
    marks = [tip]
    for number, step in enumerate(steps):
        parents = [mark for mark in (marks[parent] for parent in step.parents) if mark is not None]
        branch = "side" if 0 < number < len(steps) - 1 else "main"
        marks.append(repository.commit(step.operation, step.files, parents, int(world.sealer.now.timestamp()), branch))
    return marks[-1] or 0


def commits_of(folder: Path) -> Iterator[Commit]:
    """All commits but the first, oldest first."""
    listing = git(folder, "log", "--reverse", "--topo-order", "--format=%H%x09%P%x09%ct%x09%s", "main")
    for line in listing.decode().splitlines():
        id, parents, seconds, operation = line.split("\t")
        if parents:
            yield Commit(id, parents.split()[0], operation, int(seconds))


def review_all(folder: Path, progress: Callable[[int], None] | None = None) -> Outcome:
    """Review every commit against its first parent. Never raises for what a review raises."""
    keyring = FixedKeyring(tuple(Person.read(name).identity for name in PEOPLE))
    named: Counter[tuple[str, str]] = Counter()
    findings: Counter[str] = Counter()
    failed: list[tuple[str, str]] = []
    memory: list[int] = []
    files, slowest, count = 0, 0.0, 0
    repository = open_repository(folder, {"HOME": str(folder)})
    if repository is None:
        raise AssertionError("no repository was written")
    start = time.perf_counter()
    with repository:
        for count, commit in enumerate(commits_of(folder), 1):
            begun = time.perf_counter()
            try:
                result = _review(repository, commit, None)
                if count % KEYED_EVERY == 0:
                    _review(repository, commit, keyring)
            except Exception as error:  # noqa: BLE001 this is what is looked for
                failed.append((commit.id, type(error).__name__))
                continue
            slowest = max(slowest, time.perf_counter() - begun)
            files += len(result.files)
            named.update((commit.operation, name) for name in _operations(result))
            findings.update(finding.id for finding in result.findings)
            if count % SAMPLE_EVERY == 0:
                memory.append(_resident())
            if progress is not None:
                progress(count)
    return Outcome(count, files, time.perf_counter() - start, named, findings, failed, memory, slowest)


def _review(repository: Repository, commit: Commit, keyring: Keyring | None) -> ReviewDiff:
    ends = Ends(End(commit.parent, commit.parent), End(commit.id, commit.id))
    now = datetime.fromtimestamp(commit.time, UTC) + timedelta(hours=1)
    return review(repository, ends, options=Options(keyring=keyring, now=now))


def _operations(result: ReviewDiff) -> Iterator[str]:
    """What the review calls it: the operations of each file, and how the file itself came or went."""
    for file in result.files:
        names = "+".join(operation.id for operation in file.operations) or "none"
        yield f"rename, {names}" if file.status == "renamed" else names


def _resident() -> int:
    """The memory that this process holds now, in KiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
