"""`sopskit check --staged` as a Git hook: what is staged decides, whatever the work tree shows, and doubt refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.repositories import Git, init
from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\nstringData:\n  password: canary-hunter2\n"
CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  level: info\n"
HOOK = f"#!/bin/sh\nexec '{sys.executable}' -m sopskit check --staged\n"


class Committed(NamedTuple):
    """Whether git made a commit, and what the hook said."""

    done: bool
    said: str


class Hooked(Git):
    """A repository with a rule for `*secret.yaml`, one commit, and the hook."""

    def __init__(self, folder: Path, sops: str, recipient: str) -> None:
        super().__init__(folder)
        self._sops = sops
        self._recipient = recipient

    def encrypted(self, text: bytes = SECRET) -> bytes:
        """The encrypted form of a manifest."""
        arguments = ["encrypt", "--age", self._recipient, "--encrypted-regex", "^(data|stringData)$"]
        types = ["--input-type", "yaml", "--output-type", "yaml", "--filename-override", "file.txt", "/dev/stdin"]
        done = subprocess.run([self._sops, *arguments, *types], input=text, capture_output=True, check=True)
        return done.stdout

    def stage(self, name: str, data: bytes) -> None:
        """Write a file and add it."""
        self.write(name, data)
        self("add", "--", name)

    def try_commit(self, *options: str, environ: dict[str, str] | None = None) -> Committed:
        """Commit as a user does, with the hook."""
        before = self._tip()
        done = subprocess.run(
            ["git", "-C", str(self.folder), "commit", "-m", "change", *options],
            capture_output=True,
            env={**os.environ, **(environ or {})},
            check=False,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        assert (done.returncode == 0) == (self._tip() != before), said
        assert "canary" not in said
        return Committed(done.returncode == 0, said)

    def _tip(self) -> str:
        return self("rev-parse", "--quiet", "--verify", "--end-of-options", "HEAD") if self._has_commits() else ""

    def _has_commits(self) -> bool:
        return bool(self("for-each-ref"))

    def install(self) -> None:
        """Write the hook."""
        path = self.folder / ".git" / "hooks" / "pre-commit"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOOK)
        path.chmod(0o755)


@pytest.fixture
def empty(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch) -> Hooked:
    """A repository before its first commit, with the hook."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    init(tmp_path / "repository")
    repository = Hooked(tmp_path / "repository", tool("sops"), alice.recipient)
    repository.install()
    rules = f"creation_rules:\n  - path_regex: secret\\.yaml$\n    encrypted_regex: ^(data|stringData)$\n    age: {alice.recipient}\n"
    repository.stage(".sops.yaml", rules.encode())
    return repository


@pytest.fixture
def repository(empty: Hooked) -> Hooked:
    """The same after its first commit: the rule and an encrypted file."""
    empty.stage("secret.yaml", empty.encrypted())
    assert empty.try_commit().done
    return empty


def test_a_plain_secret_is_refused_wherever_it_stands(repository: Hooked) -> None:
    repository.stage("notes/misc.yaml", SECRET)
    committed = repository.try_commit()
    assert not committed.done
    assert committed.said.startswith("notes/misc.yaml:6: block ENC04: ")


def test_what_is_staged_counts_though_the_work_tree_was_mended(repository: Hooked) -> None:
    repository.stage("app-secret.yaml", SECRET)
    repository.write("app-secret.yaml", repository.encrypted())
    committed = repository.try_commit()
    assert not committed.done
    assert "app-secret.yaml:6: block ENC01: " in committed.said


def test_plain_text_that_is_not_staged_is_let_through(repository: Hooked) -> None:
    repository.stage("app-secret.yaml", repository.encrypted())
    repository.write("app-secret.yaml", SECRET)
    assert repository.try_commit() == Committed(done=True, said=_said_by_git(repository))


def _said_by_git(repository: Hooked) -> str:
    """What git says after a commit that no hook commented."""
    short = repository("rev-parse", "--short", "HEAD")
    lines = repository("diff-tree", "--no-commit-id", "--shortstat", "HEAD^", "HEAD")
    names = repository("diff-tree", "--no-commit-id", "--summary", "HEAD^", "HEAD")
    return f"[main {short}] change\n {lines}\n {names}\n"


def test_a_rename_into_a_rule_is_refused(repository: Hooked) -> None:
    repository.stage("values.yaml", b"data:\n  a: canary\n")
    assert repository.try_commit().done
    repository("mv", "values.yaml", "values-secret.yaml")
    committed = repository.try_commit()
    assert not committed.done
    assert "values-secret.yaml:2: block ENC01: " in committed.said


def test_a_rename_of_an_encrypted_file_is_let_through(repository: Hooked) -> None:
    repository("mv", "secret.yaml", "other-secret.yaml")
    assert repository.try_commit().done


def test_an_amended_commit_is_checked(repository: Hooked) -> None:
    repository.stage("app-secret.yaml", SECRET)
    committed = repository.try_commit("--amend")
    assert not committed.done
    assert "app-secret.yaml:6: block ENC01: " in committed.said


def test_a_plain_value_in_an_encrypted_file_is_refused(repository: Hooked) -> None:
    text = repository.encrypted().replace(b"\nstringData:\n", b"\nstringData:\n    token: canary-plain\n")
    repository.stage("secret.yaml", text)
    committed = repository.try_commit()
    assert not committed.done
    assert "secret.yaml:6: block ENC02: " in committed.said


