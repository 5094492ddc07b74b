"""The files of a state: read once, however many ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import LimitError
from sopskit.git import TreeEntry
from sopskit.review.sides import read_side
from sopskit.review.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable

REGULAR, LINK = 0o100644, 0o120000
FILES = {"a.yaml": b"a: 1\n", "b.yaml": b"b: [\n", "c.txt": b"c"}


class Reader:
    """Gives contents, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.expected: list[str] = []

    def __call__(self, entry: TreeEntry) -> bytes:
        """A content."""
        self.read.append(entry.id)
        if entry.id == "large":
            raise LimitError("too large")
        return FILES[entry.id]

    def expect(self, ids: Iterable[str]) -> None:
        """What is said to come."""
        self.expected += ids


def tree(reader: Reader) -> Tree:
    """The files, a link, and one that is too large."""
    entries = [TreeEntry(name.encode(), REGULAR, name) for name in FILES]
    entries += [TreeEntry(b"link", LINK, "link"), TreeEntry(b"large", REGULAR, "large")]
    return Tree(entries, reader, reader.expect)


def test_a_file_is_read_once() -> None:
    reader = Reader()
    state = tree(reader)
    sides = [state.side("a.yaml"), state.side("a.yaml"), state.side("b.yaml")]
    assert (sides[0] is sides[1], sides[2], state.data("a.yaml")) == (True, None, b"a: 1\n")
    assert [state.data(name) for name in ("link", "large", "nowhere", "large")] == [None] * 4
    assert reader.read == ["a.yaml", "b.yaml", "large"]


def test_what_was_read_elsewhere_is_not_read_again() -> None:
    reader = Reader()
    state = tree(reader)
    side = read_side("a.yaml", b"a: 2\n")
    state.keep(b"a.yaml", b"a: 2\n", side)
    assert (state.data("a.yaml"), state.side("a.yaml") is side, reader.read) == (b"a: 2\n", True, [])


def test_files_that_will_be_read_are_told_those_that_were_read_left_out() -> None:
    reader = Reader()
    state = tree(reader)
    state.data("a.yaml")
    state.expect(["a.yaml", "c.txt", "link", "nowhere"])
    assert reader.expected == ["c.txt"]
