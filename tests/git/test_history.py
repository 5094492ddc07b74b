"""Commits and versions, of friendly and hostile histories."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError
from sopskit.git import CommitInfo, Repository, TreeChange, TreeEntry, Version, open_repository
from sopskit.git.history import MOST_PATHSPECS, parse_log
from sopskit.git.objects import blob_id
from tests.git.test_repository import HOSTILE_NAMES
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONG = b"".join(b"line %d\n" % number for number in range(50))


def opened(git: Git) -> Repository:
    repository = open_repository(git.folder, os.environ)
    assert repository is not None
    return repository


@pytest.fixture
def repository(git: Git) -> Iterator[Repository]:
    with opened(git) as repository:
        yield repository


def entry(path: bytes, data: bytes, object_format: str = "sha1") -> TreeEntry:
    return TreeEntry(path, 0o100644, blob_id(data, object_format))


def merge(git: Git, other: str, files: dict[str | bytes, bytes] | None = None) -> str:
    """Merge a branch; with `files`, that is how the conflict is resolved."""
    subprocess.run(
        ["git", "-C", str(git.folder), "merge", "--no-ff", "-m", "merge", other], check=False, capture_output=True
    )
    return git.commit(files, "merge") if files else git("rev-parse", "HEAD")


def branched(git: Git) -> tuple[str, str, str, str]:
    """A commit, one on each of two branches, and their merge on main, that made a third version of `a`."""
    root = git.commit({"a": b"0"})
    git("checkout", "--quiet", "-b", "side")
    side = git.commit({"a": b"side", "b": b"1"})
    git("checkout", "--quiet", "main")
    main = git.commit({"a": b"main"})
    return root, side, main, merge(git, "side", {"a": b"merged"})


# --- ranges


def test_a_range_has_its_commits_oldest_first_with_what_each_changed(
    git: Git, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = git.commit({"a": b"1"})
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ann\N{RIGHT-TO-LEFT OVERRIDE} \xe9")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "1700000000 +0500")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000001 +0000")
    one = git.commit({"a": b"2", "b": b"1"}, "first line\nsecond line\n\nbody")
    two = git.commit({}, "nothing")
    common = ("Ann\N{RIGHT-TO-LEFT OVERRIDE} \xe9", "test@example.org", 1700000000, 1700000001)
    found = repository.range(base, two)
    assert found.complete
    assert found.commits == (
        CommitInfo(
            one,
            (base,),
            *common,
            "first line second line",
            (
                TreeChange("M", entry(b"a", b"1"), entry(b"a", b"2")),
                TreeChange("A", None, entry(b"b", b"1")),
            ),
        ),
        CommitInfo(two, (one,), *common, "nothing"),
    )


def test_a_range_is_empty_where_head_has_nothing_new(git: Git, repository: Repository) -> None:
    one = git.commit({"a": b"1"})
    two = git.commit({"a": b"2"})
    assert repository.range(two, one) == ((), True)


def test_parents_come_before_children_whatever_the_clocks_say(
    git: Git, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = git.commit({"a": b"0"})
    commits = []
    for number, time in enumerate((2000000000, 1000000000, 1500000000)):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{time} +0000")
        commits.append(git.commit({"a": b"%d" % number + b"x"}))
    assert [commit.id for commit in repository.range(base, commits[-1]).commits] == commits


def test_a_merge_is_compared_with_its_first_parent(git: Git, repository: Repository) -> None:
    root, side, main, merged = branched(git)
    found = {commit.id: commit for commit in repository.range(root, merged).commits}
    assert found.keys() == {side, main, merged}
    assert found[merged].parents == (main, side)
    assert found[merged].changes == (
        TreeChange("M", entry(b"a", b"main"), entry(b"a", b"merged")),
        TreeChange("A", None, entry(b"b", b"1")),
    )


def test_a_root_commit_is_compared_with_nothing(git: Git, repository: Repository) -> None:
    base = git.commit({"a": b"1"})
    git("checkout", "--quiet", "--orphan", "other")
    root = git.commit({"a": b"1"}, "another root")
    (commit,) = repository.range(base, root).commits
    assert (commit.parents, commit.changes) == ((), (TreeChange("A", None, entry(b"a", b"1")),))


def test_above_the_limit_the_newest_commits_are_given(git: Git, repository: Repository) -> None:
    base = git.commit({"a": b"0"})
    commits = [git.commit({"a": b"%d" % number}) for number in (1, 2, 3)]
    found = repository.range(base, commits[-1], limit=2)
    assert (found.complete, [commit.id for commit in found.commits]) == (False, commits[1:])
    assert repository.range(base, commits[-1], limit=3).complete


def test_plaintext_that_was_taken_out_again_is_in_the_range(git: Git, repository: Repository) -> None:
    base = git.commit({"a": b"1"})
    git.commit({"plain": b"secret"})
    (git.folder / "plain").unlink()
    head = git.commit({})
    assert repository.changes(base, head) == []
    changes = [change for commit in repository.range(base, head).commits for change in commit.changes]
    assert [(change.status, change.path) for change in changes] == [("A", b"plain"), ("D", b"plain")]


def test_a_moved_submodule_is_told_though_gitmodules_hides_it(git: Git, repository: Repository) -> None:
    hide = b'[submodule "s"]\n\tpath = s\n\turl = ./s\n\tignore = all\n'
    first = git.commit({".gitmodules": hide})

    def point(to: str) -> str:
        git("update-index", "--add", "--cacheinfo", f"160000,{to},s")
        git("commit", "--quiet", "-m", "point")
        return git("rev-parse", "HEAD")

    one, two = point(first), point("1" * 40)
    git("config", "diff.ignoreSubmodules", "all")
    moved = TreeChange("M", TreeEntry(b"s", 0o160000, first), TreeEntry(b"s", 0o160000, "1" * 40))
    assert repository.changes(one, two) == [moved]
    assert repository.range(one, two).commits[0].changes == (moved,)


# --- versions


def test_older_versions_are_found_newest_first_on_merged_branches_too(git: Git, repository: Repository) -> None:
    root, side, main, merged = branched(git)
    (git.folder / "a").unlink()
    gone = git.commit({})
    (git.folder / "a").symlink_to("b")
    link = git.commit({})
    (git.folder / "a").unlink()
    back = git.commit({"a": b"0"})
    assert link != gone
    found = repository.versions([b"a", b"nowhere"], back)
    ids = [(version.commit, version.blob) for version in found[b"a"]]
    expected = [
        (commit, blob_id(data, "sha1"))
        for commit, data in ((back, b"0"), (merged, b"merged"), (main, b"main"), (side, b"side"), (root, b"0"))
    ]
    assert ids[:2] == expected[:2]
    assert sorted(ids) == sorted(expected)
    assert found[b"nowhere"] == []


def test_a_merge_that_takes_one_side_makes_no_version(git: Git, repository: Repository) -> None:
    git.commit({"a": b"0"})
    git("checkout", "--quiet", "-b", "side")
    side = git.commit({"a": b"1"})
    git("checkout", "--quiet", "main")
    git.commit({"b": b"1"})
    head = merge(git, "side")
    assert [version.blob for version in repository.versions([b"a"], head)[b"a"]] == [
        blob_id(b"1", "sha1"),
        blob_id(b"0", "sha1"),
    ]
    assert repository.versions([b"a"], head)[b"a"][0].commit == side


def test_many_paths_give_the_same_as_one_by_one(git: Git, repository: Repository) -> None:
    names = [b"file%d" % number for number in range(MOST_PATHSPECS + 5)]
    for round in range(3):
        head = git.commit({name: b"%d" % round + name for name in names[round:]})
    together = repository.versions(names, head)
    assert together == {name: repository.versions([name], head)[name] for name in names}
    assert [len(together[name]) for name in names[:4]] == [1, 2, 3, 3]
    assert repository.versions([], head) == {}


def test_the_number_of_commits_looked_at_is_bounded(git: Git, repository: Repository) -> None:
    commits = [git.commit({"a": b"%d" % number}) for number in range(4)]
    found = repository.versions([b"a"], commits[-1], limit_commits=2)
    assert [version.commit for version in found[b"a"]] == [commits[3], commits[2]]


def test_a_pathspec_is_a_name_and_a_folder_gives_nothing(git: Git, repository: Repository) -> None:
    head = git.commit({"folder/a": b"1", "b": b"2"})
    assert repository.versions([b"folder", b"*", b":/b", b"."], head) == {b"folder": [], b"*": [], b":/b": [], b".": []}


# --- revisions of one file


def test_a_file_is_followed_through_renames(git: Git, repository: Repository) -> None:
    one = git.commit({"a": LONG, "other": b"1"})
    two = git.commit({"a": LONG + b"2\n"})
    (git.folder / "a").unlink()
    three = git.commit({"folder/b": LONG + b"3\n"})
    git.commit({"other": b"2"})
    (git.folder / "folder/b").unlink()
    four = git.commit({"c": LONG + b"3\n"})
    found = [(one.commit.id, one.head, one.parents) for one in repository.revisions("c", four)]
    assert found == [
        (four, entry(b"c", LONG + b"3\n"), (entry(b"folder/b", LONG + b"3\n"),)),
        (three, entry(b"folder/b", LONG + b"3\n"), (entry(b"a", LONG + b"2\n"),)),
        (two, entry(b"a", LONG + b"2\n"), (entry(b"a", LONG),)),
        (one, entry(b"a", LONG), (None,)),
    ]
    assert [revision.commit.id for revision in repository.revisions("c", four, limit=2)] == [four, three]


def test_a_deleted_file_has_a_history(git: Git, repository: Repository) -> None:
    one = git.commit({"a": b"1"})
    (git.folder / "a").unlink()
    two = git.commit({})
    three = git.commit({"a": b"2"})
    assert [(revision.commit.id, revision.head) for revision in repository.revisions(b"a", three)] == [
        (three, entry(b"a", b"2")),
        (two, None),
        (one, entry(b"a", b"1")),
    ]


def test_a_merge_that_made_a_version_of_its_own_names_all_parents(git: Git, repository: Repository) -> None:
    _, _, _, merged = branched(git)
    first = next(iter(repository.revisions("a", merged)))
    assert (first.commit.id, first.head, first.parents) == (
        merged,
        entry(b"a", b"merged"),
        (entry(b"a", b"main"), entry(b"a", b"side")),
    )


# --- hostile surroundings


def test_hostile_names_go_through_every_question_of_history(git: Git, repository: Repository) -> None:
    base = git.commit({"first": b"0"})
    one = git.commit({name: b"1" + name for name in HOSTILE_NAMES})
    two = git.commit({name: b"2" + name for name in HOSTILE_NAMES})
    commits = repository.range(base, two).commits
    assert [sorted(change.path for change in commit.changes) for commit in commits] == [sorted(HOSTILE_NAMES)] * 2
    few, many = HOSTILE_NAMES[:5], [*HOSTILE_NAMES, *(b"none%d" % number for number in range(MOST_PATHSPECS))]
    for names in (few, many, HOSTILE_NAMES[5:]):
        found = repository.versions(names, two)
        for name in set(names) & set(HOSTILE_NAMES):
            assert [(version.commit, version.blob) for version in found[name]] == [
                (two, blob_id(b"2" + name, "sha1")),
                (one, blob_id(b"1" + name, "sha1")),
            ]
    for name in HOSTILE_NAMES:
        assert [revision.commit.id for revision in repository.revisions(name, two)] == [two, one]


def test_a_commit_written_by_hand_cannot_confuse_the_reading(git: Git, repository: Repository) -> None:
    base = git.commit({"a": b"1"})
    tree = git("rev-parse", "HEAD^{tree}")
    raw = (
        b"tree " + tree.encode() + b"\nparent " + base.encode() + b"\n"
        b"author :100644 100644 \xff <\x1b[2J> 99999999999999999999 +0000\ncommitter nobody\n\n"
        b":100644 100644 " + b"0" * 40 + b" " + b"1" * 40 + b" M\n"
    )
    head = git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", input=raw)
    (commit,) = repository.range(base, head).commits
    assert (commit.id, commit.parents, commit.author, commit.changes) == (head, (base,), ":100644 100644 \udcff", ())
    assert repository.commit_object(head) == raw


def test_sha256_names_go_through_every_question_of_history(make_git: Callable[..., Git]) -> None:
    git = make_git("sha256", "--object-format=sha256")
    one, two = git.commit({"a": b"1"}), git.commit({"a": b"2"})
    with opened(git) as repository:
        old, new = entry(b"a", b"1", "sha256"), entry(b"a", b"2", "sha256")
        (commit,) = repository.range(one, two).commits
        assert commit.changes == (TreeChange("M", old, new),)
        newest, oldest = repository.versions([b"a"], two)[b"a"]
        assert (newest, oldest.blob) == (Version(two, new.id, commit.time), old.id)
        assert [revision.head for revision in repository.revisions("a", two)] == [new, old]
        assert repository.commit_object(two).startswith(b"tree ")


def test_grafts_and_replace_references_change_no_history(git: Git, repository: Repository) -> None:
    one, two, three = (git.commit({"a": data}) for data in (b"1", b"2", b"3"))
    git("replace", blob_id(b"2", "sha1"), blob_id(b"1", "sha1"))
    git("replace", two, one)
    (git.folder / ".git" / "info" / "grafts").write_text(f"{three} {one}\n")
    assert git("rev-list", "--count", "HEAD") == "2"
    assert [commit.id for commit in repository.range(one, three).commits] == [two, three]
    assert [version.commit for version in repository.versions([b"a"], three)[b"a"]] == [three, two, one]
    assert f"parent {two}\n".encode() in repository.commit_object(three)


def test_no_setting_changes_what_is_read(git: Git, repository: Repository) -> None:
    base = git.commit({"a": LONG, "gone": LONG + b"x"})
    (git.folder / "gone").unlink()
    head = git.commit({"a": LONG + b"1", "moved": LONG + b"x"})
    git("notes", "add", "-m", "a note", head)
    git.write(".mailmap", b"Boss <boss@example.org> <test@example.org>\n")

    def questions() -> object:
        return (
            repository.range(base, head),
            repository.versions([b"a"], head),
            list(repository.revisions("moved", head)),
            repository.changes(base, head),
        )

    before = questions()
    git.write("order", b"moved\ngone\na\n")
    settings = {
        "log.follow": "true",
        "log.showSignature": "true",
        "log.showRoot": "false",
        "log.decorate": "full",
        "log.mailmap": "true",
        "log.diffMerges": "separate",
        "log.abbrevCommit": "true",
        "core.abbrev": "4",
        "core.quotePath": "true",
        "diff.renames": "copies",
        "diff.renameLimit": "1",
        "diff.orderFile": str(git.folder / "order"),
        "diff.noprefix": "true",
        "diff.relative": "true",
        "diff.dirstat": "lines",
        "color.ui": "always",
        "format.pretty": "fuller",
        "format.notes": "true",
        "i18n.logOutputEncoding": "latin-1",
        "notes.displayRef": "*",
    }
    for name, value in settings.items():
        git("config", name, value)
    assert questions() == before


def test_what_follows_nothing_is_nothing() -> None:
    assert list(parse_log(b"")) == []


# --- clones


def test_a_range_that_leaves_a_shallow_clone_is_refused(git: Git, tmp_path: Path) -> None:
    commits = [git.commit({"a": b"%d" % number}) for number in range(4)]
    git("checkout", "--quiet", "--orphan", "other")
    root = git.commit({"a": b"root"})
    git("clone", "--quiet", "--depth=2", "--no-single-branch", f"file://{git.folder}", str(tmp_path / "shallow"))
    with opened(Git(tmp_path / "shallow")) as shallow:
        assert [commit.id for commit in shallow.range(commits[2], commits[3]).commits] == [commits[3]]
        assert [commit.id for commit in shallow.range(commits[3], root).commits] == [root]
        with pytest.raises(GitError, match=f"parents of commit {commits[2]} are not in this clone") as caught:
            shallow.range(root, commits[3])
    assert caught.value.hint is not None
    assert "--unshallow" in caught.value.hint


@pytest.mark.parametrize("filter", ["tree:0", "blob:none"])
def test_a_partial_clone_without_the_objects_is_an_error_that_says_so(git: Git, tmp_path: Path, filter: str) -> None:
    git("config", "uploadpack.allowFilter", "true")
    base = git.commit({"a": LONG})
    (git.folder / "a").unlink()
    head = git.commit({"b": LONG + b"more\n"})
    git("clone", "--quiet", "--no-checkout", f"--filter={filter}", f"file://{git.folder}", str(tmp_path / "partial"))
    with opened(Git(tmp_path / "partial")) as partial:
        with pytest.raises(GitError, match="git diff-tree needs objects that are not in this clone") as caught:
            partial.changes(base, head)
        if filter == "blob:none":
            assert len(partial.range(base, head).commits) == 1
        else:
            with pytest.raises(GitError, match="git log needs objects"):
                partial.range(base, head)
    assert caught.value.hint is not None
    assert "--refetch" in caught.value.hint
