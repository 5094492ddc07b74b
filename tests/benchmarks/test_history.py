"""A history with every operation: each commit is reviewed, nothing ends the review, memory does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import history
from benchmarks.fastimport import Blob, FastImport, git
from benchmarks.gitops import GitOps
from benchmarks.operations import next_steps

if TYPE_CHECKING:
    from pathlib import Path

COMMITS, FILES = 300, 40
# what the review of two states may say otherwise than what was done
OTHER_WORDS = {
    "damage",  # may be anything
    "mend",  # a revert; nothing is said where the other side cannot be read
    "strange name",  # a new file, or one encrypted again
    "plain-edit",  # a new ConfigMap or another one
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> history.Outcome:
    """A small history, reviewed."""
    folder = tmp_path_factory.mktemp("history") / "repository"
    history.write(folder, COMMITS, FILES)
    return history.review_all(folder)


def test_every_commit_is_reviewed_and_none_ends_the_review(outcome: history.Outcome) -> None:
    assert (outcome.commits >= COMMITS - 1, list(outcome.failed)) == (True, [])


def test_each_operation_is_named_as_what_was_done(outcome: history.Outcome) -> None:
    wrong = {
        (done, said): count
        for (done, said), count in outcome.named.items()
        if done not in OTHER_WORDS and said.replace("rename, unchanged", "rename") != done
    }
    assert not wrong


def test_every_operation_of_the_contract_occurs(outcome: history.Outcome) -> None:
    assert {done for done, _ in outcome.named} >= {
        *("create", "delete", "copy", "rename", "edit", "updatekeys", "rotate", "reencrypt", "revert", "hand-edit"),
        *("merge", "format-only", "decrypt", "encrypt", "plain-edit", "damage"),
    }


def test_memory_does_not_grow_with_the_commits_reviewed(outcome: history.Outcome) -> None:
    assert outcome.growth < 1.25


def test_the_same_seed_gives_the_same_course_of_events() -> None:
    def course(seed: int) -> list[tuple[str, list[bytes]]]:
        world = GitOps(10, seed)
        steps = [world.begin(), *(step for _ in range(30) for step in next_steps(world))]
        return [(step.operation, list(step.files)) for step in steps]

    assert course(1) == course(1)
    assert course(1) != course(2)


def test_a_stream_of_commits_becomes_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    with FastImport(folder) as commits:
        first = commits.commit("one", {b'a "b"\xff': Blob(b"1\n"), b"gone": Blob(b"", 0o100755)}, (), 1_700_000_000)
        ours = commits.commit("two", {b"gone": None}, (first,), 1_700_000_060)
        theirs = commits.commit("three", {b"c": Blob(b"x", 0o120000)}, (first,), 1_700_000_120, "side")
        commits.commit("four", {b"c": Blob(b"x", 0o120000)}, (ours, theirs), 1_700_000_180)
    assert git(folder, "log", "--format=%s %ct", "--reverse", "--topo-order", "main").decode().splitlines() == [
        "one 1700000000",
        "two 1700000060",
        "three 1700000120",
        "four 1700000180",
    ]
    assert [line.split(b"\t") for line in git(folder, "ls-tree", "-z", "main").split(b"\0")[:-1]] == [
        [b"100644 blob d00491fd7e5bb6fa28c517a0bb32b8b506539d4d", b'a "b"\xff'],
        [b"120000 blob c1b0730e0133447badcfd47fd144e254807b06e1", b"c"],
    ]
