"""Questions to real repositories, friendly and hostile ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError, LimitError
from sopskit.git import Repository, TreeChange, TreeEntry, open_repository
from sopskit.git.objects import blob_id
from sopskit.git.plumbing import Plumbing
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOSTILE_NAMES = [
    b"line\nfeed.yaml",
    b"tab\t.yaml",
    b'quote".yaml',
    b"apostrophe'.yaml",
    b"back\\slash.yaml",
    b"\x1b[31mred.yaml",
    "right\N{RIGHT-TO-LEFT OVERRIDE}to left.yaml".encode(),
    b"not-utf8-\xff\xfe.yaml",
    b"--output=stolen",
    b"-",
    b"$(touch stolen)",
    b"`touch stolen`;",
    b":(glob)*",
    b"*?[a]",
    b" blanks ",
    b"~",
    b"HEAD",
]


def opened(git: Git, *, index_file: str | None = None) -> Repository:
    repository = open_repository(git.folder, index_file=index_file)
    assert repository is not None
    return repository


@pytest.fixture
def repository(git: Git) -> Iterator[Repository]:
    with opened(git) as repository:
        yield repository


# --- opening


def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    assert open_repository(tmp_path) is None


def test_a_folder_called_git_makes_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert open_repository(tmp_path) is None


def test_a_file_a_folder_and_a_path_that_is_not_there_yet_are_inside(git: Git) -> None:
    git.commit({"folder/file.yaml": b"a: 1\n"})
    for path in ("folder/file.yaml", "folder", "not/there/yet.yaml"):
        repository = open_repository(git.folder / path)
        assert repository is not None
        assert repository.root == git.folder.resolve()


@pytest.mark.parametrize("name", ["$HOME", "~", "line\nfeed", "*", "-C", "\udcff"])
def test_a_repository_may_be_called_anything(make_git: Callable[..., Git], name: str) -> None:
    git = make_git(name)
    commit = git.commit({"a": b"1"})
    with opened(git) as repository:
        assert (repository.root.name, repository.resolve("HEAD")) == (name, commit)
        assert repository.blob_at("HEAD", "a") == b"1"


def test_a_repository_with_sha256_names_is_read(make_git: Callable[..., Git]) -> None:
    git = make_git("sha256", "--object-format=sha256")
    base, head = git.commit({"a": b"1"}), git.commit({"a": b"2"})
    with opened(git) as repository:
        ids = [blob_id(data, "sha256") for data in (b"1", b"2")]
        assert repository.changes(base, head) == [
            TreeChange("M", TreeEntry(b"a", 0o100644, ids[0]), TreeEntry(b"a", 0o100644, ids[1]))
        ]
        assert [repository.blob(id) for id in ids] == [b"1", b"2"]
        assert repository.is_in_upstream_default("a", b"1")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a folder to somebody else")
def test_a_repository_of_another_user_is_refused_until_the_user_trusts_it(git: Git, world: object) -> None:
    for path in (git.folder, git.folder / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(GitError) as caught:
        open_repository(git.folder, os.environ)
    assert caught.value.hint == "if you trust it: git config --global --add safe.directory FOLDER"
    subprocess.run(["git", "config", "--global", "--add", "safe.directory", str(git.folder)], check=True)
    assert open_repository(git.folder, os.environ) is not None


def test_a_bare_repository_planted_in_the_tree_is_refused(git: Git) -> None:
    git("init", "--quiet", "--bare", "planted")
    with pytest.raises(GitError, match="bare repository"):
        open_repository(git.folder / "planted")


def test_a_missing_git_is_told_apart(git: Git) -> None:
    with pytest.raises(GitError, match="git program was not found"):
        open_repository(git.folder, {"PATH": "/nonexistent"})
    with pytest.raises(GitError, match="git program was not found"):
        open_repository(git.folder, {"PATH": "relative::."})


def test_a_missing_git_is_told_apart_in_a_process_without_any(git: Git) -> None:
    script = (
        "from sopskit.git import open_repository\n"
        "from sopskit.errors import GitError\n"
        "try: open_repository('.')\n"
        "except GitError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=git.folder,
        env={"PATH": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "the git program was not found\n"


def test_git_is_never_taken_out_of_the_repository(git: Git) -> None:
    fake = git.write("bin/git", b"#!/bin/sh\ntouch stolen\n")
    fake.chmod(0o755)
    with pytest.raises(GitError, match="git program was not found"):
        open_repository(git.folder, {"PATH": str(fake.parent)})


# --- commits


def test_a_revision_becomes_the_id_of_its_commit(git: Git, repository: Repository) -> None:
    commit = git.commit({"a": b"1"})
    git("tag", "-a", "-m", "tag", "v1")
    assert [repository.resolve(name) for name in ("main", "HEAD", "v1", commit[:12])] == [commit] * 4


@pytest.mark.parametrize(
    "revision",
    ["--output=stolen", "-h", "--all", "--exec=touch stolen", "", "nowhere", "HEAD:a", ":/x", "main..main", "a\0b"],
)
def test_what_names_no_commit_is_refused(git: Git, repository: Repository, revision: str) -> None:
    git.commit({"a": b"1"})
    with pytest.raises(GitError):
        repository.resolve(revision)
    assert sorted(path.name for path in git.folder.iterdir()) == [".git", "a"]


def test_a_hostile_revision_is_quoted_without_its_control_characters(git: Git, repository: Repository) -> None:
    with pytest.raises(GitError) as caught:
        repository.resolve("\x1b]52;c;aGk=\x07")
    assert str(caught.value) == "'?]52;c;aGk=?' names no commit of this repository"


def test_the_merge_base_is_found(git: Git, repository: Repository) -> None:
    base = git.commit({"a": b"1"})
    git("checkout", "--quiet", "-b", "branch")
    head = git.commit({"a": b"2"})
    git("checkout", "--quiet", "main")
    assert repository.merge_base(git.commit({"b": b"1"}), head) == base


def test_histories_without_a_common_ancestor_are_refused(git: Git, repository: Repository) -> None:
    one = git.commit({"a": b"1"})
    git("checkout", "--quiet", "--orphan", "other")
    with pytest.raises(GitError, match="no common ancestor") as caught:
        repository.merge_base(one, git.commit({"a": b"2"}))
    assert caught.value.hint is None


# --- trees


def test_changes_are_told_with_both_sides_and_renames_found(git: Git, repository: Repository) -> None:
    long = b"".join(b"line %d\n" % number for number in range(50))
    base = git.commit({"kept": b"0", "changed": b"1", "gone": b"2", "old": long})
    for name in ("gone", "old"):
        (git.folder / name).unlink()
    (git.folder / "link").symlink_to("kept")
    (git.folder / "kept").chmod(0o755)
    head = git.commit({"changed": b"3", "new/name": long + b"more\n"})
    told = [
        (change.status, change.path, change.base is None, change.head is None)
        for change in repository.changes(base, head)
    ]
    assert told == [
        ("M", b"changed", False, False),
        ("D", b"gone", False, True),
        ("M", b"kept", False, False),
        ("A", b"link", True, False),
        ("R", b"new/name", False, False),
    ]
    renamed = repository.changes(base, head)[-1]
    assert renamed.base is not None
    assert (renamed.base.path, 90 < renamed.similarity < 100) == (b"old", True)


def test_hostile_names_go_through_every_question(git: Git, repository: Repository) -> None:
    base = git.commit({"first": b"0"})
    head = git.commit({name: b"content of " + name for name in HOSTILE_NAMES})
    assert sorted(change.path for change in repository.changes(base, head)) == sorted(HOSTILE_NAMES)
    assert sorted(entry.path for entry in repository.tree_paths("HEAD")) == sorted([b"first", *HOSTILE_NAMES])
    for name in HOSTILE_NAMES:
        data = b"content of " + name
        assert repository.blob_at("HEAD", name) == data
        assert repository.blob_at("INDEX", os.fsdecode(name)) == data
        assert repository.is_in_upstream_default(name, data)
        assert repository.relative(git.folder / os.fsdecode(name)) == os.fsdecode(name)
    assert sorted(os.fsencode(path.name) for path in git.folder.iterdir()) == sorted(
        [b".git", b"first", *HOSTILE_NAMES]
    )


def test_staged_files_are_compared_with_head_or_with_nothing(git: Git, repository: Repository) -> None:
    git.write("a", b"1")
    git("add", "a")
    first = [TreeChange("A", None, TreeEntry(b"a", 0o100644, blob_id(b"1", "sha1")))]
    assert repository.staged() == first
    git("commit", "--quiet", "-m", "first")
    assert repository.staged() == []
    git.write("a", b"2")
    git("add", "a")
    git.write("a", b"3, not staged")
    assert [(change.status, repository.blob(change.head.id)) for change in repository.staged() if change.head] == [
        ("M", b"2")
    ]


def test_another_index_is_read_when_it_is_named(git: Git, tmp_path: Path) -> None:
    git.commit({"a": b"1"})
    shutil.copy(git.folder / ".git" / "index", tmp_path / "index")
    git.write("a", b"2")
    git("add", "a")
    with opened(git, index_file=str(tmp_path / "index")) as repository:
        assert repository.blob_at("INDEX", "a") == b"1"


# --- contents


def test_contents_are_those_of_the_place_asked_for(git: Git, repository: Repository) -> None:
    first = git.commit({"a": b"1"})
    git.commit({"a": b"2"})
    git.write("a", b"3")
    git("add", "a")
    git.write("a", b"4")
    assert [repository.blob_at(place, "a") for place in (first, "HEAD", "INDEX")] == [b"1", b"2", b"3"]


def test_what_is_no_regular_file_has_no_content(git: Git, repository: Repository) -> None:
    (git.folder / "link").symlink_to("/etc/passwd")
    git.commit({"folder/a": b"1"})
    for name in ("link", "folder", "nowhere"):
        assert (repository.blob_at("HEAD", name), repository.blob_at("INDEX", name)) == (None, None)


def test_before_the_first_commit_head_has_no_files(repository: Repository) -> None:
    assert repository.blob_at("HEAD", "a") is None
    assert repository.upstream_default() is None
    assert not repository.is_in_upstream_default("a", b"")


def test_a_file_in_conflict_has_no_staged_content(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    git("checkout", "--quiet", "-b", "branch")
    git.commit({"a": b"2"})
    git("checkout", "--quiet", "main")
    git.commit({"a": b"3"})
    subprocess.run(["git", "-C", str(git.folder), "merge", "branch"], check=False, capture_output=True)
    assert repository.blob_at("INDEX", "a") is None


def test_blobs_of_any_size_and_content_come_whole(git: Git, repository: Repository) -> None:
    contents = [b"", b"\n", b"\0" * 100_000, bytes(range(256)) * 5_000, b"a blob 3\nabc\n"]
    git.commit({f"file{number}": data for number, data in enumerate(contents)})
    assert [repository.blob(blob_id(data, "sha1")) for data in contents] == contents


def test_a_blob_above_the_limit_is_not_read_and_the_next_one_is(git: Git, repository: Repository) -> None:
    git.commit({"large": b"x" * 100_000, "small": b"y"})
    with pytest.raises(LimitError, match="100000 bytes"):
        repository.blob(blob_id(b"x" * 100_000, "sha1"), limit=99_999)
    assert repository.blob(blob_id(b"y", "sha1")) == b"y"


@pytest.mark.parametrize("id", ["0" * 40, "HEAD", "x\ny", "", "é" * 40])
def test_what_is_no_blob_is_refused_and_the_next_one_is_read(git: Git, repository: Repository, id: str) -> None:
    git.commit({"a": b"1"})
    with pytest.raises(GitError):
        repository.blob(id)
    assert repository.blob(blob_id(b"1", "sha1")) == b"1"


def test_a_folder_is_no_blob(git: Git, repository: Repository) -> None:
    commit = git.commit({"a": b"1"})
    with pytest.raises(GitError, match="is a commit, not a file"):
        repository.blob(commit)


def test_a_reader_that_died_is_an_error_once(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    id = blob_id(b"1", "sha1")
    assert repository.blob(id) == b"1"
    process = repository._objects._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(GitError):
        repository.blob(id)
    assert repository.blob(id) == b"1"


def test_a_damaged_object_is_an_error(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    id = blob_id(b"1", "sha1")
    path = git.folder / ".git" / "objects" / id[:2] / id[2:]
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    with pytest.raises(GitError):
        repository.blob(id)
    with pytest.raises(GitError):
        repository.blob_at("HEAD", "a")


def test_a_damaged_index_is_an_error_and_never_nothing(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    (git.folder / ".git" / "index").write_bytes(b"damaged")
    with pytest.raises(GitError, match="git diff-index failed"):
        repository.staged()


# --- clones


def test_a_shallow_clone_says_what_is_missing(git: Git, make_git: Callable[..., Git], tmp_path: Path) -> None:
    first = git.commit({"a": b"1"})
    second = git.commit({"a": b"2"})
    git("clone", "--quiet", "--depth=1", f"file://{git.folder}", str(tmp_path / "shallow"))
    with opened(Git(tmp_path / "shallow")) as shallow:
        assert (shallow.shallow, shallow.resolve("HEAD")) == (True, second)
        with pytest.raises(GitError) as caught:
            shallow.resolve(first)
        assert caught.value.hint is not None
        assert "--unshallow" in caught.value.hint


def test_a_partial_clone_is_not_filled_behind_the_users_back(git: Git, tmp_path: Path) -> None:
    git("config", "uploadpack.allowFilter", "true")
    git.commit({"a": b"1"})
    git("clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{git.folder}", str(tmp_path / "partial"))
    clone = Git(tmp_path / "partial")
    clone("config", "protocol.file.allow", "always")
    with opened(clone) as partial:
        with pytest.raises(GitError, match="is not in this clone") as caught:
            partial.blob_at("HEAD", "a")
        assert caught.value.hint is not None
    missing = subprocess.run(
        ["git", "-C", str(clone.folder), "rev-list", "--objects", "--all", "--missing=print"],
        capture_output=True,
        check=True,
    )
    assert b"?" + blob_id(b"1", "sha1").encode() in missing.stdout


# --- the upstream default branch


def test_the_default_branch_is_the_remotes(git: Git, tmp_path: Path) -> None:
    git.commit({"a": b"1"})
    git("branch", "-m", "trunk")
    git("clone", "--quiet", str(git.folder), str(tmp_path / "clone"))
    clone = Git(tmp_path / "clone")
    clone("branch", "main")
    with opened(clone) as repository:
        assert repository.upstream_default() == "refs/remotes/origin/trunk"
        clone("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
        assert repository.upstream_default() is None
        clone("update-ref", "refs/remotes/origin/master", "HEAD")
        assert repository.upstream_default() == "refs/remotes/origin/master"
        clone("remote", "rename", "origin", "company")
        assert repository.upstream_default() == "refs/remotes/company/master"
        clone("remote", "add", "other", "/nowhere")
        assert repository.upstream_default() is None


def test_without_a_remote_it_is_the_local_main_or_master(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    assert repository.upstream_default() == "refs/heads/main"
    git("branch", "-m", "master")
    assert repository.upstream_default() == "refs/heads/master"
    git("branch", "-m", "other")
    assert repository.upstream_default() is None


def test_a_version_counts_as_upstream_at_its_path_in_the_tip_or_its_history(git: Git, repository: Repository) -> None:
    git.commit({"a": b"first", "b": b"other"})
    git.commit({"a": b"second"})
    git("checkout", "--quiet", "-b", "merged")
    git.commit({"a": b"third"})
    git("checkout", "--quiet", "main")
    git.commit({"unrelated": b"1"})
    git("merge", "--quiet", "--no-ff", "-m", "merge", "merged")
    git("checkout", "--quiet", "-b", "branch")
    git.commit({"a": b"planted"})
    known = {
        data: repository.is_in_upstream_default("a", data)
        for data in (b"first", b"second", b"third", b"other", b"planted")
    }
    assert known == {b"first": True, b"second": True, b"third": True, b"other": False, b"planted": False}


# --- paths


def test_a_path_is_told_relative_to_the_root(
    git: Git, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.write("folder/a", b"1")
    (git.folder / "link").symlink_to("/etc/passwd")
    (tmp_path / "way in").symlink_to(git.folder / "folder")
    monkeypatch.chdir(git.folder / "folder")
    paths: list[Path | str] = ["a", "../link", tmp_path / "way in" / "a", "..", ".", tmp_path, "/etc/passwd"]
    assert [repository.relative(path) for path in paths] == ["folder/a", "link", "folder/a", ".", "folder", None, None]


# --- hostile surroundings


def hostile_configuration(git: Git, stolen: Path) -> None:
    """Every setting that makes git run something, each touching a file."""
    touch = f"touch {stolen}"
    script = git.folder.parent / "touch.sh"
    script.write_text(f"#!/bin/sh\n{touch}\nexit 0\n")
    script.chmod(0o755)
    hooks = git.folder.parent / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "pre-commit", "reference-transaction", "fsmonitor-watchman", "post-checkout"):
        shutil.copy(script, hooks / hook)
    settings = {
        "core.fsmonitor": str(script),
        "core.hooksPath": str(hooks),
        "core.pager": touch,
        "pager.diff-tree": touch,
        "pager.ls-tree": touch,
        "core.editor": touch,
        "core.sshCommand": touch,
        "core.askPass": str(script),
        "core.alternateRefsCommand": str(script),
        "diff.external": str(script),
        "diff.leak.textconv": str(script),
        "diff.leak.command": str(script),
        "diff.leak.cachetextconv": "true",
        "filter.leak.clean": touch,
        "filter.leak.smudge": touch,
        "filter.leak.process": touch,
        "merge.leak.driver": touch,
        "gpg.program": str(script),
        "gpg.ssh.program": str(script),
        "log.showSignature": "true",
        "credential.helper": f"!{touch}",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::sh -c {touch.replace(' ', '%20')}",
        "remote.origin.uploadpack": touch,
        "protocol.ext.allow": "always",
        "extensions.partialClone": "origin",
        "alias.diff-tree": f"!{touch}",
        "uploadpack.packObjectsHook": str(script),
    }
    config = git.folder / ".git" / "config"
    for name, value in settings.items():
        subprocess.run(["git", "config", "--file", str(config), name, value], check=True)


def test_no_configured_program_is_run(git: Git, tmp_path: Path) -> None:
    git.write(".gitattributes", b"a diff=leak filter=leak merge=leak ident eol=crlf working-tree-encoding=UTF-16\n")
    git("add", ".gitattributes")
    git("commit", "--quiet", "-m", "attributes")
    id = git("hash-object", "-w", "--stdin", "--no-filters", input=b"$Id$\r\nraw\n")
    git("update-index", "--add", "--cacheinfo", f"100644,{id},a")
    git("commit", "--quiet", "-m", "a")
    stolen = tmp_path / "stolen"
    hostile_configuration(git, stolen)
    with opened(git) as repository:
        assert repository.blob_at("HEAD", "a") == b"$Id$\r\nraw\n"
        assert repository.blob_at("INDEX", "a") == b"$Id$\r\nraw\n"
        assert len(repository.changes(repository.resolve("HEAD~1"), repository.resolve("HEAD"))) == 1
        assert repository.staged() == []
        assert len(repository.tree_paths("HEAD")) == 2
        assert repository.merge_base("HEAD", "HEAD~1") == repository.resolve("HEAD~1")
        git_default = repository.upstream_default()
        with pytest.raises(GitError):
            repository.blob("1" * 40)
    assert (git_default, stolen.exists()) == (None, False)
    subprocess.run(["git", "-C", str(git.folder), "status"], check=False, capture_output=True)
    assert stolen.exists()  # the traps are armed


def test_the_environment_leads_nowhere_else(
    git: Git, make_git: Callable[..., Git], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git.commit({"a": b"right"})
    other = make_git("other")
    other.commit({"a": b"wrong"})
    shim = other.folder / "shim.sh"
    shim.write_text(f"#!/bin/sh\ntouch {other.folder / 'stolen'}\n")
    shim.chmod(0o755)
    poison = {
        "GIT_DIR": str(other.folder / ".git"),
        "GIT_WORK_TREE": str(other.folder),
        "GIT_INDEX_FILE": str(other.folder / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(other.folder / ".git" / "objects"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(shim),
        "GIT_EXTERNAL_DIFF": str(shim),
        "GIT_PAGER": str(shim),
        "GIT_SSH_COMMAND": str(shim),
        "GIT_NAMESPACE": "nowhere",
        "GIT_CEILING_DIRECTORIES": str(git.folder),
        "GIT_TRACE": str(other.folder / "stolen"),
    }
    for name, value in poison.items():
        monkeypatch.setenv(name, value)
    for environ in (None, os.environ):
        with open_repository(git.folder, environ) or pytest.fail("not found") as repository:
            assert (repository.resolve("HEAD"), repository.blob_at("INDEX", "a")) == (commit, b"right")
            assert repository.staged() == []
    assert not (other.folder / "stolen").exists() or b"diff-index" not in (other.folder / "stolen").read_bytes()


def test_a_child_sees_no_variable_that_is_not_listed(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY", "AGE-SECRET-KEY-1CANARY")
    plumbing = Plumbing(git.folder, os.environ, untrusted=git.folder)
    process = plumbing.start("cat-file", "--batch")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"x\n")
    process.stdin.flush()
    process.stdout.readline()
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    process.communicate()
    names = {line.partition(b"=")[0] for line in environment.split(b"\0") if line}
    assert names <= {
        b"HOME", b"XDG_CONFIG_HOME", b"TMPDIR", b"USER", b"LOGNAME", b"PATH", b"LC_ALL", b"GIT_NO_REPLACE_OBJECTS",
        b"GIT_LITERAL_PATHSPECS", b"GIT_OPTIONAL_LOCKS", b"GIT_TERMINAL_PROMPT", b"GIT_NO_LAZY_FETCH", b"GIT_ALLOW_PROTOCOL",
        b"GIT_CONFIG_PARAMETERS", b"GIT_GRAFT_FILE",
    }  # fmt: skip


def test_a_replace_reference_changes_nothing(git: Git, repository: Repository) -> None:
    git.commit({"a": b"real"})
    planted = git("hash-object", "-w", "--stdin", input=b"planted")
    git("replace", blob_id(b"real", "sha1"), planted)
    assert git("cat-file", "blob", "HEAD:a") == "planted"
    assert repository.blob_at("HEAD", "a") == b"real"


def test_questions_change_nothing_in_the_repository(git: Git, repository: Repository) -> None:
    git.commit({"a": b"1"})
    git.write("a", b"2")
    os.utime(git.folder / "a", (1, 1))  # the index is out of date: git likes to refresh it

    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in git.folder.rglob("*") if path.is_file()}

    before = state()
    repository.staged()
    repository.tree_paths("HEAD")
    repository.blob_at("INDEX", "a")
    repository.is_in_upstream_default("a", b"1")
    assert state() == before


# --- the work tree


def test_a_change_in_index_or_work_tree_is_uncommitted(git: Git) -> None:
    commit = git.commit({"a": b"one\n", "b": b"one\n"})
    repository = opened(git)
    assert not repository.has_uncommitted_changes(commit)
    git.write("untracked", b"")
    os.utime(git.write("a", b"one\n"), (1, 1))  # other times, the same content
    assert not repository.has_uncommitted_changes(commit)
    git.write("a", b"two\n")
    assert repository.has_uncommitted_changes(commit)
    git("add", "a")
    assert repository.has_uncommitted_changes(commit)
    git("reset", "--quiet", "--hard")
    (git.folder / "b").unlink()
    assert repository.has_uncommitted_changes(commit)
    assert not repository.has_uncommitted_changes("0" * 40)


def test_looking_for_uncommitted_changes_starts_no_filter(git: Git, tmp_path: Path) -> None:
    commit = git.commit({".gitattributes": b"* filter=own diff=own\n", "a": b"one\n"})
    for key in ("filter.own.clean", "filter.own.process", "diff.own.command", "diff.own.textconv"):
        git("config", key, f"touch {tmp_path}/started; cat")
    git("config", "filter.own.required", "true")
    git.write("a", b"two\n")
    assert opened(git).has_uncommitted_changes(commit)
    assert not (tmp_path / "started").exists()
    git("config", "filter.a=b.clean", "cat")
    assert not opened(git).has_uncommitted_changes(commit)  # it cannot be told