def test_a_value_that_was_changed_by_hand_is_refused(repository: Hooked) -> None:
    """The MAC of the file in HEAD stands beside other values."""
    text = (repository.folder / "secret.yaml").read_bytes().replace(b"name: app", b"name: other")
    repository.stage("secret.yaml", text)
    committed = repository.try_commit()
    assert not committed.done
    assert " block MAC02: " in committed.said


CRASHES = {
    "a policy": """
from sopskit.review import findings
def broken(subject):
    raise ValueError("canary-text")
    yield
findings.POLICIES = tuple(policy._replace(find=broken) if policy.check else policy for policy in findings.POLICIES)
""",
    "the reader": """
from sopskit.review import files
def broken(path, data):
    raise ValueError("canary-text")
files.read_side = broken
""",
}


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash_refuses_the_commit_without_the_text_of_the_exception(
    repository: Hooked, tmp_path: Path, where: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(CRASHES[where])
    repository.stage("values.yaml", b"a: 1\n")
    path = f"{tmp_path / 'broken'}:{ROOT}"
    committed = repository.try_commit(environ={"PYTHONPATH": path})
    assert not committed.done
    assert "a bug in sopskit" in committed.said
    assert "ValueError" in committed.said


def test_an_encrypted_file_that_cannot_be_read_is_refused(repository: Hooked) -> None:
    repository.stage("secret.yaml", repository.encrypted() + b"\n\t: [broken\n")
    committed = repository.try_commit()
    assert not committed.done
    assert "not checked: secret.yaml: " in committed.said
    assert "undecided: 1 file could not be checked" in committed.said


def test_a_missing_blob_is_no_clean_result(repository: Hooked) -> None:
    repository.stage("app-secret.yaml", repository.encrypted())
    blob = repository("rev-parse", ":app-secret.yaml")
    (repository.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    done = subprocess.run(
        [sys.executable, "-m", "sopskit", "check", "--staged"], cwd=repository.folder, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert f"object {blob} is not in this clone".encode() in done.stderr


def test_a_deleted_file_is_let_through(repository: Hooked) -> None:
    repository("rm", "secret.yaml")
    assert repository.try_commit().done


def test_a_symbolic_link_in_the_place_of_a_secret_is_refused(repository: Hooked) -> None:
    (repository.folder / "secret.yaml").unlink()
    (repository.folder / "secret.yaml").symlink_to("/etc/hostname")
    repository("add", "secret.yaml")
    committed = repository.try_commit()
    assert not committed.done
    assert "secret.yaml: high GIT04: " in committed.said


def test_a_file_that_no_rule_names_is_let_through(repository: Hooked) -> None:
    repository.stage("configmap.yaml", CONFIG)
    assert repository.try_commit().done


def test_binary_files_are_let_through(repository: Hooked) -> None:
    repository.stage("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    assert repository.try_commit().done


def test_a_private_key_in_a_binary_file_is_refused(repository: Hooked, alice: AgeTestKey) -> None:
    repository.stage("dump.bin", bytes(256) + alice.identity.encode() + bytes(256))
    committed = repository.try_commit()
    assert not committed.done
    assert "dump.bin:1: block ENC06: " in committed.said
    assert alice.identity not in committed.said


def test_the_first_commit_is_checked(empty: Hooked) -> None:
    empty.stage("app-secret.yaml", SECRET)
    assert not empty.try_commit().done
    empty.stage("app-secret.yaml", empty.encrypted())
    assert empty.try_commit().done


def test_commit_all_is_checked_though_nothing_was_staged_before(repository: Hooked) -> None:
    repository.write("secret.yaml", SECRET)
    committed = repository.try_commit("--all")
    assert not committed.done
    assert "secret.yaml:6: block ENC01: " in committed.said


def test_a_commit_of_named_files_is_about_these_alone(repository: Hooked) -> None:
    repository.stage("app-secret.yaml", SECRET)
    repository.write("secret.yaml", repository.encrypted(CONFIG.replace(b"ConfigMap", b"Secret")))
    assert repository.try_commit("--", "secret.yaml").done
    repository.write("secret.yaml", SECRET)
    committed = repository.try_commit("--", "secret.yaml")
    assert not committed.done
    assert "app-secret.yaml" not in committed.said


def test_a_commit_from_another_folder_is_checked(repository: Hooked) -> None:
    repository.stage("deep/er/app-secret.yaml", SECRET)
    done = subprocess.run(
        ["git", "commit", "-m", "change"], cwd=repository.folder / "deep" / "er", capture_output=True, check=False
    )
    assert done.returncode != 0


def test_a_linked_work_tree_is_checked(repository: Hooked, tmp_path: Path) -> None:
    repository("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    linked = Git(tmp_path / "other")
    linked.write("app-secret.yaml", SECRET)
    linked("add", ".")
    done = subprocess.run(["git", "-C", str(linked.folder), "commit", "-m", "change"], capture_output=True, check=False)
    assert done.returncode != 0
    assert b"app-secret.yaml:6: block ENC01: " in done.stderr + done.stdout


def test_a_commit_that_skipped_the_hook_is_found_in_the_range(repository: Hooked) -> None:
    repository.stage("app-secret.yaml", SECRET)
    assert repository.try_commit("--no-verify").done
    done = subprocess.run(
        [sys.executable, "-m", "sopskit", "check", "--range", "HEAD^..HEAD"],
        cwd=repository.folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith(b"app-secret.yaml:6 in ")
    assert b": block ENC01: " in done.stdout
