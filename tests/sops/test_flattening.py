"""The flat form of metadata and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document.model import Timestamp
from sopskit.errors import LimitError, MetadataError
from sopskit.sops.flattening import MAX_DEPTH, flatten, split_name, unflatten

if TYPE_CHECKING:
    from sopskit.document.model import Raw

TREE: dict[str, Raw] = {
    "age": [{"enc": "a\nb\n", "recipient": "r"}, {"enc": "c", "recipient": "s"}],
    "kms": [{"context": {"a": "1"}}],
    "version": "3.13.3",
}
FLAT = {
    "age__list_0__map_enc": "a\nb\n",
    "age__list_0__map_recipient": "r",
    "age__list_1__map_enc": "c",
    "age__list_1__map_recipient": "s",
    "kms__list_0__map_context__map_a": "1",
    "version": "3.13.3",
}


def test_a_tree_and_its_flat_form() -> None:
    assert list(flatten(TREE).items()) == list(FLAT.items())
    assert unflatten(FLAT) == TREE


def test_scalars_are_spelled_as_sops_spells_them() -> None:
    tree: dict[str, Raw] = {
        "a": True,
        "b": False,
        "c": 2,
        "d": 1.5,
        "e": Timestamp("2020-01-01"),
        "f": None,
        "g": [],
        "h": {},
    }
    assert flatten(tree) == {"a": "true", "b": "false", "c": "2", "d": "1.5", "e": "2020-01-01"}


def test_two_leaves_with_the_same_flat_name_are_refused() -> None:
    with pytest.raises(MetadataError, match="a__map_b"):
        flatten({"a": {"b": "1"}, "a__map_b": "2"})


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("mac", ["mac"]),
        ("a__list_0__map_b", ["a", 0, "b"]),
        ("a__list_12__list_3", ["a", 12, 3]),
        ("a__list_x", ["a", 0]),
        ("a__list_", ["a", 0]),
        ("a__map_", ["a", ""]),
        ("__map_a", ["", "a"]),
        ("a__mapb__lis_c", ["a__mapb__lis_c"]),
        ("a___map_b", ["a_", "b"]),
    ],
)
def test_a_flat_name_splits_at_every_marker(name: str, tokens: list[str | int]) -> None:
    assert split_name(name) == tokens


@pytest.mark.parametrize(
    "names",
    [
        ["a", "a__map_b"],
        ["a__map_b", "a"],
        ["a__map_b__map_c", "a__map_b"],
        ["a__map_b", "a__list_0"],
        ["a__list_1"],
        ["a__list_0", "a__list_2"],
        ["a__list_-1"],
        ["a__list_0", "a__list_x"],
    ],
    ids=str,
)
def test_names_that_do_not_fit_together_are_refused(names: list[str]) -> None:
    with pytest.raises(MetadataError):
        unflatten(dict.fromkeys(names, "v"))


def test_a_name_that_nests_without_end_is_refused() -> None:
    with pytest.raises(LimitError):
        unflatten({"a" + "__map_a" * MAX_DEPTH: "v"})


KEYS = st.text("abc_", min_size=1, max_size=4).filter(lambda key: "__" not in key and key[-1] != "_")
TREES = st.recursive(
    st.text(max_size=5),
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=12),
    max_leaves=15,
)


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_unflatten_is_the_inverse_of_flatten(tree: dict[str, Any]) -> None:
    assert unflatten(flatten(tree)) == tree
