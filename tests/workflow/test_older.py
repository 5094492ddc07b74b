"""The older version of a file: from the index or HEAD if it was merged, else the merged one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.document import format_for_name
from sopskit.workflow.older import Found, History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

YAML = format_for_name("yaml")


def version(name: str) -> bytes:
    return (
        f"a: {name}\nsops:\n  age:\n    - recipient: age1x\n      enc: x\n"
        '  lastmodified: "2026-01-01T00:00:00Z"\n  mac: x\n  version: 3.13.3\n'
    ).encode()


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "init.defaultBranch=main", *words], check=True, capture_output=True)


@pytest.fixture
def history() -> Iterator[History]:
    found = History({})
    yield found
    found.close()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Callable[[str], str]) -> Path:
    tool("git")
    monkeypatch.chdir(tmp_path)
    git("init", "-q", ".")
    return tmp_path


def test_before_the_first_commit_the_index_counts_and_is_not_trusted(repository: Path, history: History) -> None:
    (repository / "s.yaml").write_bytes(version("staged"))
    git("add", "s.yaml")
    assert history.committed("s.yaml", YAML) == Found(version("staged"), trusted=False)
    assert history.committed("other.yaml", YAML) is None


def test_a_staged_version_that_was_never_merged_and_plaintext_are_passed_over(
    repository: Path, history: History
) -> None:
    (repository / "s.yaml").write_bytes(version("one"))
    (repository / "t.yaml").write_bytes(version("one"))
    git("add", ".")
    git("commit", "-qm", "one")
    (repository / "s.yaml").write_bytes(version("two"))
    (repository / "t.yaml").write_bytes(b"a: plain\n")
    git("add", ".")
    assert history.committed("s.yaml", YAML) == Found(version("one"), trusted=True)
    assert history.committed(str(repository / "t.yaml"), YAML) == Found(version("one"), trusted=True)


def test_what_was_merged_once_is_trusted_and_what_is_staged_as_removed_is_found_in_head(
    repository: Path, history: History
) -> None:
    for name in ("one", "two"):
        (repository / "s.yaml").write_bytes(version(name))
        git("add", ".")
        git("commit", "-qm", name)
    git("checkout", "-q", "-b", "branch", "HEAD~1")
    git("rm", "-q", "--cached", "s.yaml")
    assert history.committed("s.yaml", YAML) == Found(version("one"), trusted=True)


def test_a_version_of_a_branch_is_not_trusted(repository: Path, history: History) -> None:
    (repository / "deep").mkdir()
    (repository / "deep" / "s.yaml").write_bytes(version("one"))
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "branch")
    (repository / "deep" / "s.yaml").write_bytes(version("two"))
    git("commit", "-qam", "two")
    assert history.judge("deep/s.yaml", version("two")) == Found(version("two"), trusted=False)
    assert history.judge("deep/s.yaml", version("one")) == Found(version("one"), trusted=True)
    assert history.judge("copy.yaml", version("one")) == Found(version("one"), trusted=False)


def test_instead_of_a_version_of_the_branch_the_merged_one_is_taken(repository: Path, history: History) -> None:
    (repository / "s.yaml").write_bytes(version("merged"))
    git("add", ".")
    git("commit", "-qm", "merged")
    git("checkout", "-qb", "feature")
    (repository / "s.yaml").write_bytes(version("branch"))
    git("commit", "-qam", "branch")
    assert history.committed("s.yaml", YAML) == Found(version("merged"), trusted=True)


def test_outside_git_everything_is_the_users_own(tmp_path: Path, history: History) -> None:
    path = str(tmp_path / "s.yaml")
    assert history.committed(path, YAML) is None
    assert history.judge(path, b"x") == Found(b"x", trusted=True)


def test_a_renamed_and_a_linked_file_are_not_mistaken(repository: Path, history: History) -> None:
    (repository / "s.yaml").write_bytes(version("one"))
    git("add", ".")
    git("commit", "-qm", "one")
    git("mv", "s.yaml", "t.yaml")
    (repository / "l.yaml").symlink_to("t.yaml")
    git("add", ".")
    assert history.committed("t.yaml", YAML) == Found(version("one"), trusted=False)
    assert history.committed("s.yaml", YAML) == Found(version("one"), trusted=True)
    assert history.committed("l.yaml", YAML) is None
