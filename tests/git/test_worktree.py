"""A work tree: its files, its user, and where git looks for hooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.git.worktree import HooksFolder, WorkTree
from tests.repositories import Git, init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import World


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return init(tmp_path / "repo")


def tree(git: Git) -> WorkTree:
    return WorkTree(git.folder, os.environ)


def test_tracked_files_are_those_of_the_index(git: Git) -> None:
    git.commit({"a": b"", "d/\xff b".encode("latin-1"): b"", ".gitignore": b"ignored\n"})
    git.write("new", b"")
    git.write("ignored", b"")
    assert sorted(tree(git).tracked_files()) == [b".gitignore", b"a", b"d/\xff b"]
    assert sorted(tree(git).files()) == [b".gitignore", b"a", b"d/\xff b", b"new"]


def test_a_path_in_conflict_is_listed_once(git: Git) -> None:
    git.commit({"a": b"0"})
    git("checkout", "-q", "-b", "other")
    git.commit({"a": b"1"})
    git("checkout", "-q", "main")
    git.commit({"a": b"2"})
    stages = "".join(
        f"100644 {git('rev-parse', f'{branch}:a')} {stage}\ta\n"
        for stage, branch in ((1, "main~1"), (2, "main"), (3, "other"))
    )
    git("update-index", "--force-remove", "a")
    git("update-index", "--index-info", input=stages.encode())
    assert tree(git).tracked_files() == [b"a"]


def test_a_new_repository_has_no_files(git: Git) -> None:
    assert tree(git).files() == []


def test_hooks_are_in_the_repository_by_default(git: Git) -> None:
    assert tree(git).hooks_folder() == HooksFolder(str(git.folder / ".git/hooks"), shared=False)


def test_a_linked_work_tree_has_the_hooks_of_its_repository(git: Git, tmp_path: Path) -> None:
    git.commit({"a": b""})
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = WorkTree(tmp_path / "linked", os.environ)
    assert linked.hooks_folder() == HooksFolder(str(git.folder / ".git/hooks"), shared=False)


@pytest.mark.parametrize(("value", "path"), [(".githooks", "REPO/.githooks"), ("/etc/hooks", "/etc/hooks")])
def test_the_repository_may_have_its_hooks_elsewhere(git: Git, value: str, path: str) -> None:
    git("config", "core.hooksPath", value)
    expected = path.replace("REPO", str(git.folder))
    assert tree(git).hooks_folder() == HooksFolder(expected, shared=False)


def test_a_folder_of_hooks_for_all_repositories_is_told(git: Git, world: World) -> None:
    git("config", "--global", "core.hooksPath", "~/hooks")
    assert tree(git).hooks_folder() == HooksFolder(str(world.home / "hooks"), shared=True)


def test_the_setting_of_the_repository_wins(git: Git) -> None:
    git("config", "--global", "core.hooksPath", "/global")
    git("config", "core.hooksPath", "own")
    assert tree(git).hooks_folder() == HooksFolder(str(git.folder / "own"), shared=False)


def test_the_user_is_who_the_configuration_says(git: Git) -> None:
    assert tree(git).user_name() is None
    git("config", "user.name", " Ann Ö. ")
    assert tree(git).user_name() == "Ann Ö."
