"""Tokens go in the place of values, in the values' own quotes; the `sops` entry follows the file's layout."""

from __future__ import annotations

import pytest

from sopskit.document import Leaf
from sopskit.document.yaml.unread import UnreadDocument
from sopskit.errors import RefusedError
from tests.document.yaml.fakes import BLOCK, BLOCK_TEXT, YAML, read, round_trip, seal, token, unseal, values


def test_only_values_and_comments_change() -> None:
    text = "# head\na:   x   # c\n'b' : \"z\"\nc:\n  - 'q'\n\n  -   w\n"
    assert seal(text).short == "#<1>\na:   <2>   #<3>\n'b' : \"<4>\"\nc:\n  - '<5>'\n\n  -   <6>\n".replace(
        "<2>   #<3>", "<3>   #<2>"
    )
    assert round_trip(text) == text


def test_what_is_not_selected_stays_byte_for_byte() -> None:
    text = "a: 'x'  # c\nb: [1, {c: >-\n   }]\n".replace("{c: >-\n   }", "{c: d}")
    assert seal(text, lambda _: False).text == text + BLOCK_TEXT


@pytest.mark.parametrize(
    ("text", "sealed"),
    [
        ("a: |2\n    x\n  y\n", "a: |2-\n  <1>\n"), ("a: |-3\n     x\n", "a: |-3\n   <1>\n"), ("a: >+\n  x\n\n", "a: >-\n  <1>\n"),
        ("a: |\n  x\n   \n", "a: |-\n  <1>\n"), ("a: |\n\n\n  x\n", "a: |-\n  <1>\n"), ("a: |\n  x\n \n", "a: |-\n  <1>\n \n"),
        ("a: |1\n   \n", 'a: "<1>"\n'), ("a: |\r\n  x\r\n", "a: |-\r\n  <1>\r\n"), ("a: x\n  y z\n", "a: <1>\n"),
        ("a: 'x\n\n  y'\n", "a: '<1>'\n"), ("a: [x\n  y]\n", "a: ['<1>']\n"), ("? a\n: |\n  x\n", "? a\n: |-\n  <1>\n"),
        ("- |\n  x\n", None),
    ],
)  # fmt: skip
def test_spans_of_every_style(text: str, sealed: str | None) -> None:
    if sealed is not None:
        assert seal(text).text.startswith(sealed.replace("<1>", token(1, "str")))
        assert values(unseal(seal(text).text, seal(text).plain)) == values(read(text))


def test_values_that_stood_bare_do_so_again() -> None:
    text = "a: |  # c\n  x\n  z\nb: \"q\"\nc: &n 'v\n  w'\nd: {e: x}\n"
    places = frozenset((0, (key,)) for key in "abc") | {(0, ("d", "e"))}
    assert seal(text, one_line=places).short == "a: <2>  #<1>\nb: <3>\nc: &n <4>\nd: {e: '<5>'}\n"


@pytest.mark.parametrize(
    ("text", "indent", "step"),
    [
        ("a: x\n", None, 4), ("a:\n  b: x\n", None, 2), ("a:\n   b: x\n", None, 3), ("a:\n  b: x\nc:\n    d: x\n", None, 4),
        ("a:\n  b: x\n", 6, 6), ("a:\n b: x\n", None, 4), ("a: x\n", 1, 2), ("a: x\n", 12, 2),
    ],
)  # fmt: skip
def test_the_entry_follows_the_files_indentation(text: str, indent: int | None, step: int) -> None:
    lines = seal(text, indent=indent).text.splitlines()
    entry = lines[lines.index("sops:") :]
    assert f"{' ' * step}version: 3.13.3" in entry
    assert f"{' ' * 2 * step}- enc: |" in entry
    content = step * ((2 * step + 2 + step) // step)
    assert f"{' ' * content}-----BEGIN-----" in entry


def test_the_entry_has_the_files_line_ends() -> None:
    assert "\n" not in seal("a: x\r\n").text.replace("\r\n", "")
    assert seal("a: x\rb: z\r").text.count("\n") == 0


def test_fields_of_the_entry_are_sorted_and_typed() -> None:
    tree = {"z": [], "b": {"w": 1, "v": None}, "a": [True, "1", "multi\nline", {}], "mac_only": False}
    document = YAML.seal(read("a: x\n"), [], tree, indent=2, one_line=frozenset())  # type: ignore[arg-type]
    assert document.text == (
        'a: x\nsops:\n  a:\n    - true\n    - "1"\n    - |-\n      multi\n      line\n    - {}\n'
        "  b:\n    v: null\n    w: 1\n  mac_only: false\n  z: []\n"
    )
    assert document.block is not None
    assert document.block.tree == tree


def test_a_null_document_becomes_a_mapping() -> None:
    assert seal("--- ~\n").text == f"--- \n{BLOCK_TEXT}"
    assert seal("---\n---\na: x\n").text.count("sops:") == 2


def test_an_entry_in_a_later_document_is_refused() -> None:
    with pytest.raises(RefusedError, match="sops"):
        seal("a: x\n---\nsops: z\n")


def test_the_result_is_read_when_asked_for() -> None:
    document = seal("a: x\n").document
    assert isinstance(document, UnreadDocument)
    assert [item.path for item in document.items if isinstance(item, Leaf)] == [("a",)]
    assert (document.roots[0].path, document.block is not None) == ((), True)
    assert repr(document) == "<yaml document, 1 items>"
    with pytest.raises(AttributeError):
        document.nothing  # noqa: B018


def test_another_entry_takes_the_place_of_the_one_there() -> None:
    tree = {**BLOCK, "version": "3.14.0"}
    for text in ("a: x\n", "a: x", "{a: x}\n", "{}", "a: x\n---\nb: z\n", "a:\n  b: x\n"):
        sealed = seal(text)
        changed = YAML.reblock(sealed.document, tree, indent=None)
        assert changed.text == sealed.text.replace("3.13.3", "3.14.0")
        assert changed.block is not None
        assert changed.block.tree == tree


def test_another_entry_keeps_its_place_and_its_step() -> None:
    text = "sops:\n   version: 1\n   age: []\n\na:\n  b: x\n"
    changed = YAML.reblock(read(text), {"version": "2", "mac": {"x": 1}}, indent=None)
    assert changed.text == 'sops:\n   mac:\n      x: 1\n   version: "2"\n\na:\n  b: x\n'
    assert "sops:\n  mac:" in YAML.reblock(read(text), {"mac": {"x": 1}}, indent=2).text


def test_a_document_without_an_entry_gets_one() -> None:
    changed = YAML.reblock(read("sops: {}\na: x\n---\nb: z\n"), {"v": 1}, indent=None)
    assert changed.text == "sops:\n    v: 1\na: x\n---\nb: z\nsops:\n    v: 1\n"


@pytest.mark.parametrize("text", ["sops:\na: x\n", "sops: |\n  x\na: x\n", "sops: # c\n  a: 1\n  # d\nb: x\n"])
def test_an_entry_of_any_form_is_replaced(text: str) -> None:
    changed = YAML.reblock(read(text), {"v": 1}, indent=None)
    assert changed.block is not None
    assert changed.block.tree == {"v": 1}
