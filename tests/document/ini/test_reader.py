r"""What INI text is for sops: each case was read by the released sops (see tests/interop/test_ini_in_place.py)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Leaf, ini, parse
from sopskit.errors import DocumentSyntaxError, MetadataError, SopskitError
from tests.document.stand_in import facts


def values(text: str) -> list[tuple[str | int, str | int, str]]:
    """Section, key and value of every leaf."""
    items = parse(text.encode(), ini).items
    return [(item.parent.key or "", item.key, item.value) for item in items if isinstance(item, Leaf)]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("k = v", "v"),
        ("  k=  v \t", "v"),
        ("k: v=w", "v=w"),
        ("k = ", ""),
        ("k =", ""),
        ("k = http://h/#x", "http://h/"),
        ("k = a;b", "a"),
        ("k = ; c", ""),
        ('k = "a b"', "a b"),
        ("k = 'a b'", "a b"),
        ('k = " p "', " p "),
        ('k = "a"b"', '"a"b"'),
        ('k = "a#b"', '"a'),
        ("k = 'a", "'a"),
        ('k = ""', ""),
        ('k = "', '"'),
        ("k = '\"ab\"'", '"ab"'),
        ("k = `a # b`", "a # b"),
        ("k = `a` and `b`", "a` and `b"),
        ('k = """a"""', "a"),
        ('k = """a"b"""', 'a"b'),
        ('k = """', '"""'),
        ("k = %(x)s", "%(x)s"),
        ("k = a\\\n  b\\\nc", "abc"),
        ("k = a \\", "a "),
        ("k = a # b\\\n c ; d", "a # bc ; d"),
        ('k = """a\n  b"""', "a\n  b"),
        ("k = `a\r\nb`", "a\r\nb"),
        ('k = """a\nb"""\\\nc"""', 'a\nb"""\\\nc'),
        ("k = \xa0v\u3000", "v"),
        ("k = \x1cv", "\x1cv"),
    ],
)
def test_a_value_is_what_sops_reads(line: str, value: str) -> None:
    assert values(line) == [("DEFAULT", "k", value)]


def test_a_blank_line_ends_a_continued_value() -> None:
    assert values("a = 1\\\n\nb = 2") == [("DEFAULT", "a", "1"), ("DEFAULT", "b", "2")]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("a.b c = x", "a.b c"),
        ('"a=b" = x', "a=b"),
        ("`a:b`=x", "a:b"),
        ('"""a"b""" = x', 'a"b'),
        ('"a" ignored = x', "a"),
        ("é = x", "é"),
        ('""="= x', "="),
    ],
)
def test_a_key_is_what_sops_reads(line: str, key: str) -> None:
    if key == "=":
        with pytest.raises(DocumentSyntaxError, match="this key is empty"):
            values(line)
        return
    assert values(line) == [("DEFAULT", key, "x")]


def test_keys_called_dash_are_numbered_in_each_section() -> None:
    assert values("- = a\n- = b\n[s]\n- = c") == [("DEFAULT", "#1", "a"), ("DEFAULT", "#2", "b"), ("s", "#1", "c")]


def test_sections_are_named_up_to_their_last_bracket_and_may_repeat() -> None:
    text = "a = 1\n[ s ]\nb = 2\n[a]b]\nc = 3\n[ s ]\nb = 4\n[DEFAULT]\na = 5"
    assert values(text) == [
        ("DEFAULT", "a", "1"),
        (" s ", "b", "2"),
        ("a]b", "c", "3"),
        (" s ", "b", "4"),
        ("DEFAULT", "a", "5"),
    ]


