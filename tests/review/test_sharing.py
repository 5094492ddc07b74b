"""Files that carry the same wrapped data key."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.git import TreeEntry
from sopskit.review.model import Sides
from sopskit.review.sharing import marks, sharing_file, sharing_files
from sopskit.review.sides import read_side
from sopskit.review.trees import Tree
from tests.conftest import ROOT
from tests.review.states import fixture

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = ROOT / "fixtures" / "sops" / "3.13.3"
FILE = fixture("copy")
OTHER = fixture("rotate")


def change_of(base: Mapping[str, bytes], head: Mapping[str, bytes]) -> Any:
    return SimpleNamespace(trees=Sides(tree(base), tree(head)))


def tree(files: Mapping[str, bytes]) -> Tree:
    entries = [TreeEntry(path.encode(), 0o100644, path) for path in files]
    return Tree(entries, lambda entry: files[entry.path.decode()])


def sharing(head: Mapping[str, bytes], path: str, before: bytes | None = None) -> list[str]:
    sides = Sides(None if before is None else read_side(path, before), read_side(path, head[path]))
    return sharing_files(change_of({}, head), path, sides)


NAMES = ("two-recipients.yaml", "pgp.yaml", "hybrid.yaml", "key-groups.yaml", "config.json", "app.env", "settings.ini")


@pytest.mark.parametrize("name", [*NAMES, "key-groups.env", "blob.bin"])
def test_every_wrapped_key_of_every_format_has_a_mark_of_its_own(name: str) -> None:
    data = (FILES / name).read_bytes()
    assert len(set(marks(data))) == len(read_side(name, data).recipients())


def test_no_two_files_of_one_recipient_have_a_mark_in_common() -> None:
    found = [mark for path in FILES.iterdir() for mark in set(marks(path.read_bytes()))]
    assert len(found) == len(set(found)) > 10


def test_a_copy_shares_with_its_original_whatever_its_layout() -> None:
    head = {"a.yaml": FILE, "b.yaml": FILE.replace(b"        ", b"          "), "c.yaml": OTHER, "d.txt": FILE}
    assert sharing(head, "a.yaml") == ["b.yaml"]


def test_a_file_that_kept_its_wrapped_keys_is_not_looked_for() -> None:
    assert sharing({"a.yaml": FILE, "b.yaml": FILE}, "a.yaml", FILE) == []
    assert sharing({"a.yaml": FILE, "b.yaml": FILE}, "a.yaml", OTHER) == ["b.yaml"]


def test_a_file_alone_shares_with_nobody() -> None:
    assert sharing({"a.yaml": FILE, "b.yaml": OTHER}, "a.yaml") == []


def test_the_original_is_the_one_that_was_there_before() -> None:
    head = {"a.yaml": FILE, "b.yaml": FILE, "c.yaml": FILE}
    sides = Sides(None, read_side("a.yaml", FILE))
    assert sharing_file(change_of({"c.yaml": FILE}, head), "a.yaml", sides) == "c.yaml"
    assert sharing_file(change_of({}, head), "a.yaml", sides) is None
