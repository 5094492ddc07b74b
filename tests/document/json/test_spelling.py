from __future__ import annotations

import json as stdlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document.json.spelling import GO, Layout, habit_in_token, habit_of, quote, quote_token
from sopskit.errors import DocumentSyntaxError, LimitError
from tests.document.stand_in import token

if TYPE_CHECKING:
    from sopskit.document.json.spelling import Habit

HABITS = st.frozensets(st.sampled_from(["ascii", "html", "slash", "upper"]))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("text", "habit", "spelling"),
    [
        ("a/é<\x7f\u2028", frozenset(), '"a/é<\x7f\u2028"'),
        ('"\\\b\f\n\r\t\x01\x1f', frozenset(), r'"\"\\\b\f\n\r\t\u0001\u001f"'),
        ("é<\U0001f600", frozenset({"ascii"}), r'"\u00e9<\ud83d\ude00"'),
        ("é<", frozenset({"ascii", "upper"}), r'"\u00E9<"'),
        ("<é>&\u2028", GO, r'"\u003cé\u003e\u0026\u2028"'),
        ("a/b", frozenset({"slash"}), r'"a\/b"'),
    ],
)
def test_strings_are_escaped_where_json_demands_it_and_where_the_habit_is(
    text: str, habit: Habit, spelling: str
) -> None:
    assert quote(text, habit) == spelling


@given(TEXTS, HABITS)
def test_every_habit_reads_back(text: str, habit: Habit) -> None:
    assert stdlib.loads(quote(text, habit)) == text


@pytest.mark.parametrize(
    ("source", "habit"),
    [
        (r'"\u00e9"', {"ascii"}),
        (r'"\u00E9"', {"ascii", "upper"}),
        (r'"\u003c é"', {"html"}),
        (r'"\u2028"', {"ascii"}),
        (r'"é\u2028"', {"html"}),
        (r'"\/\n\""', {"slash"}),
        (r'"\\u00e9 \\/"', set()),
        (r'"\u000a"', set()),
    ],
)
def test_a_habit_is_seen_in_the_source(source: str, habit: set[str]) -> None:
    assert habit_of(source) == habit


@given(TEXTS, HABITS)
def test_the_habit_seen_spells_the_string_again(text: str, habit: Habit) -> None:
    source = quote(text, habit)
    again = quote(text, habit_of(source))
    assert again == source or "\u2028" in text or "\u2029" in text or "upper" in habit


@given(HABITS)
def test_a_token_carries_a_habit_and_stays_the_same_token(habit: Habit) -> None:
    source = quote_token(token(7), habit)
    assert stdlib.loads(source) == token(7)
    assert habit_in_token(source) == (habit if habit != {"upper"} else frozenset())


def test_a_token_without_habit_stands_as_it_is() -> None:
    assert quote_token(token(1), frozenset()) == f'"{token(1)}"'


VALUE = {"a": [1, {}, [], {"b": None}], "c": 1e21, "d": [True, "x<"]}


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (None, r'{"a": [1, {}, [], {"b": null}], "c": 1e+21, "d": [true, "x\u003c"]}'),
        (
            "  ",
            (
                '{\n>  "a": [\n>    1,\n>    {},\n>    [],\n>    {\n>      "b": null\n>    }\n>  ],\n'
                '>  "c": 1e+21,\n>  "d": [\n>    true,\n>    "x\\u003c"\n>  ]\n>}'
            ),
        ),
    ],
)
def test_structures_are_laid_out(unit: str | None, text: str) -> None:
    assert Layout(unit).spell(VALUE, ">", GO) == text  # type: ignore[arg-type]


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(DocumentSyntaxError, match="this kind of value cannot be written in JSON"):
        Layout(None).spell(float("nan"), "", GO)


def test_depth_is_limited() -> None:
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(LimitError):
        Layout(None).spell(deep, "", GO)  # type: ignore[arg-type]
