"""Plaintexts go in the place of tokens: exactly what stood there, and good YAML for what sops has written."""

from __future__ import annotations

import pytest

from sopskit.document import Plain
from tests.document.yaml.fakes import BLOCK_TEXT, opened, read, round_trip, seal, token, unseal, values


def plain(kind: str, data: str, spelling: str | None = None) -> Plain:
    return Plain(kind, data.encode(), (data if spelling is None else spelling).encode())


@pytest.mark.parametrize(
    "text",
    [
        "a: 1.10\nb: 1e3\nc: +5\nd: TRUE\ne: -0.0\nf: .5\n", "a: 'it''s'\nb: \"q\\\"\\n\"\n", "a: |\n  x  \n\n  z\t\n",
        "a: |2\n    x\n", "a: |+\n  x\n\n\nb: z\n", "a: >\n  x\n\n  z\n", "l:\n- a\n-   'b'\n- - c\n", "a: &x s\nb: !t s\n",
        "a: b c\td\n", "a: \"\"\nb: ''\nc:\n", "# a\n\n# b\na: x # c\n\n\n# d\n", "a: [\"x\", [1, {b: c}], 'd e' ]\n".replace("'d e'", "d e"),
        "a: |  # c\n  x\n", "? a\n: x\n", "a: x\n...\n", "a: x\n---\n# c\n---\n",
    ],
)  # fmt: skip
def test_decrypting_gives_the_encrypted_file_back(text: str) -> None:
    assert round_trip(text) == text


@pytest.mark.parametrize(
    ("text", "given_back"),
    [
        ("a: 0x1F\n", "a: 31\n"), ("a: 017\n", "a: 15\n"), ("a: 1_000\n", "a: 1000\n"), ("a: 2024-01-01\n", "a: 2024-01-01T00:00:00Z\n"),
        ("a: True\n", "a: true\n"), ("a: ['x']\n", "a: [x]\n"), ("a: >\n  x\n  z\n", "a: >\n  x z\n"), ("a: x\n  z\n", "a: x z\n"),
        ('a: "\\x41"\n', 'a: "A"\n'), ("a: |+\n  x\nb: z\n", "a: |\n  x\nb: z\n"), ("x: &x 1\na: [*x]\n", "x: &x 1\na: [1]\n"),
        ("a: |\n  x", "a: |-\n  x"), ("a: yes\n", 'a: "yes"\n'), ("a: |1\n   \n", 'a: "  \\n"\n'),
    ],
)  # fmt: skip
def test_the_losses_are_these(text: str, given_back: str) -> None:
    assert round_trip(text) == given_back
    assert [value[2] for value in values(read(given_back))] == [value[2] for value in values(read(text))]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (plain("int", "5", "007"), "5"), (plain("int", "5", "+5"), "+5"), (plain("float", "1.1", "1.10"), "1.10"),
        (plain("float", "5"), "5.0"), (plain("float", "1000", "1e3"), "1e3"), (plain("float", "0.5", "inf"), "0.5"),
        (plain("float", "+Inf"), ".inf"), (plain("float", "-Inf"), "-.inf"), (plain("float", "NaN"), ".nan"),
        (plain("bool", "True"), "true"), (plain("bool", "True", "TRUE"), "TRUE"), (plain("bool", "False", "0"), "false"),
        (plain("time", "2001-01-01T00:00:00Z"), "2001-01-01T00:00:00Z"), (Plain("int", b"5", b"\xff"), "5"),
        (Plain("float", b"1.5", b"2001-01-01T00:00:00+24:00"), "1.5"), (Plain("str", b"\xff", b"\xff"), "!!binary /w=="),
        (plain("comment", "x"), "x"),
    ],
)  # fmt: skip
def test_values_of_every_kind(value: Plain, written: str) -> None:
    assert opened("a: <a>\n", a=value) == f"a: {written}\n"


@pytest.mark.parametrize("quoted", ["'<a>'", '"<a>"', "!!str <a>", "|-\n  <a>", "!t |-\n  <a>", ">2-\n  <a>"])
def test_numbers_are_never_quoted(quoted: str) -> None:
    assert opened(f"a: {quoted}\nb: x\n", a=plain("int", "5")) == "a: 5\nb: x\n"


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("a: '<a>'\n", "x\nz", 'a: "x\\nz"\n'), ("a: '<a>'\n", "it's", "a: 'it''s'\n"), ('a: "<a>"\n', "x", 'a: "x"\n'),
        ("a: ['<a>']\n", "x, z", "a: ['x, z']\n"), ("a: ['<a>']\n", "1", 'a: ["1"]\n'), ("a: ['<a>']\n", "x\n", 'a: ["x\\n"]\n'),
        ("a: |-\n  <a>\n", "x", "a: |-\n  x\n"), ("a: |-\n  <a>\n", " x", 'a: " x"\n'), ("a: |2-\n  <a>\n", " x\n", "a: |2\n   x\n"),
        ("a: |-\n  <a>\n\n\nb: c\n", "x\n\n", 'a: "x\\n\\n"\n\n\nb: c\n'), ("a: |-  # c\n  <a>\n", "\t", 'a: "\\t"  # c\n'),
        ("a: >-\n  <a>\n", "x\n z", "a: |-\n  x\n   z\n"), ("a: >-\n  <a>\n", "x\nz\n", "a: >\n  x\n\n  z\n"),
        ("a: !!str <a>\n", "5", "a: !!str 5\n"), ("a: ! <a>\n", "5", 'a: ! "5"\n'), ("a: <a> # c\n", "x\nz\n", "a: | # c\n    x\n    z\n"),
        ("- b: x\n", "", "- b: x\n"), ("l:\n  - <a>\n  - x\n", "x\nz", "l:\n  - |-\n    x\n    z\n  - x\n"),
        ("l:\n  - k: <a>\n    m: x\n", "x\nz", "l:\n  - k: |-\n        x\n        z\n    m: x\n"),
        ("a: <a>\n\nb: x\n", "x\n\n", 'a: "x\\n\\n"\n\nb: x\n'), ("a: <a>\nb: x\n", "x\n\n", "a: |+\n    x\n\nb: x\n"),
        ("a: &n <a>\n", "x\nz", "a: &n |-\n    x\n    z\n"), ("a:\n  <a>\n", "x\nz", "a:\n  |-\n    x\n    z\n"),
        ("? <a>\n", "", "? <a>\n"),
    ],
)  # fmt: skip
def test_strings_in_every_place(text: str, value: str, written: str) -> None:
    if value:
        assert opened(text, a=value) == written


