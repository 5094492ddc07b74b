"""How strings are written, and that every reader gets them back: SOPS section 7.1.4."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document.yaml import spell
from sopskit.document.yaml.resolve import resolve_tagged
from sopskit.document.yaml.verify import signature
from tests.document.yaml.fakes import opened

TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(
    st.sampled_from(" \t\n\r-?:,[]{}#&*!|>'\"%@`a1.~=<\\/\u2028\x85\ufeffé\U0001f600"), max_size=9
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'), ("a: b", "'a: b'"), ("a #b", "'a #b'"), ("a#b", "a#b"), ("a:b", "a:b"), ("a,b", "a,b"), ("a[b]", "a[b]"),
        ("-a", "-a"), ("?a", "?a"), (":a", ":a"), ("- a", "'- a'"), ("-", "'-'"), ("---", "'---'"), ("---a", "'---a'"),
        ("...a", "'...a'"), ("true", '"true"'), ("yes", '"yes"'), ("n", '"n"'), ("~", '"~"'), ("1", '"1"'), ("0x1f", '"0x1f"'),
        ("1_000", '"1_000"'), ("1:30", '"1:30"'), (".5", '".5"'), ("2001-01-01", '"2001-01-01"'), ("1:70", "1:70"),
        ("1.2.3", "1.2.3"), ("1e400", "1e400"), ("+.nan", "+.nan"), ("08x", "08x"), ("\ta", '"\\ta"'), ("'a'", "'''a'''"),
        ('"a"', "'\"a\"'"), ("a\r\nb", '"a\\r\\nb"'), (" a", "' a'"), ("a ", "'a '"), ("a:", "'a:'"), ("#a", "'#a'"),
    ],
)  # fmt: skip
def test_one_line_strings_as_sops_writes_them(text: str, written: str) -> None:
    assert spell.preferred(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb", "k: |-\n    a\n    b\n"), ("a\nb\n", "k: |\n    a\n    b\n"), ("a\nb\n\n", "k: |+\n    a\n    b\n\n"),
        ("a \nb", 'k: "a \\nb"\n'), ("a\nb ", 'k: "a\\nb "\n'), ("a\n\tb", "k: |-\n    a\n    \tb\n"),
        (" a\nb", 'k: " a\\nb"\n'), ("\n", 'k: "\\n"\n'), ("\ta\nb", 'k: "\\ta\\nb"\n'), ("\na", 'k: "\\na"\n'),
        ("a\u2028\nb", 'k: "a\\u2028\\nb"\n'),
    ],
)  # fmt: skip
def test_several_lines_become_a_literal_block_where_that_is_safe(text: str, written: str) -> None:
    assert opened("k: <a>\n", a=text) == written


@pytest.mark.parametrize("text", ["a,b", "a?b", "a]", "{a", "::a", "?a", "-:", "-,", "-:x"])
def test_flow_needs_more_quotes(text: str) -> None:
    assert spell.preferred(text, flow=True) == f"'{text}'"


def test_safe_words_are_plain_in_flow() -> None:
    assert spell.preferred("http://x/y", flow=True) == "http://x/y"
    assert spell.preferred("-a", flow=True) == "-a"


def test_words_of_yaml_1_1_are_strings_only_in_quotes() -> None:
    for word in ("y", "Yes", "ON", "off", "=", "<<"):
        assert not spell.is_plain(word, flow=False)
        assert spell.is_plain(word, flow=False, tagged=True)


def test_a_time_that_sops_cannot_write_is_quoted() -> None:
    assert not spell.is_plain("2001-12-14T01:02:03+24:00", flow=False)


@given(TEXT)
def test_double_quotes_hold_any_string(text: str) -> None:
    written = spell.double_quoted(text)
    assert signature(f"a: {written}\n")[3] == text
    assert signature(f"[{written}]\n")[2] == text
    assert "\n" not in written


@given(TEXT, st.booleans())
def test_one_line_strings_read_back(text: str, flow: bool) -> None:
    written = spell.preferred(text, flow=flow)
    around = f"a: [{written}]\n" if flow else f"a: {written}\n"
    scalar = [event for event in yaml.parse(around) if isinstance(event, yaml.ScalarEvent)][-1]
    assert scalar.value == text
    assert resolve_tagged(scalar.value, None, plain=not scalar.style) == ("str", text.encode())


@given(TEXT)
def test_plain_strings_are_strings_for_yaml_1_1_too(text: str) -> None:
    if spell.is_plain(text, flow=False) and not any(ord(c) > 0xFFFF for c in text):
        assert yaml.safe_load(f"[{text}]" if spell.is_plain(text, flow=True) else f"- {text}") == [text]


def test_a_text_that_cannot_be_read_has_no_shape() -> None:
    assert signature("[") == []


def test_folded_blocks_double_the_breaks_between_lines() -> None:
    assert spell.folded_lines("a\nb\n") == ["a", "", "b"]
    assert spell.folded_lines("a\n\nb") == ["a", "", "", "b"]


@pytest.mark.parametrize("text", ["\na", "a\n\n", "a\n b", "a\n\tb"])
def test_what_folding_cannot_hold(text: str) -> None:
    assert spell.folded_lines(text) is None


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "a\u2028"])
def test_comments_hold_one_printable_line(text: str) -> None:
    assert spell.comment_text(text) is None
