"""Hostile text made harmless."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.redact import escape, escape_bytes, escape_path, is_harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text_1-2.3/4", "plain text_1-2.3/4"),
        ("größe 値 é", "größe 値 é"),
        ("line\nfeed\r\ttab", "line\\nfeed\\r\\ttab"),
        ("\x1b[31mred\x07\x00\x7f", "\\x1b[31mred\\x07\\x00\\x7f"),
        ("\x9b31m\x85", "\\u{009b}31m\\u{0085}"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b\N{POP DIRECTIONAL ISOLATE}", "a\\u{202e}b\\u{2069}"),
        ("\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{SOFT HYPHEN}", "\\u{200b}\\u{feff}\\u{00ad}"),
        ("\N{NO-BREAK SPACE}\N{LINE SEPARATOR}", "\\u{00a0}\\u{2028}"),
        ("\N{HANGUL FILLER}\N{VARIATION SELECTOR-16}\N{BRAILLE PATTERN BLANK}", "\\u{3164}\\u{fe0f}\\u{2800}"),
        ("\U000e0041\U000f0000", "\\u{e0041}\\u{f0000}"),
        ("\udcff\ud800", "\\xff\\u{d800}"),
    ],
)
def test_what_is_not_plainly_drawn_is_spelled_out(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_what_is_shown_is_harmless_and_stays_so(text: str) -> None:
    shown = escape(text)
    assert all((is_harmless(char) and unicodedata.category(char)[0] not in "CZ") or char == " " for char in shown)
    assert escape(shown) == shown


def test_a_file_name_need_not_be_utf8() -> None:
    assert escape_bytes(b"caf\xc3\xa9-\xff\n") == "café-\\xff\\n"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("stringData", "DB_PASSWORD"), "stringData.DB_PASSWORD"),
        (("list", 0, "a", 12), "list[0].a[12]"),
        ((0, "a"), "[0].a"),
        (("data", "tls.crt"), 'data["tls.crt"]'),
        (("", 'a"\\b\x1b'), '[""]["a\\"\\\\b\\x1b"]'),
        (("größe",), "größe"),
        ((), ""),
    ],
)
def test_a_key_path_is_shown_without_doubt_about_its_parts(path: tuple[str | int, ...], shown: str) -> None:
    assert escape_path(path) == shown
