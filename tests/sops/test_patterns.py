"""Patterns mean what they mean in Go, or are refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sopskit.errors import ConfigError
from sopskit.sops.patterns import MAX_NESTING, compile_pattern, compile_stored_pattern

RECORDED = json.loads((Path(__file__).parents[2] / "fixtures" / "go-regexp" / "cases.json").read_text("utf-8"))
ACCEPTED = [row for row in RECORDED["rows"] if "found" in row]
# which names of classes there are is a matter of Unicode's version, so an unknown one decides nothing
UNKNOWN_CLASS = "\\p{Foo}"
REFUSED = [row["pattern"] for row in RECORDED["rows"] if "found" not in row and row["pattern"] != UNKNOWN_CLASS]


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: ascii(row["pattern"])[:40])
def test_a_pattern_finds_what_it_finds_in_go(row: dict[str, Any]) -> None:
    matches = compile_pattern(row["pattern"], "path_regex")
    assert "".join("01"[matches(subject)] for subject in RECORDED["subjects"]) == row["found"]


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda pattern: ascii(pattern)[:40])
def test_a_pattern_that_go_refuses_is_refused_and_matches_nothing_where_it_is_stored(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"^path_regex is not a usable regular expression: "):
        compile_pattern(pattern, "path_regex")
    matches = compile_stored_pattern(pattern, "path_regex")
    assert [subject for subject in RECORDED["subjects"] if matches(subject)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "\\p{L}{1000}",
        "(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1),
        "\\p{Letter}",
        "\\P{LC}",
        UNKNOWN_CLASS,
    ],
    ids=lambda pattern: pattern[:20],
)
def test_what_go_may_take_and_we_cannot_judge_is_refused_even_where_it_is_stored(pattern: str) -> None:
    with pytest.raises(ConfigError):
        compile_stored_pattern(pattern, "encrypted_regex")


def test_a_stored_pattern_that_compiles_is_used() -> None:
    assert compile_stored_pattern("^a", "encrypted_regex")("ab")


def test_a_byte_that_is_not_utf8_counts_as_the_replacement_character() -> None:
    assert compile_pattern("^a\ufffd\ufffd$", "path_regex")(b"a\xff\xfe".decode("utf-8", "surrogateescape"))


def test_a_pattern_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ConfigError, match="it is not valid UTF-8"):
        compile_pattern("\udcff", "path_regex")


def test_a_pattern_made_to_be_slow_is_not() -> None:
    matches = compile_pattern("^(a+)+$", "path_regex")
    start = time.process_time()
    assert not matches("a" * 100_000 + "!")
    assert time.process_time() - start < 5  # with the square of the size it were minutes


def test_nothing_is_written_to_the_error_output(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError):
        compile_pattern("(", "path_regex")
    assert capfd.readouterr().err == ""
