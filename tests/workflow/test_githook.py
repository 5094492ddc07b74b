"""The pre-commit hook: written where it is this repository's alone, and run by git itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.git.worktree import HooksFolder
from sopskit.workflow import writer
from sopskit.workflow.githook import FRAMEWORK_HOOK, HOOK, LINE, Hook, make_executable, plan_hook
from tests.repositories import Git, init

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return init(tmp_path / "repo")


def plan(git: Git, folder: Path | None = None, *, shared: bool = False) -> Hook:
    hooks = HooksFolder(str(folder or git.folder / ".git/hooks"), shared)
    return plan_hook(str(git.folder), hooks, str(git.folder / ".git"))


def install(git: Git) -> Path:
    hook = plan(git)
    assert hook.seen is not None
    writer.replace(hook.seen, HOOK)
    make_executable(hook.path)
    return git.folder / ".git/hooks/pre-commit"


def foreign(git: Git, text: bytes) -> Path:
    path = git.write(".git/hooks/pre-commit", text)
    path.chmod(0o755)
    return path


def test_a_hook_that_is_not_there_is_written(git: Git) -> None:
    path = install(git)
    assert (path.read_bytes(), os.access(path, os.X_OK)) == (HOOK, True)
    assert plan(git) == Hook(str(path), there=True)


def test_the_mode_follows_the_umask(git: Git) -> None:
    before = os.umask(0o077)
    try:
        path = install(git)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o700


def test_our_hook_that_cannot_run_is_mended(git: Git) -> None:
    path = install(git)
    path.chmod(0o644)
    hook = plan(git)
    assert hook.seen is not None
    assert hook.seen.data == HOOK


def test_a_foreign_hook_is_never_touched(git: Git) -> None:
    path = foreign(git, b"#!/bin/sh\n# sopskit check\nmake lint\n")
    advice = f"{path} is not sopskit's and stays as it is; add this line to it:\n  {LINE}"
    assert plan(git) == Hook(str(path), advice=advice)


def test_a_foreign_hook_that_leads_nowhere_is_not_touched(git: Git) -> None:
    path = git.folder / ".git/hooks/pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("/nonexistent")
    assert plan(git).advice is not None


@pytest.mark.parametrize("line", [LINE, "exec sopskit check --staged", "sopskit check $(git diff --name-only)"])
def test_a_foreign_hook_that_runs_the_check_is_enough(git: Git, line: str) -> None:
    path = foreign(git, f"#!/bin/sh\n{line}\n".encode())
    assert plan(git) == Hook(str(path), there=True)


def test_hooks_of_other_repositories_are_left_alone(git: Git, tmp_path: Path) -> None:
    for folder, shared in ((tmp_path / "hooks", False), (git.folder / "hooks", True)):
        advice = plan(git, folder, shared=shared).advice
        assert advice is not None
        assert advice.startswith(f"core.hooksPath leads to {folder}, which other repositories may use as well")


def test_a_folder_of_hooks_that_leaves_by_a_link_is_left_alone(git: Git, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (git.folder / "hooks").symlink_to(tmp_path / "elsewhere")
    assert plan(git, git.folder / "hooks").seen is None


def test_a_folder_of_hooks_in_the_work_tree_is_used(git: Git) -> None:
    assert plan(git, git.folder / ".githooks").seen is not None


def test_pre_commit_gets_an_entry_of_its_own(git: Git) -> None:
    git.write(".pre-commit-config.yaml", b"repos: []\n")
    path = str(git.folder / ".git/hooks/pre-commit")
    assert plan(git) == Hook(
        path, advice=f"pre-commit is set up here; add this to .pre-commit-config.yaml:\n{FRAMEWORK_HOOK}"
    )
    git.write(".pre-commit-config.yaml", f"repos:\n{FRAMEWORK_HOOK}\n".encode())
    assert plan(git) == Hook(path, there=True)


# --- run by git


def commit(git: Git, search: str) -> subprocess.CompletedProcess[str]:
    git.write("a", os.urandom(8))
    git("add", "a")
    return subprocess.run(
        [shutil.which("git") or "git", "-C", str(git.folder), "commit", "-q", "-m", "x"],
        env={**os.environ, "PATH": search},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with what a hook needs, and no sopskit."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "git", "echo"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


def test_without_sopskit_a_commit_is_refused_and_says_why(git: Git, programs: Path) -> None:
    install(git)
    done = commit(git, str(programs))
    assert done.returncode == 1
    assert done.stderr == (
        "pre-commit: sopskit is not on the PATH, so this commit cannot be checked for plain text and is refused\n"
        "pre-commit: install sopskit or activate its environment; git commit --no-verify skips the check\n"
    )


@pytest.mark.parametrize(("code", "commits"), [(0, 1), (1, 0), (2, 0)])
def test_the_check_decides_about_the_commit(git: Git, programs: Path, code: int, commits: int) -> None:
    install(git)
    program = programs / "sopskit"
    program.write_text(f'#!/bin/sh\necho "$@" > "{programs}/called"\nexit {code}\n')
    program.chmod(0o755)
    done = commit(git, str(programs))
    assert ((programs / "called").read_text(), done.returncode == 0) == ("check --staged\n", code == 0)
    assert git("rev-list", "--all", "--count") == str(commits)
