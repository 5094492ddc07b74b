"""The files of a work tree against a commit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError, LimitError
from sopskit.git import Repository, TreeChange, TreeEntry, open_repository
from sopskit.git.objects import blob_id
from tests.git.test_repository import HOSTILE_NAMES, hostile_configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.repositories import Git

FILE, PROGRAM, LINK = 0o100644, 0o100755, 0o120000


def opened(git: Git) -> Repository:
    repository = open_repository(git.folder, os.environ)
    assert repository is not None
    return repository


@pytest.fixture
def repository(git: Git) -> Iterator[Repository]:
    with opened(git) as repository:
        yield repository


def entry(path: bytes, data: bytes, mode: int = FILE) -> TreeEntry:
    return TreeEntry(path, mode, blob_id(data, "sha1"))


def test_every_kind_of_difference_is_told(git: Git, repository: Repository) -> None:
    for name in ("kept", "edited", "gone", "mode", "linked", "moved"):
        git.write(name, name.encode())
    git.write(".gitignore", b"ignored\n")
    (git.folder / "link").symlink_to("kept")
    head = git.commit({"folder/file": b"1"})
    assert repository.worktree(head) == []
    git.write("edited", b"2")
    git.write("ignored", b"x")
    git.write("new/file", b"3")
    git("add", "new/file")
    git.write("untracked", b"4")
    (git.folder / "mode").chmod(0o755)
    for name in ("gone", "linked", "link"):
        (git.folder / name).unlink()
    (git.folder / "linked").symlink_to("/etc/passwd")
    (git.folder / "link").symlink_to("elsewhere")
    (git.folder / "moved").rename(git.folder / "zzz")
    assert repository.worktree(head) == [
        TreeChange("M", entry(b"edited", b"edited"), entry(b"edited", b"2")),
        TreeChange("D", entry(b"gone", b"gone"), None),
        TreeChange("M", entry(b"link", b"kept", LINK), entry(b"link", b"elsewhere", LINK)),
        TreeChange("T", entry(b"linked", b"linked"), entry(b"linked", b"/etc/passwd", LINK)),
        TreeChange("M", entry(b"mode", b"mode"), entry(b"mode", b"mode", PROGRAM)),
        TreeChange("A", None, entry(b"new/file", b"3")),
        TreeChange("A", None, entry(b"untracked", b"4")),
        TreeChange("R", entry(b"moved", b"moved"), entry(b"zzz", b"moved")),
    ]


def test_what_was_taken_out_of_the_index_but_lies_there_is_compared(git: Git, repository: Repository) -> None:
    head = git.commit({"a": b"1", "b": b"1"})
    git("rm", "--quiet", "--cached", "a", "b")
    git.write(".git/info/exclude", b"a\nb\n")
    git.write("b", b"2")
    assert repository.worktree(head) == [TreeChange("M", entry(b"b", b"1"), entry(b"b", b"2"))]


def test_line_ends_of_windows_are_no_difference(git: Git, repository: Repository) -> None:
    head = git.commit({"a": b"1\n2\n", "b": b"1\r\n"})
    git.write("a", b"1\r\n2\r\n")
    assert repository.worktree(head) == []
    git.write("a", b"1\r\n3\r\n")
    git.write("b", b"1\n")
    assert [change.path for change in repository.worktree(head)] == [b"a", b"b"]


def test_modes_do_not_count_where_the_file_system_has_none(git: Git, repository: Repository) -> None:
    head = git.commit({"a": b"1"})
    (git.folder / "a").chmod(0o755)
    assert [change.status for change in repository.worktree(head)] == ["M"]
    git("config", "core.fileMode", "false")
    assert repository.worktree(head) == []


def test_files_in_conflict_are_told_once(git: Git, repository: Repository) -> None:
    head = git.commit({"a": b"1"})
    blob = git("rev-parse", "HEAD:a")
    git("update-index", "--index-info", input="".join(f"100644 {blob} {n}\ta\n" for n in (1, 2, 3)).encode())
    git.write("a", b"<<<<<<<\n")
    assert [(change.status, change.path) for change in repository.worktree(head)] == [("M", b"a")]


def test_files_left_out_by_a_sparse_checkout_are_not_deleted(git: Git, repository: Repository) -> None:
    old = git.commit({"in/a": b"1", "out/b": b"1", "out/c": b"1"})
    head = git.commit({"out/b": b"2"})
    git("sparse-checkout", "set", "in")
    assert not (git.folder / "out").exists()
    assert repository.worktree(head) == []
    assert repository.worktree(old) == [TreeChange("M", entry(b"out/b", b"1"), entry(b"out/b", b"2"))]


def test_submodules_and_repositories_within_are_not_looked_into(git: Git, repository: Repository) -> None:
    commit = git.commit({"a": b"1"})
    git("init", "--quiet", "within")
    git.write("within/secret", b"x")
    git("init", "--quiet", "module")
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    git("commit", "--quiet", "-m", "submodule")
    head = repository.resolve("HEAD")
    assert repository.worktree(head) == []


def test_a_folder_that_became_a_link_is_not_entered(git: Git, repository: Repository, tmp_path: Path) -> None:
    head = git.commit({"folder/passwd": b"1"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_bytes(b"secret")
    (git.folder / "folder" / "passwd").unlink()
    (git.folder / "folder").rmdir()
    (git.folder / "folder").symlink_to(outside)
    assert repository.worktree(head) == [
        TreeChange("A", None, entry(b"folder", os.fsencode(outside), LINK)),
        TreeChange("D", entry(b"folder/passwd", b"1"), None),
    ]
    with pytest.raises(GitError):
        repository.worktree_file("folder/passwd")


def test_what_is_no_file_is_gone_and_never_waited_for(git: Git, repository: Repository) -> None:
    head = git.commit({"a": b"1", "b": b"1"})
    for name in ("a", "b"):
        (git.folder / name).unlink()
    os.mkfifo(git.folder / "a")
    git.write("b/file", b"2")
    assert repository.worktree(head) == [
        TreeChange("D", entry(b"a", b"1"), None),
        TreeChange("D", entry(b"b", b"1"), None),
        TreeChange("A", None, entry(b"b/file", b"2")),
    ]
    for name in ("a", "b"):
        with pytest.raises(GitError):
            repository.worktree_file(name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_counts_as_changed(git: Git, repository: Repository) -> None:
    head = git.commit({"a": b"1"})
    (git.folder / "a").chmod(0)
    assert [(change.status, change.head) for change in repository.worktree(head)] == [("M", TreeEntry(b"a", FILE, ""))]


def test_files_are_read_as_they_lie_there(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    git.write("a", b"x\r\n" * 1000)
    assert repository.worktree_file("a") == b"x\r\n" * 1000
    assert repository.worktree_file(b"a", limit=3000) == b"x\r\n" * 1000
    with pytest.raises(LimitError):
        repository.worktree_file("a", limit=2999)


@pytest.mark.parametrize(
    "path", ["link", "nowhere", "", ".", "..", "../secret", "/etc/passwd", "folder//a", ".git/config", ".GIT/config"]
)
def test_what_is_no_file_of_the_work_tree_is_refused(git: Git, repository: Repository, path: str) -> None:
    git.commit({"folder/a": b"1"})
    (git.folder / "link").symlink_to("folder/a")
    (git.folder.parent / "secret").write_bytes(b"secret")
    with pytest.raises(GitError):
        repository.worktree_file(path)


def test_a_tree_that_names_files_outside_or_of_git_reads_none(git: Git, repository: Repository) -> None:
    (git.folder.parent / "secret").write_bytes(b"secret")
    blob = git("hash-object", "-w", "--stdin", input=b"1")

    def tree(name: str, mode: str, id: str) -> str:
        raw = f"{mode} {name}\0".encode() + bytes.fromhex(id)
        return git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", input=raw)

    for name, inside in (("..", "secret"), (".git", "config")):
        root = tree(name, "40000", tree(inside, "100644", blob))
        commit = git("commit-tree", "-m", "hostile", root)
        path = f"{name}/{inside}".encode()
        assert repository.worktree(commit) == [TreeChange("D", entry(path, b"1"), None)]


def test_hostile_names_go_through_every_question_of_the_work_tree(git: Git, repository: Repository) -> None:
    base = git.commit({"first": b"0"})
    for name in HOSTILE_NAMES:
        git.write(name, b"content of " + name)
    added = [TreeChange("A", None, entry(name, b"content of " + name)) for name in sorted(HOSTILE_NAMES)]
    assert repository.worktree(base) == added
    head = git.commit({})
    assert repository.worktree(base) == added
    assert repository.worktree(head) == []
    for name in HOSTILE_NAMES:
        assert repository.worktree_file(name) == b"content of " + name


def test_a_repository_with_sha256_names_has_a_work_tree_too(make_git: Callable[..., Git]) -> None:
    git = make_git("sha256", "--object-format=sha256")
    head = git.commit({"a": b"1"})
    with opened(git) as repository:
        assert repository.worktree(head) == []
        git.write("a", b"2")
        (change,) = repository.worktree(head)
        assert change.head == TreeEntry(b"a", FILE, blob_id(b"2", "sha256"))


def test_no_program_is_run_and_nothing_is_written(git: Git, repository: Repository, tmp_path: Path) -> None:
    first = git.commit({".gitattributes": b"* diff=leak filter=leak merge=leak ident eol=crlf\n"})
    base = git.commit({"a": b"x"})
    armor = b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n\n"
    raw = repository.commit_object(base).replace(b"\n\n", armor, 1)
    signed = git("hash-object", "-t", "commit", "-w", "--stdin", input=raw)
    stolen = tmp_path / "stolen"
    hostile_configuration(git, stolen)
    git.write("a", b"y")
    git.write("b", b"z")
    os.utime(git.folder / ".gitattributes", (1, 1))

    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in git.folder.rglob("*") if path.is_file()}

    before = state()
    assert [change.path for change in repository.worktree(base)] == [b"a", b"b"]
    assert repository.worktree_file("a") == b"y"
    assert len(repository.range(first, signed).commits) == 1
    assert len(repository.versions([b"a"], signed)[b"a"]) == 1
    assert len(list(repository.revisions("a", signed))) == 1
    assert repository.staged_against(base) == []
    assert (state(), stolen.exists()) == (before, False)


def test_the_index_is_compared_with_any_commit(git: Git, repository: Repository) -> None:
    one = git.commit({"a": b"1"})
    git.commit({"a": b"2"})
    git.write("a", b"3")
    git("add", "a")
    git.write("a", b"4")
    assert repository.staged_against(one) == [TreeChange("M", entry(b"a", b"1"), entry(b"a", b"3"))]