def test_additional_data_begins_with_the_section() -> None:
    assert [item.aad for item in parse(b"# c\na = 1\n[s]\n; d\nb = 2\n# end", ini).items] == [
        "DEFAULT:a:",
        "DEFAULT:",
        "s:b:",
        "s:",
        ":",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# c\nk = v", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "c")]),
        ("k = v ; c ", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "c")]),
        ("k = v#c", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "c")]),
        ("## a \n\n  ; b\nk = v # c", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "a \n; b\n# c")]),
        ("; a\r\n# b\r\nk = v\r\n", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "a\n# b")]),
        ("# a\n[s] ; b\n# c\n", [("s", "#", "a\n; b"), ("#", "c")]),
        ("#\nk = v", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "")]),
        ("#\n# a\nk = v", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "#\n# a")]),
        ("k = `v` ; c", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "c")]),
        ('k = """v\nw""" ; c', [("DEFAULT", "k", "str", "v\nw"), ("DEFAULT", "#", "c")]),
        ("# ENC[x]\n;\nk = v ;", [("DEFAULT", "k", "str", "v"), ("DEFAULT", "#", "ENC[x]")]),
    ],
)
def test_all_comment_text_of_a_key_or_section_is_one_comment(text: str, found: list[tuple[str, ...]]) -> None:
    assert facts(parse(text.encode(), ini)) == found


def test_the_section_sops_is_the_block_and_its_line_feeds_were_escaped() -> None:
    document = parse(b"a = 1\n# c\n[sops] ; d\n# e\nmac = x\\ny\n# f\nv = `#`\n[s]\nb = 2\n", ini)
    assert document.block is not None
    assert (document.block.tree, document.block.flat, document.block.line) == ({"mac": "x\ny", "v": "#"}, True, 3)
    assert facts(document) == [("DEFAULT", "a", "str", "1"), ("#", "c"), ("s", "b", "str", "2")]


def test_metadata_over_several_lines_of_older_releases_is_read() -> None:
    block = parse(b'[sops]\nage__list_0__map_enc = """-----BEGIN\nAAAA\n"""\n', ini).block
    assert block is not None
    assert block.tree == {"age__list_0__map_enc": "-----BEGIN\nAAAA\n"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sops]\n[sops]\n", "found duplicate sops entry"),
        ("[sops]\na = 1\na = 2\n", "duplicate metadata key a"),
    ],
)
def test_repeated_metadata_is_refused(text: str, message: str) -> None:
    with pytest.raises(MetadataError, match=message):
        values(text)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a = 1\nhunter2\n", "this line has no = or :", 2),
        ("= v", "this key is empty", 1),
        ('"" = v', "this key is empty", 1),
        ('"a = v', "the quote that opens this key is never closed", 1),
        ("`a` v", "this line has no = or :", 1),
        ("[s", "this section's name is not closed", 1),
        ("[]", "this section has no name", 1),
        ("k = `a\nb", "the quote that opens this value is never closed", 1),
        ('k = """\nb\n', "the quote that opens this value is never closed", 1),
        ("[s]\nk = hunter2\nk = hunter3", "this key stands twice in one section", 3),
    ],
)
def test_what_sops_cannot_read_or_loses_is_refused_with_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(DocumentSyntaxError, match=message) as caught:
        values(text)
    assert caught.value.location is not None
    assert caught.value.location.line == line
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_refused(mark: bytes) -> None:
    with pytest.raises(DocumentSyntaxError, match="UTF-16"):
        parse(mark + b"a\x00", ini)


def test_a_byte_order_mark_and_bytes_that_are_no_text_are_kept() -> None:
    document = parse(b"\xef\xbb\xbfk = \xff\n", ini)
    assert [(leaf.key, leaf.data) for leaf in document.leaves()] == [("k", b"\xff")]
    assert document.to_bytes() == b"\xef\xbb\xbfk = \xff\n"


@given(st.text(st.sampled_from("ab=: \t\r\n\"'`#;[]\\-é\udcff"), max_size=40))
def test_any_text_is_read_or_refused_with_an_error_of_ours(text: str) -> None:
    source = text.encode("utf-8", "surrogateescape")
    try:
        document = parse(source, ini)
    except SopskitError:
        return
    assert document.to_bytes() == source


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(source: bytes) -> None:
    with contextlib.suppress(SopskitError):
        parse(source, ini, encrypted=True)
