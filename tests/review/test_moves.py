"""Encrypted files that were moved, and changed so much that Git sees another file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.git import TreeEntry
from sopskit.review.compare import compare
from sopskit.review.model import Sides
from sopskit.review.moves import moved_from
from sopskit.review.operations import Clues, Moved, classify, confirmed
from sopskit.review.sides import Side, read_side
from sopskit.review.trees import Tree
from tests.review.states import fixture

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE = fixture("rotate", "base")
ROTATED = fixture("rotate")
OTHER = fixture("reencrypt")


def tree(files: Mapping[str, bytes]) -> Tree:
    entries = [TreeEntry(path.encode(), 0o100644, path) for path in files]
    return Tree(entries, lambda entry: files[entry.path.decode()])


def moved(base: Mapping[str, bytes], head: Mapping[str, bytes], path: str = "new.yaml") -> str | None:
    return moved_from(Sides(tree(base), tree(head)), path, read_side(path, head[path]))


@pytest.mark.parametrize("name", ["rotate", "rotate-removed", "updatekeys-edit", "set", "format-only"])
def test_a_file_is_known_again_at_another_path(name: str) -> None:
    base = {"old.yaml": fixture(name, "base"), "gone.yaml": OTHER, "stays.yaml": OTHER}
    assert moved(base, {"new.yaml": fixture(name), "stays.yaml": OTHER}) == "old.yaml"


def test_a_file_that_was_encrypted_anew_is_another_one() -> None:
    assert moved({"old.yaml": BASE}, {"new.yaml": OTHER}) is None


def test_a_copy_is_not_moved() -> None:
    assert moved({"old.yaml": BASE}, {"old.yaml": BASE, "new.yaml": ROTATED}) is None


def test_a_file_that_was_encrypted_there_before_was_not_moved() -> None:
    assert moved({"old.yaml": BASE, "new.yaml": OTHER}, {"new.yaml": ROTATED}) is None
    assert moved({"old.yaml": BASE, "new.yaml": b"a: plain\n"}, {"new.yaml": ROTATED}) == "old.yaml"


def test_files_in_plain_text_are_not_looked_at() -> None:
    assert moved({"old.yaml": b"a: b\n"}, {"new.yaml": b"a: b\n"}) is None


def told(clues: Clues, data: bytes = ROTATED) -> list[tuple[str, str, dict[str, int | str]]]:
    head: Side = read_side("new.yaml", data)
    operations = classify(None, head, compare(None, head), clues)
    assert operations == tuple(map(confirmed, operations))
    return [(one.id, one.explanation, dict(one.args)) for one in operations]


def test_what_was_done_to_it_on_the_way_is_told_with_the_old_path() -> None:
    clues = Clues(moved=Moved("old.yaml", read_side("old.yaml", BASE)))
    ((id, explanation, args),) = told(clues)
    assert (id, args["old"]) == ("rotate", "old.yaml")
    assert explanation.startswith("moved here from {old}: looks like a new data key")
    assert [one[0] for one in told(clues, BASE.replace(b"tier", b"zone"))] == ["hand-edit"]
    assert [one[0] for one in told(Clues())] == ["create"]


def test_a_file_that_git_knows_again_is_compared_with_what_git_says() -> None:
    base, head = read_side("a.yaml", BASE), read_side("a.yaml", fixture("set"))
    clues = Clues(moved=Moved("old.yaml", base))
    assert classify(base, head, compare(base, head), clues) == classify(base, head, compare(base, head))
