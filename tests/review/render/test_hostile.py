"""Whatever stands in a repository, the terminal shows text and the comment shows code: no control, link, mention or HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sopskit.redact import escape, is_harmless
from sopskit.redact.escaping import NOTHING
from sopskit.review.render import markdown, terminal
from sopskit.review.render.words import shorten
from tests.review.render import reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
ATTACK = pytest.mark.parametrize("attack", reports.ATTACKS, ids=range(len(reports.ATTACKS)))
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TAGS = re.compile(
    r"<!-- sopskit-review:v1 head=[0-9a-f]{40} -->\n?|</?sub>"
    r"|<details><summary>(what to do|all places|\d+ rows?|\d+ waived findings?|\d+ more files?)</summary>\n?|</details>\n?"
)


def flat(comment: str) -> Iterator[Token]:
    for token in PARSER.parse(comment):
        yield from token.children or (token,)


def skeleton(comment: str) -> list[tuple[str, str]]:
    """What a reader sees, without what stands in code."""
    return [(token.type, "" if token.type == "code_inline" else token.content) for token in flat(comment)]


HARMLESS = skeleton(markdown.render(reports.hostile("harmless")))


def test_the_parser_would_see_links_html_and_tables() -> None:
    seen = {kind for kind, _ in skeleton("https://a.example <b>x</b> ![a](b) ~~x~~\n\n|a|\n|-|\n|b|\n")}
    assert {"link_open", "html_inline", "image", "s_open", "td_open"} <= seen


@ATTACK
def test_an_attack_changes_nothing_but_the_text_in_code(attack: str) -> None:
    assert skeleton(markdown.render(reports.hostile(attack))) == HARMLESS


@ATTACK
def test_no_tag_but_our_own_is_in_a_comment(attack: str) -> None:
    html = [token.content for token in flat(markdown.render(reports.hostile(attack))) if "html" in token.type]
    assert [tag for tag in html if not TAGS.fullmatch(tag)] == []


@ATTACK
def test_a_reader_sees_the_very_text_but_for_what_is_spelled_out(attack: str) -> None:
    texts = [token.content for token in flat(markdown.render(reports.hostile(attack))) if token.type == "code_inline"]
    spelled = escape(attack).replace("##", "#\\u{23}").replace("<!--", "<\\u{21}--")
    spelled = spelled.replace("`" * 8, "\\u{60}" * 8)
    if spelled.strip().startswith(":"):
        spelled = spelled.replace(":", "\\u{3a}", 1)
    if spelled.isspace():
        spelled = spelled.replace(" ", "\\x20")
    assert shorten(spelled or NOTHING, markdown.LIMIT) in texts


@ATTACK
def test_a_comment_holds_one_marker_and_no_line_speaks_to_a_runner(attack: str) -> None:
    comment = markdown.render(reports.hostile(attack))
    assert comment.startswith(f"{reports.STICKY}\n")
    assert comment.count("<!--") == 1
    assert_silent(comment)
    assert all(is_harmless(char) or char in "\n\ufe0f" for char in comment)  # the selector belongs to our warning sign


@ATTACK
def test_hostile_names_fit_the_budget(attack: str) -> None:
    assert len(markdown.render(reports.hostile(attack), budget=10_000).encode()) <= 10_000


@ATTACK
def test_plain_text_for_a_log_has_no_control_character_and_speaks_to_no_runner(attack: str) -> None:
    text = terminal.render(reports.hostile(attack))
    assert all(is_harmless(char) or char == "\n" for char in text)
    assert_silent(text)
    assert text.count("\n") == terminal.render(reports.hostile("harmless")).count("\n")


@ATTACK
def test_a_terminal_is_told_colours_and_nothing_else(attack: str) -> None:
    drawn = terminal.render(reports.hostile(attack), colour=True, width=80)
    assert all(is_harmless(char) or char == "\n" for char in COLOURS.sub("", drawn))


@ATTACK
def test_no_fence_is_longer_than_what_every_parser_knows(attack: str) -> None:
    """Of more than 80 backticks cmark, which GitHub uses, makes no code span."""
    assert "`" * 9 not in markdown.render(reports.hostile(attack))


@given(st.text(st.sampled_from("`|\\ <>&!-[]()@#:*_~a\n\x1b"), max_size=40))
def test_any_text_is_one_code_span_in_a_paragraph_and_in_a_table(text: str) -> None:
    paragraph = list(flat(f"a {markdown.code(text)} b"))[1:-1]
    row = [token for token in flat(f"|x|\n|-|\n| a {markdown.cell(text)} b |") if token.type in ("text", "code_inline")]
    assert [token.type for token in paragraph] == ["text", "code_inline", "text"]
    assert [(token.type, token.content) for token in row] == [
        ("text", "x"),
        ("text", "a "),
        ("code_inline", row[2].content),
        ("text", " b"),
    ]
    assert row[2].content.replace("\\u{7c}", "|") == shorten(paragraph[1].content, markdown.LIMIT)


def assert_silent(text: str) -> None:
    """No line is a command to a CI runner."""
    assert [line for line in text.splitlines() if line.strip().startswith("::") or "##" in line] == []
