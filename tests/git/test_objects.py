"""Blobs that are expected are read many at a time, and nothing else changes by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError, LimitError
from sopskit.git import open_repository
from sopskit.git.objects import TOGETHER, blob_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.git import Repository
    from tests.repositories import Git

CONTENTS = [b"", b"\n", b"text\n" * 30_000, *(f"file {n}\n".encode() for n in range(3 * TOGETHER))]
IDS = [blob_id(data, "sha1") for data in CONTENTS]
MISSING = "0" * 39 + "1"


@pytest.fixture
def repository(git: Git) -> Iterator[Repository]:
    """A repository with a file of each content."""
    git.commit({f"{n:04}": data for n, data in enumerate(CONTENTS)})
    with open_repository(git.folder, os.environ) as found:  # type: ignore[union-attr]
        yield found


def read(repository: Repository) -> list[bytes]:
    """All contents, one after the other."""
    return [repository.blob(id) for id in IDS]


def test_expected_blobs_are_what_they_are(repository: Repository) -> None:
    repository.expect_blobs(IDS)
    assert read(repository) == CONTENTS
    assert read(repository) == CONTENTS  # and can be read again


def test_they_may_be_read_in_any_order_and_in_part(repository: Repository) -> None:
    repository.expect_blobs([*IDS, IDS[0]])
    assert [repository.blob(id) for id in reversed(IDS[::7])] == CONTENTS[::7][::-1]
    repository.expect_blobs(IDS)
    assert read(repository) == CONTENTS


def test_one_that_is_missing_is_told_when_it_is_read_and_costs_the_others_nothing(repository: Repository) -> None:
    repository.expect_blobs([*IDS[:5], MISSING, *IDS[5:]])
    assert read(repository) == CONTENTS
    with pytest.raises(GitError, match="is not in this clone"):
        repository.blob(MISSING)
    assert read(repository) == CONTENTS


def test_one_that_is_no_blob_is_told_when_it_is_read(repository: Repository, git: Git) -> None:
    commit = git("rev-parse", "HEAD")
    repository.expect_blobs([IDS[0], commit, *IDS[1:]])
    assert read(repository) == CONTENTS
    with pytest.raises(GitError, match="is a commit, not a file"):
        repository.blob(commit)


def test_a_limit_holds_for_expected_blobs(repository: Repository) -> None:
    repository.expect_blobs(IDS)
    assert repository.blob(IDS[0], limit=10) == b""
    with pytest.raises(LimitError, match="more than the limit of 10"):
        repository.blob(IDS[2], limit=10)
    assert repository.blob(IDS[2]) == CONTENTS[2]


def test_what_is_no_id_is_refused_all_the_same(repository: Repository) -> None:
    repository.expect_blobs([IDS[0], "x\ny", *IDS[1:]])
    assert read(repository) == CONTENTS
    with pytest.raises(GitError, match="no object id"):
        repository.blob("x\ny")


def test_little_is_kept_for_later(repository: Repository, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sopskit.git.objects.MOST_READ_AHEAD", 1000)
    repository.expect_blobs(IDS)
    assert read(repository) == CONTENTS
    assert git("status", "--short") == ""


def test_a_sha256_repository_is_read_the_same_way(make_git: type) -> None:
    git = make_git("other", "--object-format=sha256")
    git.commit({f"{n:04}": data for n, data in enumerate(CONTENTS)})
    ids = [blob_id(data, "sha256") for data in CONTENTS]
    with open_repository(git.folder, os.environ) as found:  # type: ignore[union-attr]
        found.expect_blobs(ids)
        assert [found.blob(id) for id in ids] == CONTENTS
