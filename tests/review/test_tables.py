"""Every change of `fixtures/review` is told for what it looks like, without a key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.review.states import FIXTURES, Asked, reviewed

CASES = sorted(path.parent for path in FIXTURES.glob("*/expected.json"))
# rows in which somebody who cannot read the file may have written what is to be seen
AMBIGUOUS = frozenset(("rotate", "reencrypt"))
# what people do every day, and a review must let through
ORDINARY = (
    *("create", "delete", "copy", "copy-edit", "edit", "edit-nothing-secret", "set", "set-new", "unset", "revert"),
    *("updatekeys-added", "updatekeys-removed", "updatekeys-edit", "rotate", "rotate-edit", "rotate-removed"),
    *("reencrypt", "format-only", "blind-comment-added", "edit-json", "edit-dotenv", "edit-ini", "edit-binary"),
)


def review_of(folder: Path) -> Any:
    files = {path.stem: path for path in folder.iterdir() if path.name != "expected.json"}
    suffix = next(iter(files.values())).suffix
    path, beside = f"prod/file{suffix}", f"dev/file{suffix}"
    content = {name: file.read_bytes() for name, file in files.items()}

    def state(name: str) -> dict[str, bytes]:
        there = {path: content[name]} if name in content else {}
        return there | ({beside: content["beside"]} if "beside" in content else {})

    older = [state("older")] if "older" in content else []
    merged = [state("base"), state("theirs")] if "theirs" in content else []
    (file,) = reviewed(state("base"), state("head"), Asked(older=older, merged=merged)).files
    return file


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_change_is_told_for_what_it_looks_like(folder: Path) -> None:
    file = review_of(folder)
    expected = json.loads((folder / "expected.json").read_text())
    told = {
        "operations": [operation.id for operation in file.operations],
        "changes": [{"change": change.change, "path": list(change.path)} for change in file.changes],
        "findings": sorted({finding.id for finding in file.findings}),
    }
    assert told == expected


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_a_new_data_key_is_never_called_safe_without_a_key(folder: Path) -> None:
    file = review_of(folder)
    if file.data_key != "new":
        assert AMBIGUOUS.isdisjoint(operation.id for operation in file.operations)
        return
    assert [operation.confidence for operation in file.operations] == ["ambiguous"]
    assert "CRY02" in {finding.id for finding in file.findings}
    texts = [operation.explanation for operation in file.operations]
    texts += [text for finding in file.findings for text in (finding.message, finding.title)]
    assert not [text for text in texts if "nothing changed" in text or "still the old ones:" in text]


def test_every_folder_says_what_is_expected() -> None:
    folders = {path for path in FIXTURES.iterdir() if path.is_dir() and path.name not in {"source", "__pycache__"}}
    assert folders == set(CASES)


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_change_has_no_grave_finding(name: str) -> None:
    file = review_of(FIXTURES / name)
    assert [finding.id for finding in file.findings if finding.severity in {"block", "high"}] == []
