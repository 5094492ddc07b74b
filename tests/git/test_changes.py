"""Reading git's raw formats."""

from __future__ import annotations

import pytest

from sopskit.git.changes import TreeChange, TreeEntry, parse_changes, parse_index, parse_tree

A, B, NONE = "a" * 40, "b" * 40, "0" * 40


def entry(path: bytes, id: str, mode: int = 0o100644) -> TreeEntry:
    return TreeEntry(path, mode, id)


def test_each_status_has_its_sides() -> None:
    raw = (
        f":000000 100644 {NONE} {A} A\0new\0"
        f":100644 000000 {A} {NONE} D\0gone\0"
        f":100644 100755 {A} {B} M\0changed\0"
        f":100644 120000 {A} {B} T\0now a link\0"
        f":100644 100644 {A} {B} R087\0from\0to\0"
    ).encode()
    assert parse_changes(raw) == [
        TreeChange("A", None, entry(b"new", A)),
        TreeChange("D", entry(b"gone", A), None),
        TreeChange("M", entry(b"changed", A), entry(b"changed", B, 0o100755)),
        TreeChange("T", entry(b"now a link", A), entry(b"now a link", B, 0o120000)),
        TreeChange("R", entry(b"from", A), entry(b"to", B), 87),
    ]


def test_a_path_is_that_of_the_head_or_else_of_the_base() -> None:
    assert TreeChange("R", entry(b"from", A), entry(b"to", A)).path == b"to"
    assert TreeChange("D", entry(b"from", A), None).path == b"from"
    with pytest.raises(AssertionError):
        assert TreeChange("M", None, None).path


def test_nothing_is_no_change() -> None:
    assert (parse_changes(b""), parse_tree(b""), parse_index(b"")) == ([], [], [])


def test_a_name_may_hold_anything_but_nul() -> None:
    name = b'-\t"\n\x1b[31m\xff'
    tree = b"100644 blob " + A.encode() + b"\t" + name + b"\0"
    assert parse_tree(tree) == [entry(name, A)]


def test_a_path_in_conflict_is_not_in_the_index() -> None:
    lines = [f"100644 {A} {stage}\tconflict\0" for stage in (1, 2, 3)] + [f"120000 {B} 0\tlink\0"]
    assert parse_index("".join(lines).encode()) == [entry(b"link", B, 0o120000)]


def test_only_regular_files_are_files() -> None:
    modes = (0o100644, 0o100755, 0o120000, 0o160000, 0o040000)
    assert [entry(b"x", A, mode).is_file for mode in modes] == [True, True, False, False, False]
