"""Loose types in metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.document.model import Timestamp
from sopskit.errors import MetadataError
from sopskit.sops import decoding

if TYPE_CHECKING:
    from sopskit.document.model import Raw

PLACE = ("sops", "x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (None, ""), (True, "1"), (False, "0"), (12, "12"), (3.7, "3.7"), (1e21, "1000000000000000000000")],
)
def test_scalars_become_text(value: Raw, expected: str) -> None:
    assert decoding.text(value, PLACE) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, 2),
        ("2", 2),
        ("-2", -2),
        ("+2", 2),
        ("", 0),
        (None, 0),
        (True, 1),
        (2.9, 2),
        (-2.9, -2),
        ("0x2", 2),
        ("0X1f", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("017", 15),
        ("0", 0),
        ("00", 0),
        ("1_000", 1000),
        ("0x_f", 15),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_scalars_become_integers(value: Raw, expected: int) -> None:
    assert decoding.integer(value, PLACE) == expected


@pytest.mark.parametrize(
    "value",
    [
        "two",
        " 2",
        "2 ",
        "0x",
        "08",
        "1__0",
        "_1",
        "1_",
        "--2",
        "+",
        "1.5",
        "9223372036854775808",
        "1" * 100,
        "٣",
        2**63,
        1e30,
        float("nan"),
        [],
        {},
        Timestamp("2020-01-01"),
    ],
)
def test_what_is_no_integer_is_refused(value: Raw) -> None:
    with pytest.raises(MetadataError):
        decoding.integer(value, PLACE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("T", True),
        ("1", True),
        ("", False),
        ("False", False),
        (None, False),
        (0, False),
        (-1, True),
        (0.0, False),
        (0.5, True),
    ],
)
def test_scalars_become_booleans(value: Raw, expected: bool) -> None:
    assert decoding.boolean(value, PLACE) is expected


@pytest.mark.parametrize("value", ["yes", "tRUE", "2", [], {}], ids=repr)
def test_what_is_no_boolean_is_refused(value: Raw) -> None:
    with pytest.raises(MetadataError):
        decoding.boolean(value, PLACE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, []), ({}, []), ([], []), ({"a": 1}, [{"a": 1}]), ([{"a": 1}, None], [{"a": 1}, {}])],
)
def test_a_single_mapping_counts_as_a_list(value: Raw, expected: list[dict[str, Raw]]) -> None:
    assert decoding.mappings(value, PLACE) == expected


def test_names_are_picked_exactly_then_by_letter_case() -> None:
    tree: dict[str, Raw] = {"MAC": 1, "mac": 2, "Version": 3, "maſ": 4, "other": 5}
    assert decoding.pick(tree, ["mac", "version", "mas", "missing"]) == (
        {"mac": 2, "version": 3, "mas": 4},
        {"MAC": 1, "other": 5},
    )
