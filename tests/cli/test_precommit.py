"""`.pre-commit-hooks.yaml`, tried with the real pre-commit."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import read_age_key
from tests.repositories import Git, init
from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

MANIFEST = ".pre-commit-hooks.yaml"
SECRET = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\nstringData:\n  password: canary-hunter2\n"
RULES = f"""\
creation_rules:
  - path_regex: secret\\.yaml$
    encrypted_regex: ^(data|stringData)$
    age: {read_age_key("alice").recipient}
"""
# what pre-commit says when it cannot make the environment of a hook
NOT_INSTALLED = ("InstallationError", "CalledProcessError", "Could not find a version", "No matching distribution")


@pytest.fixture
def git(tmp_path: Path, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with a rule and an unencrypted secret, committed; the current folder."""
    tool("git")
    if importlib.util.find_spec("pre_commit") is None:
        pytest.skip("needs pre-commit: it is not installed")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    git = init(tmp_path / "work")
    git.commit({".sops.yaml": RULES.encode(), "old-secret.yaml": SECRET, "values.yaml": b"a: 1\n"})
    monkeypatch.chdir(git.folder)
    return git


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the manifest, but for the language: sopskit is that of this interpreter."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sopskit").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m sopskit \"$@\"\n")
    (programs / "sopskit").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    text = (ROOT / MANIFEST).read_text()
    init(tmp_path / "hooks").commit({MANIFEST: text.replace("language: python", "language: system").encode()})
    return tmp_path / "hooks"


def precommit(*words: str | Path) -> tuple[int, str]:
    """Run pre-commit; its exit code, and all it said."""
    done = subprocess.run([sys.executable, "-m", "pre_commit", *map(str, words)], capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def test_the_manifest_is_one_that_pre_commit_accepts(hooks: Path, git: Git) -> None:
    assert precommit("validate-manifest", ROOT / MANIFEST) == (0, "")


def test_the_command_of_the_manifest_is_there() -> None:
    (hook,) = yaml.safe_load((ROOT / MANIFEST).read_text())
    assert (hook["entry"], hook["language"], hook["types"]) == ("sopskit check --staged", "python", [])


def test_what_is_staged_is_checked_and_nothing_else(hooks: Path, git: Git) -> None:
    git.write("new-secret.yaml", SECRET)
    git("add", ".")
    code, said = precommit("try-repo", hooks, "sopskit-check")
    assert code == 1
    assert "new-secret.yaml:6: block ENC01: " in said
    assert "old-secret.yaml" not in said
    assert "canary" not in said


def test_all_files_are_checked_when_pre_commit_passes_all(hooks: Path, git: Git) -> None:
    code, said = precommit("try-repo", hooks, "sopskit-check", "--all-files")
    assert (code, "old-secret.yaml:6: block ENC01: " in said) == (1, True)


def test_only_the_files_that_are_passed_are_checked(hooks: Path, git: Git) -> None:
    assert precommit("try-repo", hooks, "sopskit-check", "--files", "values.yaml")[0] == 0
    assert precommit("try-repo", hooks, "sopskit-check", "--files", "old-secret.yaml")[0] == 1


def test_links_and_binary_files_are_passed(hooks: Path, git: Git) -> None:
    (git.folder / "link-secret.yaml").symlink_to("/etc/hostname")
    git.write("dump.bin", bytes(64) + read_age_key("alice").identity.encode())
    git("add", ".")
    code, said = precommit("try-repo", hooks, "sopskit-check")
    assert code == 1
    assert "link-secret.yaml: high GIT04: " in said
    assert "dump.bin:1: block ENC06: " in said


def test_a_partly_staged_file_is_checked_as_it_is_staged(hooks: Path, git: Git) -> None:
    git.commit(
        {
            ".pre-commit-config.yaml": f"repos: [{{repo: '{hooks}', rev: {Git(hooks)('rev-parse', 'HEAD')}, hooks: [{{id: sopskit-check}}]}}]\n".encode()
        }
    )
    assert precommit("install")[0] == 0
    git.write("values.yaml", SECRET)
    git("add", ".")
    git.write("values.yaml", b"a: 2\n")
    done = subprocess.run(["git", "commit", "-m", "change"], capture_output=True, check=False)
    assert (done.returncode, b"values.yaml:6: block ENC04: " in done.stdout + done.stderr) == (1, True)
    git("add", ".")
    git.write("values.yaml", SECRET)
    assert subprocess.run(["git", "commit", "-m", "change"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_pre_commit_installs_the_hook_and_runs_it(git: Git, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(ROOT / "sopskit", source / "sopskit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", MANIFEST):
        shutil.copy(ROOT / name, source)
    repository = Git(source)
    repository("init", "--quiet")
    repository.commit({})
    git.write("new-secret.yaml", SECRET)
    git("add", ".")
    code, said = precommit("try-repo", source, "sopskit-check")
    if code not in (0, 1) or any(words in said for words in NOT_INSTALLED):
        pytest.skip("needs a package index: pre-commit could not install the hook's environment")
    assert code == 1
    assert "new-secret.yaml:6: block ENC01: " in said
