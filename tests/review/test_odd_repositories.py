"""Repositories of other object names, hostile file names, and clones that lack objects."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import sopskit
from tests.repositories import Git, init
from tests.review.conftest import Sops
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sopskit.review.model import ReviewDiff

TEXT = "apiVersion: v1\nkind: Secret\nmetadata: {name: app}\nstringData: {A: one, B: two}\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")
NAMES = (b"secret.yaml", b"prod/secr\xff\xfeet.yaml", b"new\nline/\x1b[31m\xc3\x28.yaml")


@pytest.fixture(params=["sha1", "sha256"])
def repository(request: pytest.FixtureRequest, tmp_path: Path, tool: Callable[[str], str]) -> Git:
    tool("git")
    return init(tmp_path / "repository", f"--object-format={request.param}")


def operations(report: ReviewDiff) -> list[tuple[bytes | None, str | None, list[str], list[object]]]:
    return [
        (file.path_bytes, file.old_path, [one.id for one in file.operations], [one.path[-1] for one in file.changes])
        for file in report.files
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_changed_renamed_and_reverted_is_told(repository: Git, name: bytes, sops: Sops) -> None:
    reviewer = Reviewer(repository)
    first = sops.encrypted(TEXT, *REGEX)
    base = repository.commit({name: first})
    sops("set", "file.yaml", '["stringData"]["A"]', '"changed"')
    second = repository.commit({name: sops.bytes()})
    odd = name if b"\xff" in name or b"\xc3\x28" in name else None
    assert operations(reviewer.between(base, second)) == [(odd, None, ["edit"], ["A"])]
    assert operations(reviewer.between(second, repository.commit({name: first}))) == [(odd, None, ["revert"], ["A"])]
    moved = name + b".moved.yaml"
    os.rename(os.path.join(os.fsencode(repository.folder), name), os.path.join(os.fsencode(repository.folder), moved))
    renamed = reviewer.between(base, repository.commit({}))
    ((path, old, ids, _),) = operations(renamed)
    assert (path, old, ids) == (None if odd is None else moved, name.decode("utf-8", "backslashreplace"), ["unchanged"])


def test_a_clone_without_the_history_is_undecided(
    repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        repository.commit({"a.yaml": f"a: {number}\n".encode()})
    clone = tmp_path / "clone"
    repository("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(clone))
    monkeypatch.chdir(clone)
    done = sopskit("review-diff", "HEAD~1")
    assert (done.code, done.out) == (2, b"")
    assert "git fetch --unshallow" in done.err


def test_a_clone_without_the_contents_is_undecided_and_fetches_nothing(
    repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository("config", "uploadpack.allowFilter", "true")
    for number in range(2):
        repository.commit({"a.yaml": f"a: {number}\n".encode()})
    clone = tmp_path / "clone"
    repository("clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{repository.folder}", str(clone))
    monkeypatch.chdir(clone)
    done = sopskit("review-diff", "HEAD~1..HEAD")
    assert (done.code, done.out) == (2, b"")
    assert "is not in this clone" in done.err
