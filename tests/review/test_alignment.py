"""Documents and leaves that moved are known again."""

from __future__ import annotations

from sopskit.review.compare import compare
from sopskit.review.sides import read_side
from tests.review.conftest import Sops

REGEX = ("--encrypted-regex", "^(data|stringData)$")


def kinds(base: bytes, head: bytes, name: str = "file.yaml") -> list[tuple[int, str, str, str | None]]:
    comparison = compare(read_side(name, base), read_side(name, head))
    return [
        (
            change.document,
            ".".join(map(str, change.path)),
            change.change,
            None if change.origin is None else ".".join(map(str, change.origin)),
        )
        for change in comparison.changes
    ]


def manifest(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{KEY: {value}}}\n"


def test_a_document_in_front_moves_no_other() -> None:
    base = "---\n".join((manifest("a", "one"), manifest("b", "two")))
    head = "---\n".join((manifest("new", "three"), manifest("a", "one"), manifest("b", "changed")))
    assert kinds(base.encode(), head.encode()) == [
        (2, "data.KEY", "changed", None),
        (0, "apiVersion", "added", None),
        (0, "kind", "added", None),
        (0, "metadata.name", "added", None),
        (0, "data.KEY", "added", None),
    ]


def test_a_document_that_is_gone_keeps_its_number() -> None:
    base = "---\n".join((manifest("a", "one"), manifest("b", "two")))
    assert kinds(base.encode(), manifest("b", "two").encode()) == [
        (0, "apiVersion", "removed", None),
        (0, "kind", "removed", None),
        (0, "metadata.name", "removed", None),
        (0, "data.KEY", "removed", None),
    ]


def test_documents_without_a_name_are_compared_by_position() -> None:
    assert kinds(b"a: 1\n---\nb: 1\n", b"a: 2\n---\nb: 1\n") == [(0, "a", "changed", None)]


def test_a_renamed_key_is_moved() -> None:
    assert kinds(b"old: value\nother: x\n", b"new: value\nother: x\n") == [(0, "new", "moved", "old")]


def test_two_keys_with_one_value_are_not_guessed_at() -> None:
    assert kinds(b"a: same\nb: same\n", b"c: same\nd: same\n") == [
        (0, "a", "removed", None),
        (0, "b", "removed", None),
        (0, "c", "added", None),
        (0, "d", "added", None),
    ]


def test_the_rest_of_a_list_moves_up() -> None:
    assert kinds(b"list: [a, b, c]\n", b"list: [b, c]\n") == [
        (0, "list.0", "moved", "list.1"),
        (0, "list.0", "removed", None),
        (0, "list.1", "moved", "list.2"),
    ]


def test_tokens_of_a_list_are_known_by_themselves(sops: Sops) -> None:
    base = sops.encrypted("list:\n- first\n- second\n")
    lines = base.split(b"\n")
    swapped = b"\n".join((lines[0], lines[2], lines[1], *lines[3:]))
    assert kinds(base, swapped) == [(0, "list.0", "moved", "list.1"), (0, "list.1", "moved", "list.0")]


def test_a_token_under_another_key_is_no_move(sops: Sops) -> None:
    base = sops.encrypted("stringData:\n  old: one value\n", *REGEX)
    assert kinds(base, base.replace(b"old: ENC", b"new: ENC")) == [
        (0, "stringData.old", "removed", None),
        (0, "stringData.new", "added", None),
    ]
