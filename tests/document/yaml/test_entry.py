"""The `sops` entry is read as a tree, kept out of the items, and may stand anywhere."""

from __future__ import annotations

import pytest

from sopskit.document import DEFAULT_LIMITS, Comment, Raw, Timestamp
from sopskit.errors import DocumentSyntaxError, LimitError, MetadataError
from tests.document.yaml.fakes import YAML, read


def block(text: str) -> Raw:
    found = read(text).block
    assert found is not None
    return found.tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("sops:\n", None), ("sops: ~\n", None), ("sops: []\n", []), ("sops: x\n", "x"), ("sops: {}\n", {}), ("'sops': {a: 1}\n", {"a": 1}),
        ("sops:\n  a: [1, 1.5, true, ~, 'x', !!binary gA==, 9223372036854775808]\n", {"a": [1, 1.5, True, None, "x", "\udc80", 2**63]}),
        ("sops:\n  age:\n    - enc: |\n        x\n      r: z\n  l: {m: {}}\n", {"age": [{"enc": "x\n", "r": "z"}], "l": {"m": {}}}),
        ("{a: 1, sops: {b: 2}}\n", {"b": 2}), ("? sops\n: a: 1\n", {"a": 1}), ("sops: {1: x, ~: z}\n", {"1": "x", "~": "z"}),
    ],
)  # fmt: skip
def test_entries(text: str, tree: Raw) -> None:
    assert block(text) == tree


def test_plain_times_are_told_from_strings() -> None:
    tree = block("sops:\n  a: 2024-01-01T00:00:00Z\n  b: '2024-01-01T00:00:00Z'\n")
    assert isinstance(tree, dict)
    assert isinstance(tree["a"], Timestamp)
    assert (tree["a"].text, tree["b"]) == ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")


def test_no_item_of_an_entry_is_an_item_of_the_file() -> None:
    document = read("# a\nsops: # b\n  # c\n  x: y # d\n# e\nz: 1 # f\n")
    assert [item.value for item in document.items if isinstance(item, Comment)] == [" a", " e", " f"]
    assert [leaf.path for leaf in document.leaves()] == [("z",)]
    assert document.block is not None
    assert document.block.line == 2


def test_only_the_first_documents_entry_counts() -> None:
    document = read("a: 1\nsops: {v: 1}\n---\nsops: {v: 2}\nb: 1\n")
    assert document.block is not None
    assert document.block.tree == {"v": 1}
    assert [leaf.path for leaf in document.leaves()] == [("a",), ("b",)]
    assert read("a: 1\n---\nsops: {v: 2}\n").block is None


def test_entries_below_the_root_are_data() -> None:
    assert [leaf.path for leaf in read("a: {sops: 1}\n").leaves()] == [("a", "sops")]


@pytest.mark.parametrize(
    "text",
    ["sops: {a: &x 1}\n", "a: &x 1\nsops: *x\n", "sops: {a: 1, a: 2}\n", "sops: {[a]: 1}\n", "sops: {a: !!int x}\n"],
)
def test_entries_that_are_refused(text: str) -> None:
    with pytest.raises(MetadataError) as caught:
        read(text)
    assert caught.value.location is not None


def test_entries_have_the_limit_of_depth_too() -> None:
    with pytest.raises(LimitError):
        read("sops: " + "[" * 65 + "]" * 65)


def test_an_entry_broken_off_is_a_syntax_error() -> None:
    with pytest.raises(DocumentSyntaxError):
        YAML.parse(b"sops: {a: [\n", encrypted=True, limits=DEFAULT_LIMITS)
