"""review-diff on real repositories."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.cli.context import Context
from sopskit.cli.main import main
from sopskit.errors import GitError, UsageError
from sopskit.git import open_repository
from sopskit.git.objects import LARGEST_BLOB
from sopskit.review.model import ReviewDiff
from sopskit.workflow.ends import choose_ends
from sopskit.workflow.review import review
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey

CANARY = "canary-7f3e1a"
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  password: {CANARY}\n"


@pytest.fixture
def git(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with rules for alice on main, and a branch."""
    tool("git")
    git = init(tmp_path / "repository")
    rules = f"creation_rules:\n  - path_regex: ^prod/\n    encrypted_regex: ^stringData$\n    age: {alice.recipient}\n"
    git.commit({".sops.yaml": rules.encode(), "release.yaml": b"tag: 1\n"})
    git("checkout", "--quiet", "-b", "branch")
    monkeypatch.chdir(git.folder)
    return git


def reviewed(git: Git, *words: str) -> ReviewDiff:
    repository = open_repository(git.folder)
    assert repository is not None
    with repository:
        return review(repository, choose_ends(repository, words or ("main",), git.folder))


def run(*arguments: str, terminal: bool = False, **variables: str) -> tuple[int, str, str]:
    """Run the command line; gives exit code, standard output and standard error."""
    out, err = io.BytesIO(), io.StringIO()
    terminals = frozenset(("stdout",)) if terminal else frozenset[str]()
    environ = {**os.environ, "TERM": "xterm", **variables}
    context = Context(stdin=io.BytesIO(), stdout=out, stderr=err, environ=environ, terminals=terminals)
    code = main(["review-diff", *arguments], context)
    return code, out.getvalue().decode(), err.getvalue()


# --- which commits


def test_the_ends_are_what_git_diff_would_take(git: Git) -> None:
    base = git("rev-parse", "main")
    git("checkout", "--quiet", "main")
    ahead = git.commit({"a": b"1"})
    git("checkout", "--quiet", "branch")
    head = git.commit({"b": b"1"})
    repository = open_repository(git.folder)
    assert repository is not None

    def ends(*words: str) -> tuple[str, str | None, str, str | None]:
        chosen = choose_ends(repository, words, git.folder)
        return (chosen.base.ref, chosen.base.commit, chosen.head.ref, chosen.head.commit)

    with repository:
        assert ends() == ("main", base, "HEAD", head)
        assert ends("main") == ("main", base, "HEAD", head)
        assert ends("main", "branch") == ("main", base, "branch", head)
        assert ends("main...branch") == ("main", base, "branch", head)
        assert ends("main..branch") == ("main", ahead, "branch", head)
        assert ends("main..") == ("main", ahead, "HEAD", head)
        assert ends("...main") == ("HEAD", base, "main", ahead)


def test_a_word_that_is_a_revision_and_a_path_is_refused(git: Git) -> None:
    git.write("main", b"")
    with pytest.raises(UsageError, match="main may be a revision or a path"):
        reviewed(git, "main")
    assert reviewed(git, "refs/heads/main").files == ()


