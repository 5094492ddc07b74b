"""Which files a check looks at, what it compares them with, and what it does not pass over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import ConfigError, UsageError
from sopskit.git import Repository, open_repository
from sopskit.git.worktree import WorkTree
from sopskit.review.findings import POLICIES
from sopskit.review.findings.policy import FilePolicy
from sopskit.review.model import End, NotChecked
from sopskit.review.request import Options
from sopskit.workflow.check import check_range, check_staged, check_worktree
from sopskit.workflow.checkfiles import check_files
from sopskit.workflow.ends import Ends
from tests.conftest import read_age_key
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sopskit.review.findings.policy import Hit
    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import ReviewDiff

RULES = f"""\
creation_rules:
  - path_regex: secret\\.yaml$
    encrypted_regex: ^(data|stringData)$
    age: {read_age_key("alice").recipient}
""".encode()
SECRET = b"kind: Secret\napiVersion: v1\nmetadata:\n  name: app\nstringData:\n  password: canary-hunter2\n"
MESSAGE = "a creation rule ({rule}) fits this file, and it is not encrypted"


@pytest.fixture
def git(tmp_path: Path, tool: Callable[[str], str]) -> Git:
    """A repository with the rule committed."""
    tool("git")
    git = init(tmp_path / "repository")
    git.commit({".sops.yaml": RULES})
    return git


@pytest.fixture
def repository(git: Git) -> Iterator[Repository]:
    """The same, opened."""
    repository = open_repository(git.folder)
    assert repository is not None
    with repository:
        yield repository


def lying(repository: Repository, *paths: bytes, options: Options | None = None) -> ReviewDiff:
    """A check of the work tree."""
    tree = WorkTree(repository.root, None)
    return check_worktree(repository, tree, paths, options or Options())


def ids(result: ReviewDiff) -> list[str]:
    """Each finding as `ENC01 path`."""
    return [f"{finding.id} {finding.path}" for finding in result.findings if finding.severity in ("block", "high")]


def files(result: ReviewDiff) -> list[str]:
    """The files that were looked at."""
    return sorted(file.path for file in result.files)


# --- which files


def test_a_work_tree_is_its_tracked_and_its_new_files_and_not_the_ignored_ones(
    git: Git, repository: Repository
) -> None:
    git.commit({".gitignore": b"ignored*\n", "old.yaml": b"a: 1\n"})
    git.write("new.yaml", b"a: 1\n")
    git.write("ignored-secret.yaml", SECRET)
    result = lying(repository)
    assert files(result) == [".gitignore", ".sops.yaml", "new.yaml", "old.yaml"]
    assert (result.base, result.head, result.verdict) == (None, End("worktree", None), "clean")


def test_an_ignored_file_is_checked_when_it_is_named(git: Git, repository: Repository) -> None:
    git.commit({".gitignore": b"ignored*\n"})
    git.write("ignored-secret.yaml", SECRET)
    assert ids(lying(repository, b"ignored-secret.yaml")) == [
        "ENC01 ignored-secret.yaml",
        "ENC04 ignored-secret.yaml",
    ]


def test_a_folder_stands_for_what_is_below_it(git: Git, repository: Repository) -> None:
    git.commit({"a/one.yaml": b"a: 1\n", "a/b/two.yaml": b"a: 1\n", "ab/three.yaml": b"a: 1\n"})
    assert files(lying(repository, b"a")) == ["a/b/two.yaml", "a/one.yaml"]


def test_a_path_that_is_not_there_is_no_clean_result(repository: Repository) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml is no file"):
        lying(repository, b"gone.yaml")
    with pytest.raises(UsageError, match=r"gone\.yaml is not staged"):
        check_staged(repository, (b"gone.yaml",))


def test_staged_are_the_files_that_differ_from_head(git: Git, repository: Repository) -> None:
    git.commit({"old-secret.yaml": SECRET})
    git.write("new-secret.yaml", SECRET)
    git("add", ".")
    git.write("untracked-secret.yaml", SECRET)
    assert files(check_staged(repository)) == ["new-secret.yaml"]


def test_staged_paths_are_looked_at_even_if_they_do_not_differ_from_head(git: Git, repository: Repository) -> None:
    git.commit({"old-secret.yaml": SECRET})
    git.write("old-secret.yaml", b"a: 1\n")
    assert ids(check_staged(repository, (b"old-secret.yaml",))) == [
        "ENC01 old-secret.yaml",
        "ENC04 old-secret.yaml",
    ]


def test_links_are_seen_and_not_followed(git: Git, repository: Repository) -> None:
    (git.folder / "my-secret.yaml").symlink_to("/etc/hostname")
    assert ids(lying(repository)) == ["GIT04 my-secret.yaml"]


def test_pipes_and_other_repositories_are_no_files(git: Git, repository: Repository) -> None:
    os.mkfifo(git.folder / "pipe-secret.yaml")
    init(git.folder / "inner").commit({"inner-secret.yaml": SECRET})
    assert files(lying(repository)) == [".sops.yaml"]


def test_a_name_that_is_not_utf_8(git: Git, repository: Repository) -> None:
    git.write(b"caf\xe9-secret.yaml", SECRET)
    assert ids(lying(repository)) == ["ENC01 caf\\xe9-secret.yaml", "ENC04 caf\\xe9-secret.yaml"]
    git("add", ".")
    assert ids(check_staged(repository)) == ["ENC01 caf\\xe9-secret.yaml", "ENC04 caf\\xe9-secret.yaml"]


def test_a_file_with_crlf_for_the_lf_of_head_did_not_change(git: Git, repository: Repository) -> None:
    git.commit({"a.yaml": b"a: 1\nb: 2\n"})
    git.write("a.yaml", b"a: 1\r\nb: 2\r\n")
    assert [file.status for file in lying(repository, b"a.yaml").files] == ["added"]


def test_a_changed_file_is_compared_with_head(git: Git, repository: Repository) -> None:
    git.commit({"a.yaml": b"a: 1\n"})
    git.write("a.yaml", b"a: 2\n")
    assert [file.status for file in lying(repository, b"a.yaml").files] == ["modified"]


def test_a_sha256_repository(tmp_path: Path, tool: Callable[[str], str]) -> None:
    tool("git")
    git = init(tmp_path / "sha256", "--object-format=sha256")
    git.commit({".sops.yaml": RULES, "a.yaml": b"a: 1\n", "old-secret.yaml": SECRET})
    git.write("a.yaml", b"a: 2\n")
    git.write("new-secret.yaml", SECRET)
    git("add", ".")
    with open_repository(git.folder) or pytest.fail("no repository") as repository:
        assert files(check_staged(repository)) == ["a.yaml", "new-secret.yaml"]
        statuses = {file.path: file.status for file in lying(repository).files}
    assert statuses == {
        ".sops.yaml": "added",
        "a.yaml": "modified",
        "new-secret.yaml": "added",
        "old-secret.yaml": "added",
    }


def test_a_range_is_what_its_second_commit_changed(git: Git, repository: Repository) -> None:
    base = git.commit({"a.yaml": b"a: 1\n"})
    git.commit({"my-secret.yaml": SECRET})
    head = git.commit({"b.yaml": b"a: 1\n"})
    result = check_range(repository, Ends(End("A", base), End("B", head)))
    assert result.base is None
    assert ids(result) == ["ENC01 my-secret.yaml", "ENC04 my-secret.yaml"]


# --- severities and waivers


def team(text: str) -> bytes:
    return f"version: 1\n{text}".encode()


OFF = team("policies:\n  ENC01: off\n  ENC04: low\n")


def test_severities_are_those_of_head_and_not_those_that_are_staged_with_the_secret(
    git: Git, repository: Repository
) -> None:
    git.write(".sopskit.yaml", OFF)
    git.write("my-secret.yaml", SECRET)
    git("add", ".")
    assert ids(check_staged(repository)) == ["ENC01 my-secret.yaml", "ENC04 my-secret.yaml"]
    assert ids(lying(repository)) == ["ENC01 my-secret.yaml", "ENC04 my-secret.yaml"]
    git("commit", "--quiet", "-m", "x", "--", ".sopskit.yaml")
    assert ids(check_staged(repository)) == []
    assert ids(lying(repository)) == []


def test_before_the_first_commit_they_are_those_of_the_index(tmp_path: Path, tool: Callable[[str], str]) -> None:
    tool("git")
    git = init(tmp_path / "fresh")
    git.write(".sops.yaml", RULES)
    git.write(".sopskit.yaml", OFF)
    git.write("my-secret.yaml", SECRET)
    git("add", ".")
    with open_repository(git.folder) or pytest.fail("no repository") as repository:
        assert [finding.severity for finding in check_staged(repository).findings if finding.id == "ENC04"] == ["low"]
        assert ids(lying(repository)) == []


def test_a_configuration_of_head_that_cannot_be_read_is_no_clean_result(git: Git, repository: Repository) -> None:
    git.commit({".sopskit.yaml": b"version: 2\n"})
    with pytest.raises(ConfigError):
        check_staged(repository)


# --- what cannot be checked


def test_a_path_in_conflict_is_told(git: Git, repository: Repository) -> None:
    git.commit({"a.yaml": b"a: 1\n"})
    git("checkout", "--quiet", "-b", "other")
    git.commit({"a.yaml": b"a: 2\n"})
    git("checkout", "--quiet", "main")
    git.commit({"a.yaml": b"a: 3\n"})
    with pytest.raises(AssertionError):
        git("merge", "other")
    result = check_staged(repository)
    assert result.not_checked == (NotChecked("a.yaml", "it is in conflict, so nothing of it is staged", decisive=True),)
    assert result.verdict == "undecided"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_told(git: Git, repository: Repository) -> None:
    git.write("my-secret.yaml", SECRET).chmod(0)
    assert lying(repository).verdict == "undecided"


def test_a_broken_policy_leaves_the_others_findings_and_no_verdict(git: Git, repository: Repository) -> None:
    def broken(_: Subject) -> Iterator[Hit]:
        raise ValueError("canary-text")

    git.write("my-secret.yaml", SECRET)
    policy = FilePolicy("XXX01", "low", "t", why="w", remedy="r", find=broken, check=True)
    result = lying(repository, b"my-secret.yaml", options=Options(policies=(policy, *POLICIES)))
    assert ids(result) == ["ENC01 my-secret.yaml", "ENC04 my-secret.yaml"]
    problem = NotChecked("my-secret.yaml", "a bug in sopskit: XXX01 ended with ValueError", decisive=True)
    assert result.not_checked == (problem,)
    assert result.exit_code == 2


# --- outside of any repository


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    """A folder in no repository, with rules at its top."""
    folder = tmp_path / "loose"
    (folder / "deep").mkdir(parents=True)
    (folder / ".sops.yaml").write_bytes(RULES)
    (folder / "deep" / "my-secret.yaml").write_bytes(SECRET)
    return folder


def test_files_get_the_rules_above_them(loose: Path) -> None:
    result = check_files([str(loose / "deep" / "my-secret.yaml")])
    assert (files(result), result.base, result.head) == (["deep/my-secret.yaml"], None, End("files", None))
    assert ids(result) == ["ENC01 deep/my-secret.yaml", "ENC04 deep/my-secret.yaml"]


def test_folders_are_walked_but_for_what_version_control_keeps(loose: Path) -> None:
    (loose / ".hidden").mkdir()
    (loose / ".hidden" / "a.yaml").write_bytes(b"a: 1\n")
    (loose / ".git").mkdir()
    (loose / ".git" / "config").write_bytes(b"a\n")
    assert files(check_files([str(loose)])) == [".hidden/a.yaml", ".sops.yaml", "deep/my-secret.yaml"]


def test_a_link_that_is_named_is_followed_and_one_in_a_folder_is_not(loose: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link-secret.yaml").symlink_to(loose / "deep" / "my-secret.yaml")
    assert ids(check_files([str(tmp_path / "elsewhere" / "link-secret.yaml")])) == [
        "ENC01 deep/my-secret.yaml",
        "ENC04 deep/my-secret.yaml",
    ]
    assert ids(check_files([str(tmp_path / "elsewhere")])) == []


def test_a_loose_path_that_is_not_there_is_no_clean_result(loose: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        check_files([str(loose / "gone.yaml")])
