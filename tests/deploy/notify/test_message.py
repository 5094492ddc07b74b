from __future__ import annotations

import pytest

from sopskit.deploy.notify.message import LONGEST_LINE, LONGEST_SUMMARY, MOST_LINES, Notice, shorten, tidy, title
from tests.deploy.notify.notices import NOTICE


def test_a_notice_in_order_stays_as_it_is() -> None:
    assert tidy(NOTICE) == NOTICE


def test_every_text_is_escaped() -> None:
    def filled(text: str) -> Notice:
        return Notice(text, text, text, text, (text,), text, text, text, 1.5)

    assert tidy(filled("a\x1b[2J\u202eb\nc")) == filled("a\\x1b[2J\\u{202e}b\\nc")


def test_texts_and_lines_are_cut() -> None:
    long = tidy(NOTICE._replace(summary="s" * 10_000, lines=("l" * 10_000,) * (MOST_LINES + 7)))
    assert long.summary == "s" * (LONGEST_SUMMARY - 3) + "..."
    assert long.lines == (*["l" * (LONGEST_LINE - 3) + "..."] * MOST_LINES, "and 7 more")


def test_what_escaping_makes_longer_is_cut_too() -> None:
    assert shorten("\x00" * 10, 10) == "\\x00\\x0..."


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://user:test-token@git.example.org/a/b.git", "https://git.example.org/a/b.git"),
        ("https://test-token@git.example.org/a@b", "https://git.example.org/a@b"),
        ("https://git.example.org/a?private_token=test-token#x", "https://git.example.org/a"),
        ("ssh://git@git.example.org/a/b.git", "ssh://git.example.org/a/b.git"),
    ],
)
def test_the_repository_is_shown_without_user_and_query(written: str, shown: str) -> None:
    assert tidy(NOTICE._replace(repository=written)).repository == shown


def test_the_title_names_the_source_the_cluster_and_what_happened() -> None:
    assert title(NOTICE) == "dev/app in staging: applied"
    assert title(NOTICE._replace(cluster="")) == "dev/app: applied"