def test_paths_after_two_dashes_limit_the_review(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git.commit({"a/x.yaml": b"a: 1\n", "a/b/y.yaml": b"a: 1\n", "ab/z.yaml": b"a: 1\n", "main": b""})
    git("mv", "release.yaml", "a/moved.yaml")
    git.commit({})

    def paths(*words: str) -> list[str]:
        report = json.loads(run("--json", *words)[1])
        return [file["path"] for file in report["files"]]

    everything = ["a/b/y.yaml", "a/moved.yaml", "a/x.yaml", "ab/z.yaml", "main"]
    assert sorted(paths("main...branch", "--")) == everything
    assert sorted(paths("main", "--", ".")) == everything
    assert sorted(paths("main...branch", "--", "a")) == ["a/b/y.yaml", "a/moved.yaml", "a/x.yaml"]
    assert paths("main", "branch", "--", "release.yaml") == ["a/moved.yaml"]
    assert sorted(paths("--", "a/b/", "ab/z.yaml")) == ["a/b/y.yaml", "ab/z.yaml"]
    monkeypatch.chdir(git.folder / "a")
    assert paths("main...branch", "--", "b", "../main") == ["a/b/y.yaml", "main"]
    assert json.loads(run("--json", "main..main", "--", "../release.yaml")[1])["paths"] == ["release.yaml"]
    assert "\nonly in a/b\n" in run("main...branch", "--", "b")[1]
    assert "paths" not in json.loads(run("--json", "main...branch")[1])


@pytest.mark.parametrize("path", ["nowhere", "releas", "release.yaml/x", "/etc", ".."])
def test_a_path_that_neither_commit_has_is_undecided(git: Git, path: str) -> None:
    code, out, err = run("main...branch", "--", path)
    assert (code, out) == (2, "")
    assert ("is on neither side" in err) or ("lies outside of the repository" in err)


def test_without_a_default_branch_a_base_must_be_named(git: Git) -> None:
    git("branch", "-m", "main", "other")
    with pytest.raises(UsageError, match="no upstream default branch"):
        choose_ends(open_repository(git.folder) or pytest.fail("none"), (), git.folder)


def test_what_names_no_commit_is_an_error(git: Git) -> None:
    with pytest.raises(GitError):
        reviewed(git, "--output=stolen")


# --- what is found


def test_nothing_changed_is_clean(git: Git) -> None:
    result = reviewed(git)
    assert (result.files, result.verdict, result.exit_code) == ((), "clean", 0)


def test_a_plain_change_is_shown_and_clean(git: Git) -> None:
    git.commit({"release.yaml": b"tag: 2\n", "README": b"text", "run.sh": b"#!/bin/sh\n"})
    (git.folder / "run.sh").chmod(0o755)
    result = reviewed(git)
    assert [(file.path, file.status, len(file.changes)) for file in result.files] == [
        ("README", "added", 0),
        ("release.yaml", "modified", 1),
        ("run.sh", "added", 0),
    ]
    assert result.exit_code == 0


def test_a_mode_and_a_rename_are_told(git: Git) -> None:
    git("mv", "release.yaml", "moved.yaml")
    git.commit({})
    (git.folder / "moved.yaml").chmod(0o755)
    git.commit({})
    assert [(file.path, file.old_path, file.status) for file in reviewed(git).files] == [
        ("moved.yaml", "release.yaml", "renamed")
    ]
    assert [file.status for file in reviewed(git, "HEAD~1").files] == ["mode-changed"]


def test_an_untouched_file_is_said_to_be_so(git: Git, tool: Callable[[str], str]) -> None:
    import subprocess

    for name in ("prod/secret.yaml", "prod/other.yaml"):
        git.write(name, SECRET.encode())
        subprocess.run([tool("sops"), "--encrypt", "--in-place", name], cwd=git.folder, check=True, capture_output=True)
    git.commit({})
    git("mv", "prod/secret.yaml", "prod/renamed.yaml")
    (git.folder / "prod/other.yaml").chmod(0o755)
    git.commit({})
    result = reviewed(git, "HEAD~1")
    assert {file.path: [(one.id, one.explanation) for one in file.operations] for file in result.files} == {
        "prod/other.yaml": [("unchanged", "only the file mode changed")],
        "prod/renamed.yaml": [("unchanged", "renamed, nothing in it changed")],
    }
    assert [(finding.id, finding.severity, finding.path) for finding in result.findings] == [
        ("GIT04", "medium", "prod/other.yaml")
    ]


def test_a_private_key_blocks_whatever_the_file_is(git: Git, alice: AgeTestKey) -> None:
    key = alice.identity.encode()
    git.commit({"keys.txt": b"# mine\n" + key, "broken.yaml": b"a: [\nb: " + key, "large.bin": b"\0" * 100_000 + key})
    result = reviewed(git)
    assert [(one.id, one.severity, one.path, one.line) for one in result.findings] == [
        ("ENC06", "block", "broken.yaml", 2),
        ("ENC06", "block", "keys.txt", 2),
        ("ENC06", "block", "large.bin", 1),
    ]
    assert result.exit_code == 1
    for arguments in (("main",), ("main", "--json")):
        assert alice.identity[-20:] not in run(*arguments)[1]
    git("rm", "--quiet", "keys.txt", "broken.yaml", "large.bin")
    git.commit({})
    gone = reviewed(git, "HEAD~1").findings
    assert {(finding.id, finding.severity) for finding in gone} == {("ENC07", "medium")}


def test_a_plain_copy_of_a_secret_blocks_whatever_its_name_is(git: Git) -> None:
    git.commit({"secret.yaml.edited": SECRET.encode(), "README": b"kind: of a Secret: [\n", "note": b"kind: Secret\n"})
    (finding,) = reviewed(git).findings
    assert (finding.id, finding.path, finding.key) == ("ENC04", "secret.yaml.edited", ("stringData", "password"))


def test_a_plain_secret_blocks(git: Git) -> None:
    git.commit({"prod/secret.yaml": SECRET.encode()})
    result = reviewed(git)
    assert ([finding.id for finding in result.findings], result.exit_code) == (["ENC01", "ENC04"], 1)


def test_the_nearest_rules_count(git: Git, alice: AgeTestKey) -> None:
    git.commit(
        {
            "prod/.sops.yaml": f"creation_rules:\n  - age: {alice.recipient}\n".encode(),
            "prod/a.yaml": b"stringData: {a: x}\n",
        }
    )
    assert [finding.id for finding in reviewed(git).findings] == ["ENC01", "SUP01"]  # base's rule
    assert reviewed(git, "HEAD..HEAD").findings == ()


def test_an_encrypted_file_that_cannot_be_read_leaves_it_undecided(git: Git) -> None:
    broken = b"a: ENC[AES256_GCM,data:x]\nsops: [\n"
    git.commit({"broken.yaml": broken, "template.yaml": b"{{ if }}\n"})
    result = reviewed(git)
    assert [(item.path, item.decisive) for item in result.not_checked] == [
        ("broken.yaml", True),
        ("template.yaml", False),
    ]
    assert (result.verdict, result.exit_code) == ("undecided", 2)
    assert [file.operations for file in result.files] == [(), ()]


@pytest.mark.parametrize(
    "rules", [b"creation_rules: [", b"creation_rules:\n  - path_regex: '('\n", b"creation_rules:\n  - age: nobody\n"]
)
def test_rules_that_cannot_be_read_leave_it_undecided(git: Git, rules: bytes) -> None:
    git.commit({".sops.yaml": rules, "a.yaml": b"a: 1\n"})
    assert reviewed(git).exit_code == 2


def test_a_file_above_the_limit_leaves_it_undecided(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = b"a: " + b"[" * 100 + b"]" * 100 + b"\n"
    git.commit({"deep.yaml": deep, "deep-enc.yaml": deep + b"x: ENC[AES256_GCM,data:x]\nsops: {}\n"})
    assert [(item.path, item.decisive) for item in reviewed(git).not_checked] == [
        ("deep-enc.yaml", True),
        ("deep.yaml", False),
    ]


def test_a_blob_that_is_too_large_to_load_leaves_it_undecided(git: Git) -> None:
    with (git.folder / "large.bin").open("wb") as stream:
        stream.truncate(LARGEST_BLOB + 1)
    git.commit({})
    result = reviewed(git)
    assert ([item.path for item in result.not_checked], result.exit_code) == (["large.bin"], 2)


def test_links_and_submodules_are_never_followed(git: Git) -> None:
    (git.folder / "link.yaml").symlink_to("/etc/passwd")
    git.commit({})
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},module")
    git("commit", "--quiet", "-m", "module")
    assert [(file.path, file.status, file.operations) for file in reviewed(git).files] == [
        ("link.yaml", "added", ()),
        ("module", "added", ()),
    ]


def test_a_replaced_encrypted_file_is_a_finding(git: Git, tool: Callable[[str], str]) -> None:
    import subprocess

    path = git.write("prod/secret.yaml", SECRET.encode())
    subprocess.run(
        [tool("sops"), "--encrypt", "--in-place", "prod/secret.yaml"], cwd=git.folder, check=True, capture_output=True
    )
    git.commit({})
    path.unlink()
    path.symlink_to("/etc/passwd")
    git.commit({})
    result = reviewed(git, "HEAD~1")
    assert ([file.status for file in result.files], [finding.id for finding in result.findings]) == (
        ["type-changed"],
        ["GIT04"],
    )


# --- the command line


def test_the_command_exits_with_what_it_found_and_shows_no_value(git: Git) -> None:
    git.commit({"prod/secret.yaml": SECRET.encode()})
    code, out, err = run("main")
    assert (code, err) == (1, "")
    assert "BLOCK ENC01 (also ENC04) a file that a rule encrypts is plain text" in out
    assert "prod/secret.yaml:6" in out
    assert CANARY not in out
    code, out, _ = run("main", "--json")
    assert (code, CANARY in out) == (1, False)
    assert run("main..main")[0] == 0


def test_severe_findings_are_coloured_on_a_terminal_only(git: Git) -> None:
    git.commit({"prod/secret.yaml": SECRET.encode()})
    coloured = "\n\x1b[1;31mBLOCK ENC01 (also ENC04) a file that a rule encrypts is plain text\x1b[0m\n"
    assert coloured in run("main", terminal=True)[1]
    for plain in (
        run("main"),
        run("main", terminal=True, NO_COLOR="1"),
        run("main", terminal=True, TERM="dumb"),
        run("main", "--json", terminal=True),
    ):
        assert "\x1b" not in plain[1]


def test_uncommitted_changes_are_told(git: Git) -> None:
    note = "sopskit: uncommitted changes are not part of this review; --worktree reviews them\n"
    git.write("untracked", b"")
    assert run("main")[2] == ""
    git.write("release.yaml", b"tag: 2\n")
    code, out, err = run("main", "--json")
    assert (code, err, json.loads(out)["files"]) == (0, note, [])
    git.commit({"more": b""})
    git.write("release.yaml", b"tag: 3\n")
    assert run("main..main")[2] == ""  # another branch than the one that is checked out


def test_the_threshold_can_be_set(git: Git) -> None:
    git.commit({"prod/secret.yaml": SECRET.encode()})
    code, out, _ = run("main", "--json", "--fail-on", "low")
    assert (code, json.loads(out)["threshold"]) == (1, "low")


@pytest.mark.parametrize("arguments", [("a", "b", "c"), ("--format", "xml"), ("--nothing",), ("nowhere",)])
def test_wrong_usage_is_undecided(git: Git, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("sopskit: error: ")


def test_outside_of_a_repository_it_is_undecided(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run()[0] == 2


def test_hostile_names_reach_no_output_raw(git: Git) -> None:
    name = b"prod/\x1b[31m\n\xff\xe2\x80\xae::error.yaml"
    git.commit({name: SECRET.replace("password", '"\\e]52;c;\\a\u202e"').encode()})
    _, out, _ = run("main")
    assert all(char.isprintable() or char == "\n" for char in out)
    _, out, _ = run("main", "--json")
    assert out.isascii()
    (file,) = json.loads(out)["files"]
    import base64

    assert base64.b64decode(file["path_bytes"]) == name
    assert file["path"].startswith("prod/\x1b[31m\n\\xff")


def test_the_json_form_has_the_fields_of_its_schema(git: Git) -> None:
    git.commit({"prod/secret.yaml": SECRET.encode()})
    report: dict[str, Any] = json.loads(run("main", "--json")[1])
    assert {key: report[key] for key in ("schema", "mode", "threshold", "exit_code", "verdict", "not_checked")} == {
        "schema": "sopskit.review/1",
        "mode": "keyless",
        "threshold": "high",
        "exit_code": 1,
        "verdict": "findings",
        "not_checked": [],
    }
    assert report["base"] == {"ref": "main", "commit": git("rev-parse", "main")}
    assert report["summary"] == {"files": 1, "changes": 4, "findings": {"block": 2, "high": 0, "medium": 0, "low": 0}}
    (file,) = report["files"]
    assert file["changes"][3] == {
        "document": 0,
        "path": ["stringData", "password"],
        "from": None,
        "change": "added",
        "encrypted": {"base": None, "head": False},
        "type": {"base": None, "head": "str"},
        "value": {"base": None, "head": {"kind": "text"}},
        "range": {"base": None, "head": {"start": {"line": 6, "column": 13}, "end": {"line": 6, "column": 26}}},
        "certain": True,
    }
    assert report["findings"][0]["id"] == "ENC01"


def test_nothing_is_checked_out_and_no_repository_code_runs(git: Git) -> None:
    git.commit(
        {
            "yaml.py": b"raise SystemExit('ran')\n",
            "sitecustomize.py": b"raise SystemExit('ran')\n",
            "prod/x.yaml": b"a: 1\n",
        }
    )
    git("checkout", "--quiet", "main")
    code, _, err = run("main...branch")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in git.folder.iterdir()) == [".git", ".sops.yaml", "release.yaml"]
