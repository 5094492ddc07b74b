"""A commit's files in a folder, and trees that nobody honest would push."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import FileAccessError, SopskitError
from sopskit.git import checkout
from sopskit.git.checkout import check_out
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def store(tmp_path: Path, tool: Callable[[str], str]) -> Git:
    """A bare repository."""
    tool("git")
    (tmp_path / "store").mkdir()
    git = Git(tmp_path / "store")
    git("init", "--quiet", "--bare", "--initial-branch=main")
    return git


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the files shall be; it does not exist yet."""
    return tmp_path / "out"


def blob(store: Git, data: bytes) -> str:
    return store("hash-object", "-w", "--stdin", input=data)


def tree(store: Git, *entries: tuple[str, bytes, str]) -> str:
    """A tree as its bytes: `git mktree` sorts the names, and refuses some of them."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(id) for mode, name, id in entries)
    return store("hash-object", "-w", "-t", "tree", "--literally", "--stdin", input=data)


def commit(store: Git, *entries: tuple[str, bytes, str]) -> str:
    return store("commit-tree", "-m", "hostile", tree(store, *entries))


def nested(store: Git, path: bytes, leaf: tuple[str, str]) -> str:
    """A commit with one entry, folders around it."""
    *folders, name = path.split(b"/")
    entry = (leaf[0], name, leaf[1])
    for folder in reversed(folders):
        entry = ("40000", folder, tree(store, entry))
    return commit(store, entry)


def links(store: Git, targets: dict[bytes, bytes]) -> str:
    """A commit with symbolic links, and the file `a/b/c`."""
    entries = {b"a/b/c": ("100644", b"content"), **{name: ("120000", target) for name, target in targets.items()}}
    index = b"".join(f"{mode} {blob(store, data)}\t".encode() + name + b"\0" for name, (mode, data) in entries.items())
    store("read-tree", "--empty")
    store("update-index", "-z", "--index-info", input=index)
    return store("commit-tree", "-m", "links", store("write-tree"))


def put(store: Git, commit: str, out: Path, **limits: int) -> None:
    check_out(store.folder, commit, out, os.environ["PATH"], **limits)


def refusal(store: Git, commit: str, out: Path, **limits: int) -> str:
    """What is said of a commit of which nothing may be there afterwards."""
    with pytest.raises(SopskitError) as caught:
        put(store, commit, out, **limits)
    assert not out.exists()
    return str(caught.value)


def test_files_are_private_links_stay_links_and_submodules_are_left_out(store: Git, out: Path) -> None:
    script, target = blob(store, b"#!/bin/sh\n"), blob(store, b"run")
    made = commit(store, ("120000", b"link", target), ("160000", b"module", "1" * 40), ("100755", b"run", script))
    put(store, made, out)
    assert sorted(os.listdir(out)) == ["link", "run"]
    assert os.readlink(out / "link") == "run"
    assert (stat.S_IMODE(out.stat().st_mode), stat.S_IMODE((out / "run").stat().st_mode)) == (0o700, 0o600)


def test_an_empty_tree_gives_an_empty_folder(store: Git, out: Path) -> None:
    put(store, commit(store), out)
    assert os.listdir(out) == []


def test_no_attribute_no_filter_and_no_line_end_changes_a_file(
    store: Git, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[core]\nautocrlf = true\n[filter "x"]\nsmudge = touch {tmp_path}/ran\nrequired = true\n'
    )
    monkeypatch.setenv("HOME", str(home))
    attributes = b"* text eol=crlf ident filter=x export-subst\n"
    files = {b".gitattributes": attributes, b"a": b"$Id$\n$Format:%H$\n", b"z": b"\r\n"}
    put(store, commit(store, *(("100644", name, blob(store, data)) for name, data in files.items())), out)
    assert {os.fsencode(name): (out / name).read_bytes() for name in os.listdir(out)} == files
    assert not (tmp_path / "ran").exists()


def test_names_need_not_be_utf_8(store: Git, out: Path) -> None:
    names = [b"\xe4.yaml", b"a\nb", b"a\\b", b"c\tc", b'"d"', b"-rf", b"gitlab", b".github", b".gitignore"]
    empty = blob(store, b"")
    put(store, commit(store, *(("100644", name, empty) for name in sorted(names))), out)
    assert sorted(os.listdir(os.fsencode(out))) == sorted(names)


@pytest.mark.parametrize(
    "name",
    [
        *(b".git", b".GIT", b".Git", b"git~1", b"GIT~2", b".git ", b".git.", b".git . ", b".git::$INDEX_ALLOCATION"),
        *(".g\u200cit".encode(), ".git\u200d".encode(), "\ufeff.git".encode(), b"..", b"."),
    ],
)
@pytest.mark.parametrize("place", [b"%s", b"%s/config", b"a/%s", b"a/%s/hooks/x"])
def test_a_dangerous_name_is_refused(store: Git, out: Path, name: bytes, place: bytes) -> None:
    said = refusal(store, nested(store, place % name, ("100644", blob(store, b"x"))), out)
    assert said.endswith(": a tree must not have such a name")
    assert said.isprintable()


def test_an_empty_name_is_refused(store: Git, out: Path) -> None:
    assert (
        refusal(store, commit(store, ("100644", b"", blob(store, b"x"))), out) == "the commit's files cannot be listed"
    )


def test_a_slash_within_a_name_is_one_between_names(store: Git, out: Path) -> None:
    empty = blob(store, b"")
    assert "must not have such a name" in refusal(store, commit(store, ("100644", b"a/../../x", empty)), out)
    assert "must not have such a name" in refusal(store, commit(store, ("100644", b"/etc/x", empty)), out)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (b"l", b"/etc/passwd"),
        (b"l", b"/"),
        (b"l", b".."),
        (b"l", b"../out2"),
        (b"l", b"a/../.."),
        (b"a/b/l", b"../../../x"),
        (b"l", b"./a/b/../../../out/../x"),
    ],
)
def test_a_link_that_leads_out_is_refused(store: Git, out: Path, name: bytes, target: bytes) -> None:
    said = refusal(store, links(store, {name: target}), out)
    assert said == f"{name.decode()}: the symbolic link leads out of the repository"


def test_a_link_that_leads_out_through_another_is_refused(store: Git, out: Path) -> None:
    # `up` is the root, and `up/..` is outside, which the text of `out` alone would not tell
    assert "leads out" in refusal(store, links(store, {b"a/b/up": b"../..", b"z": b"a/b/up/.."}), out)


def test_a_link_to_the_folder_by_its_own_name_is_refused(store: Git, out: Path) -> None:
    assert "leads out" in refusal(store, links(store, {b"l": os.fsencode(out)}), out)


def test_links_inside_stay(store: Git, out: Path) -> None:
    targets = {b"a/up": b"../a/b", b"l": b"a/b/c", b"missing": b"a/none", b"x": b"x", b"root": b"."}
    put(store, links(store, targets), out)
    assert {name: os.readlink(os.fsencode(out) + b"/" + name) for name in targets} == targets
    assert (out / "a/up/c").read_bytes() == b"content"


def test_a_file_is_not_written_through_a_link(store: Git, out: Path) -> None:
    inner = tree(store, ("100644", b"x", blob(store, b"x")))
    other = tree(store, ("100644", b"y", blob(store, b"y")))
    made = commit(store, ("120000", b"d", blob(store, b"e")), ("40000", b"d", inner), ("40000", b"e", other))
    assert refusal(store, made, out) == "d cannot be written: file exists"


def test_a_name_that_stands_twice_is_refused(store: Git, out: Path) -> None:
    one, other = blob(store, b"1"), blob(store, b"2")
    assert refusal(store, commit(store, ("100644", b"a", one), ("100644", b"a", other)), out) == (
        "a cannot be written: file exists"
    )


def test_a_link_whose_name_stands_twice_is_refused(store: Git, out: Path) -> None:
    made = commit(store, ("120000", b"a", blob(store, b"b")), ("120000", b"a", blob(store, b"c")))
    assert refusal(store, made, out) == "two symbolic links of the commit have one name"


def test_a_file_that_is_also_a_folder_is_refused(store: Git, out: Path) -> None:
    inner = tree(store, ("100644", b"x", blob(store, b"x")))
    made = commit(store, ("100644", b"a", blob(store, b"1")), ("40000", b"a", inner))
    assert refusal(store, made, out) in ("a cannot be written: file exists", "a/x cannot be written: file exists")


@pytest.mark.parametrize("target", [b"", b"a\0b", b"a" * 5000])
def test_a_link_that_no_system_has_is_refused(store: Git, out: Path, target: bytes) -> None:
    assert refusal(store, commit(store, ("120000", b"l", blob(store, target))), out).startswith("l")


def test_a_chain_of_links_is_followed_to_its_end(store: Git, out: Path) -> None:
    targets = {b"l%04d" % number: b"l%04d" % (number + 1) for number in range(30)}
    assert "leads out" in refusal(store, links(store, {**targets, b"l0030": b".."}), out)
    put(store, links(store, targets), out)


def test_links_that_go_in_circles_lead_nowhere_and_stay(store: Git, out: Path) -> None:
    put(store, links(store, {b"x": b"y", b"y": b"x", b"a/z": b"z/z"}), out)
    assert os.readlink(out / "x") == "y"


def test_links_too_many_to_follow_are_refused(store: Git, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "MOST_STEPS", 1000)
    made = links(store, {b"l%d" % number: b"./" * 200 + b"x" for number in range(6)})
    assert refusal(store, made, out) == "the commit's symbolic links are too entangled to be followed"


def test_a_name_that_is_too_long_is_refused(store: Git, out: Path) -> None:
    made = commit(store, ("100644", b"n" * 300, blob(store, b"")))
    assert refusal(store, made, out).endswith("cannot be written: file name too long")


def test_a_path_that_is_too_deep_is_refused(store: Git, out: Path) -> None:
    made = nested(store, b"/".join([b"d"] * 150), ("100644", blob(store, b"")))
    assert refusal(store, made, out) == "a path of the commit has more than 100 folders or 2048 bytes"


def test_limits_of_files_and_bytes(store: Git, out: Path) -> None:
    made = commit(store, *(("100644", b"%d" % number, blob(store, b"x" * 100)) for number in range(5)))
    assert refusal(store, made, out, most_files=4) == "the commit has more than 4 files"
    assert refusal(store, made, out, most_bytes=499) == "the commit's files have more than 499 bytes"
    put(store, made, out, most_files=5, most_bytes=500)


def test_a_file_that_is_too_large_is_refused(store: Git, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "LARGEST_BLOB", 99)
    made = commit(store, ("100644", b"a", blob(store, b"x" * 100)))
    assert refusal(store, made, out) == "a has 100 bytes, more than the limit of 99"


def test_a_tree_of_billions_of_files_from_a_few_objects_is_refused_at_once(store: Git, out: Path) -> None:
    entry = ("100644", blob(store, b""))
    for _ in range(10):
        entry = ("40000", tree(store, *((entry[0], b"%d" % number, entry[1]) for number in range(10))))
    made = store("commit-tree", "-m", "bomb", entry[1])
    assert refusal(store, made, out) == "the commit has more than 50000 files"


def test_a_tree_of_billions_of_empty_folders_ends_at_the_deadline(
    store: Git, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "DEADLINE", 0.3)
    id = tree(store)
    for _ in range(12):
        id = tree(store, *(("40000", b"%d" % number, id) for number in range(10)))
    made = store("commit-tree", "-m", "bomb", id)
    assert refusal(store, made, out) == "the commit's files could not be listed within 0.3 seconds"


def test_submodules_count_as_files(store: Git, out: Path) -> None:
    made = commit(store, *(("160000", b"%d" % number, "1" * 40) for number in range(5)))
    assert refusal(store, made, out, most_files=4) == "the commit has more than 4 files"
    assert check_out(store.folder, made, out, os.environ["PATH"], most_files=5) == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize("id", ["0" * 40, "HEAD", "--help", "main", "", "a\0b", "refs/heads/main"])
def test_a_commit_that_is_not_there_is_an_error(store: Git, out: Path, id: str) -> None:
    refusal(store, id, out)


def test_a_blob_that_is_missing_is_an_error(store: Git, out: Path) -> None:
    made = commit(store, ("100644", b"a", blob(store, b"here")), ("100644", b"b", "1" * 40))
    assert refusal(store, made, out) == f"b: object {'1' * 40} is not in this store"


def test_a_folder_that_is_there_must_be_empty(store: Git, out: Path, tmp_path: Path) -> None:
    made = commit(store, ("100644", b"a", blob(store, b"here")))
    out.mkdir(0o755)
    put(store, made, out)
    assert ((out / "a").read_bytes(), stat.S_IMODE(out.stat().st_mode)) == (b"here", 0o700)
    with pytest.raises(FileAccessError, match="the folder for the files cannot be made: file exists"):
        put(store, made, out)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    with pytest.raises(FileAccessError, match="the folder for the files cannot be made: file exists"):
        put(store, made, tmp_path / "link")
    assert (out / "a").exists()


def test_the_store_s_own_settings_and_replacements_play_no_part(store: Git, out: Path) -> None:
    real, other = blob(store, b"real"), blob(store, b"other")
    made = commit(store, ("100644", b"a", real))
    store("replace", real, other)
    put(store, made, out)
    assert (out / "a").read_bytes() == b"real"


def test_no_program_is_left_running(store: Git, out: Path) -> None:
    before = children()
    put(store, commit(store, ("100644", b"a", blob(store, b"here"))), out)
    refusal(store, commit(store, ("100644", b"..", blob(store, b"here"))), out / "not")
    assert children() == before


def children() -> set[str]:
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}
