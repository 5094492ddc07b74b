"""Streams are cut without a loss, and objects that are written read as they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.deploy.objects import load_documents
from sopskit.deploy.stream import join_documents, split_documents, write_object

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "y",
        "off",
        "0o7",
        "0644",
        "1e3",
        "1_0",
        "=",
        "<<",
        "null",
        "~",
        "2001-01-01",
        "12:30:45",
        ".5",
        "---",
        "- a",
        "a: b",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_an_object_reads_as_it_was_written(content: dict[str, Any]) -> None:
    assert load_documents(write_object(content)) == [content]


def test_what_is_there_twice_is_written_twice() -> None:
    part = {"a": ["x"]}
    assert write_object({"one": part, "two": part}) == b"one:\n  a:\n  - x\ntwo:\n  a:\n  - x\n"


@pytest.mark.parametrize(
    ("stream", "documents"),
    [
        (b"", []),
        (b"a: 1\n", [b"a: 1\n"]),
        (b"---\na: 1\n---\nb: |\n  ---\n--- c\n", [b"---\na: 1\n", b"---\nb: |\n  ---\n", b"--- c\n"]),
        (b"# x\n---\r\na: 1\n---", [b"# x\n", b"---\r\na: 1\n", b"---"]),
        (b"a: ---x\n----\n", [b"a: ---x\n----\n"]),
    ],
)
def test_a_stream_is_cut_before_every_marker(stream: bytes, documents: list[bytes]) -> None:
    assert (split_documents(stream), b"".join(documents)) == (documents, stream)


def test_documents_are_joined_by_markers() -> None:
    assert join_documents([b"a: 1", b"b: 2\n", b"---\nc: 3\n"]) == b"a: 1\n---\nb: 2\n---\nc: 3\n"