def test_a_block_at_the_end_of_a_file_gets_its_line_end() -> None:
    document = unseal(f"{BLOCK_TEXT}a: {token(1, 'str')}", {token(1, "str"): plain("str", "x\nz\n")})
    assert document.text == "a: |\n    x\n    z\n"


def test_a_text_that_reads_otherwise_is_mended_with_double_quotes() -> None:
    # a comment deeper than the block would become its last line
    text = "a:\n  b: <a>\n      # deep\n"
    assert opened(text, a="x\nz\n") == 'a:\n  b: "x\\nz\\n"\n      # deep\n'


def test_comments_are_restored_verbatim_or_not_at_all() -> None:
    text = f"#{token(1, 'comment')}\na: x #{token(2, 'comment')}\n"
    keys = {token(1, "comment"): plain("comment", "  é  "), token(2, "comment"): plain("comment", "x\nz")}
    assert unseal(text + BLOCK_TEXT, keys).text == f"#  é  \na: x #{token(2, 'comment')}\n"


def test_a_list_comment_that_no_comment_can_hold_stays_a_token() -> None:
    text = f"l:\n- {token(1, 'comment')}\n- x\n"
    assert unseal(text + BLOCK_TEXT, {token(1, "comment"): plain("comment", "x\nz")}).text == (
        f"l:\n#{token(1, 'comment')}\n- x\n"
    )


def test_an_entry_anywhere_is_taken_away_with_its_lines() -> None:
    text = f"a: {token(1, 'str')}\nsops:\n    # c\n    x: |\n        v\n\nb: x # d\n"
    assert unseal(text, {token(1, "str"): plain("str", "v")}).text == "a: v\nb: x # d\n"
    assert unseal("a: x\nsops: {v: 1} # c\nb: z\n", {}).text == "a: x\nb: z\n"
    assert unseal("{sops: {v: 1}, a: x}\n", {}).text == "{ a: x}\n"
    assert unseal("? sops\n: v: 1\na: x\n", {}).text == "a: x\n"


def test_an_indented_entry_goes_with_its_indentation() -> None:
    assert unseal("  sops: {v: 1}\n  a: x\n---\n  sops: {}\n  b: z\n", {}).text == "  a: x\n---\n  b: z\n"


def test_documents_without_an_entry_stay() -> None:
    assert unseal(f"a: x\n{BLOCK_TEXT}---\nb: z\n", {}).text == "a: x\n---\nb: z\n"
    assert unseal("{a: x, sops: {v: 1} }\n", {}).text == "{a: x }\n"


def test_a_file_of_nothing_but_the_entry_becomes_an_empty_mapping() -> None:
    assert unseal(BLOCK_TEXT, {}).text == "{}\n"
    assert unseal("---\n" + BLOCK_TEXT, {}).text == "---\n"
    assert unseal("{sops: {}}\n", {}).text == "{}\n"


def test_aliases_follow_their_anchors() -> None:
    text = f"l: [&x '{token(1, 'str')}', *x]\n"
    assert unseal(text + BLOCK_TEXT, {token(1, "str"): plain("str", "v")}).text == "l: [&x v, *x]\n"


def test_an_alias_that_opens_to_something_else_is_written_out() -> None:
    shared, other = token(1, "str"), token(2, "int")
    document = read(
        f"a: &x [{shared!r}, {other!r}, c, !!binary gA==]\nb: *x\nk: &y {shared}\nm: *y\n*y : x\n{BLOCK_TEXT}"
    )
    chosen = [leaf for leaf in document.leaves() if leaf.path[0] in {"b", "k"} and leaf.value in {shared, other}]
    values = [(leaf, plain("int", "5") if leaf.value == other else plain("str", "v")) for leaf in chosen]
    result = document.format.open(document, values).text
    assert result == (
        f'a: &x [{shared!r}, {other!r}, c, !!binary gA==]\nb: ["v", 5, "c", !!binary gA==]\n'
        f'k: &y v\nm: "{shared}"\n"{shared}" : x\n'
    )


def test_an_alias_of_a_key_that_opens_is_written_out() -> None:
    text = f"&k {token(1, 'str')}: x\na: *k\n"
    assert unseal(text + BLOCK_TEXT, {token(1, "str"): plain("str", "v")}).text == (
        f'&k {token(1, "str")}: x\na: "v"\n'
    )


def test_values_in_hints_survive_sealing_twice() -> None:
    text = "a: 'x'\nb: |\n  z\n"
    once = round_trip(text)
    assert seal(once).text == seal(text).text
