"""`sopskit check` on the command line: few lines, and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sopskit.review import findings
from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sopskit.review.findings.policy import Hit
    from tests.conftest import AgeTestKey

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\nstringData:\n  password: canary-hunter2\n"
LINE = (
    "app.yaml:6: block ENC04: a Kubernetes Secret with data is not encrypted: stringData.password"
    " (stringData.password); add a creation rule that fits this file to .sops.yaml, then sopskit encrypt -i app.yaml"
    " && git add app.yaml\n"
)


@pytest.fixture
def git(tmp_path: Path, tool: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository with one harmless file; the current folder."""
    tool("git")
    git = init(tmp_path / "work")
    git.commit({"values.yaml": b"a: 1\n"})
    monkeypatch.chdir(git.folder)
    return git


def test_nothing_is_said_where_all_is_well(git: Git) -> None:
    assert sopskit("check") == Done(0, b"", "")
    assert sopskit("check", "--staged") == Done(0, b"", "")
    assert sopskit("check", "values.yaml") == Done(0, b"", "")
    assert sopskit("check", "--range", "HEAD..HEAD") == Done(0, b"", "")


def test_somebody_who_looks_is_told_in_one_line(git: Git) -> None:
    assert sopskit("check", terminals="stdout") == Done(0, b"sopskit check: 1 file, nothing found\n", "")


def test_a_finding_is_one_line_and_the_verdict_another(git: Git) -> None:
    git.write("app.yaml", SECRET)
    out = f"{LINE}sopskit check: 2 files; findings: 1 block\n"
    assert sopskit("check") == Done(1, out.encode(), "")


def test_what_stands_in_head_has_to_be_changed(git: Git) -> None:
    git.commit({"app.yaml": SECRET})
    remedy = b"then sopskit encrypt -i app.yaml, and change the values: they stand in the history\n"
    assert remedy in sopskit("check").out
    git.write("app.yaml", SECRET + b"  token: canary\n")
    git("add", ".")
    assert remedy in sopskit("check", "--staged").out


def test_what_a_branch_has_committed_has_to_be_changed(git: Git) -> None:
    git.commit({"app.yaml": SECRET})
    assert b"they stand in the history" in sopskit("check", "--range", "HEAD~1..HEAD").out


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("a $(id).yaml", "'a $(id).yaml'"), ("-x.yaml", "./-x.yaml"), ("it's.yaml", "'it'\"'\"'s.yaml'")],
)
def test_the_command_of_a_remedy_can_be_pasted(git: Git, name: str, spelled: str) -> None:
    git.write(name, SECRET)
    git("add", ".")
    out = sopskit("check", "--staged").out.decode()
    assert f"then sopskit encrypt -i {spelled} && git add {spelled}\n" in out


def test_a_remedy_for_other_files_names_none(git: Git, alice: AgeTestKey, bob: AgeTestKey) -> None:
    rule = f"creation_rules: [{{path_regex: ^app, age: '{alice.recipient}'}}]\n"
    git.write(".sops.yaml", rule.encode())
    git.write("app.yaml", b"a: 1\n")
    assert sopskit("encrypt", "-i", "app.yaml").code == 0
    git.commit({})
    git.write(".sops.yaml", rule.replace(alice.recipient, f"{alice.recipient},{bob.recipient}").encode())
    git("add", ".")
    (line,) = [one for one in sopskit("check", "--staged").out.decode().splitlines() if " RCP04: " in one]
    assert line.endswith("; sopskit updatekeys FILES")


def test_rules_are_compared_with_those_of_head(git: Git, alice: AgeTestKey, bob: AgeTestKey) -> None:
    rule = f"creation_rules: [{{path_regex: ^app, encrypted_regex: ^(a|b)$, age: '{alice.recipient}'}}]\n"
    git.write(".sops.yaml", rule.encode())
    git.write("app.yaml", b"a: 1\nb: 2\n")
    assert sopskit("encrypt", "-i", "app.yaml").code == 0
    git.commit({})
    weaker = rule.replace("(a|b)", "(a)").replace(alice.recipient, f"{alice.recipient},{bob.recipient}")
    git.write(".sops.yaml", weaker.encode())
    git("add", ".")
    told = [line.split()[1:3] for line in sopskit("check", "--staged").out.decode().splitlines()]
    assert told[0] == ["block", "RUL01:"]
    assert ["medium", "RCP11:"] in told
    git("commit", "--quiet", "-m", "weaker")
    in_range = [line.split()[1:3] for line in sopskit("check", "--range", "HEAD~1..HEAD").out.decode().splitlines()]
    assert in_range[:2] == [["block", "RUL01:"], ["high", "RCP11:"]]
    assert sopskit("check").code == 0


def test_a_copy_that_is_not_committed_is_only_deleted(git: Git, alice: AgeTestKey) -> None:
    git.write("app.yaml", SECRET)
    assert sopskit("encrypt", "-i", "--age", alice.recipient, "app.yaml").code == 0
    git.commit({"app.yaml": (git.folder / "app.yaml").read_bytes()})
    git.write("app.dec.yaml", SECRET)
    git("add", ".")
    out = sopskit("check", "--staged").out
    assert out.splitlines()[0].endswith(b"; delete the copy, and name it in .gitignore")
    git("commit", "--quiet", "-m", "copy")
    assert b"they stand in the history" in sopskit("check").out


def test_one_cause_is_one_line(git: Git) -> None:
    for name in "abcd":
        git.write(f"{name}.yaml", SECRET)
    line, last = sopskit("check").out.decode().splitlines()
    assert line == (
        "a.yaml:6: block ENC04: a Kubernetes Secret with data is not encrypted: stringData.password (stringData.password);"
        " and 3 more files (--verbose names them);"
        " add a creation rule that fits this file to .sops.yaml, then sopskit encrypt -i FILE && git add FILE"
    )
    assert last == "sopskit check: 5 files; findings: 4 block"
    verbose = sopskit("check", "--verbose").out.decode().splitlines()
    assert [line.partition(":")[0] for line in verbose] == ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "sopskit check"]
    assert len(json.loads(sopskit("check", "--json").out)["findings"]) == 4


def test_few_places_of_one_cause_are_named(git: Git) -> None:
    for name in "ab":
        git.write(f"{name}.yaml", SECRET)
    line = sopskit("check").out.decode().splitlines()[0]
    assert "; also b.yaml:6; " in line
    assert line.endswith("sopskit encrypt -i a.yaml b.yaml && git add a.yaml b.yaml")


def test_a_file_is_told_once_by_its_most_helpful_finding(git: Git, alice: AgeTestKey) -> None:
    git.commit({".sops.yaml": f"creation_rules: [{{path_regex: ^app, age: {alice.recipient}}}]\n".encode()})
    git.write("app.yaml", SECRET)
    git.write("app-config.yaml", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n")
    lines = sopskit("check").out.decode().splitlines()
    assert [line.split()[2] for line in lines[:-1]] == ["ENC01:"]
    assert "; also app.yaml:" in lines[0]
    assert lines[-1] == "sopskit check: 4 files; findings: 3 block"


def test_paths_are_relative_to_the_current_folder(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git.write("deep/app.yaml", SECRET)
    monkeypatch.chdir(git.folder / "deep")
    assert sopskit("check", "app.yaml").out.startswith(b"deep/app.yaml:6: block ENC04: ")


def test_only_a_terminal_gets_colour(git: Git) -> None:
    git.write("app.yaml", SECRET)
    assert b"\x1b" not in sopskit("check").out
    assert b"app.yaml:6: \x1b[31mblock\x1b[0m ENC04: " in sopskit("check", terminals="stdout").out
    assert b"\x1b" not in sopskit("check", terminals="stdout", environ={"NO_COLOR": "1"}).out


def test_a_hostile_name_is_spelled_out(git: Git) -> None:
    git.write("\x1b[2J::error.yaml", SECRET)
    assert sopskit("check").out.startswith(b"\\x1b[2J::error.yaml:6: block ENC04: ")


def test_a_waived_finding_is_told_and_does_not_count(git: Git) -> None:
    waiver = b"version: 1\nwaivers:\n  - {policy: ENC04, path: app.yaml, reason: r, owner: ann, expires: 2999-01-31}\n"
    git.commit({".sopskit.yaml": waiver, "app.yaml": SECRET})
    done = sopskit("check")
    assert done.code == 0
    assert done.out.startswith(b"app.yaml:6: waived ENC04: ")


def test_the_json_form_is_that_of_a_review_without_a_base(git: Git) -> None:
    git.write("app.yaml", SECRET)
    report = json.loads(sopskit("check", "--json").out)
    kept = {name: report[name] for name in ("schema", "base", "head", "verdict", "exit_code")}
    assert kept == {
        "schema": "sopskit.review/1",
        "base": None,
        "head": {"ref": "worktree", "commit": None},
        "verdict": "findings",
        "exit_code": 1,
    }
    assert [finding["id"] for finding in report["findings"]] == ["ENC04"]


def test_fail_on_decides_what_fails(git: Git) -> None:
    git.commit({".sopskit.yaml": b"version: 1\npolicies: {ENC04: medium}\n", "app.yaml": SECRET})
    assert sopskit("check").code == 0
    assert sopskit("check", "--fail-on", "medium").code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--staged", "--all"),
        ("--range", "a..b", "--staged"),
        ("--all", "values.yaml"),
        ("--range", "HEAD"),
        ("--range", "nosuch..HEAD"),
        ("--bogus",),
        ("gone.yaml",),
        ("values.yaml", "/etc/hostname"),
    ],
)
def test_wrong_usage_is_no_clean_result(git: Git, words: tuple[str, ...]) -> None:
    done = sopskit("check", *words)
    assert (done.code, done.out) == (2, b"")


def test_a_crash_is_no_clean_result(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> Iterator[Hit]:
        raise ValueError("canary-text")

    broken_ones = tuple(policy._replace(find=broken) for policy in findings.POLICIES if policy.id == "ENC04")
    monkeypatch.setattr("sopskit.workflow.check.POLICIES", broken_ones)
    assert sopskit("check") == Done(
        2,
        b"not checked: values.yaml: a bug in sopskit: ENC04 ended with ValueError\n"
        b"sopskit check: 1 file; undecided: 1 file could not be checked; findings: none\n",
        "",
    )


def test_outside_of_a_repository_files_are_checked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.yaml").write_bytes(SECRET)
    monkeypatch.chdir(tmp_path)
    assert sopskit("check", "app.yaml").out.startswith(b"app.yaml:6: block ENC04: ")
    assert sopskit("check").code == 1
    assert sopskit("check", "--staged").code == 2


def test_a_file_for_others_is_told_only_to_the_strict(
    git: Git, alice: AgeTestKey, bob: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.write("mine.yaml", b"a: 1\n")
    git.write("theirs.yaml", b"a: 1\n")
    for name, recipient in (("theirs.yaml", bob.recipient), ("mine.yaml", alice.recipient)):
        assert sopskit("encrypt", "-i", "--age", recipient, git.folder / name).code == 0
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    assert sopskit("check") == Done(0, b"", "")
    strict = sopskit("check", "--strict")
    assert strict.code == 2
    assert strict.out.startswith(b"not checked: theirs.yaml: ")


def test_a_report_is_written_as_well(git: Git, tmp_path: Path) -> None:
    git.write("app.yaml", SECRET)
    done = sopskit("check", "--write", f"sarif:{tmp_path / 'out.sarif'}")
    assert done.code == 1
    assert json.loads((tmp_path / "out.sarif").read_bytes())["version"] == "2.1.0"


def test_a_clean_run_loads_no_renderer(git: Git) -> None:
    import subprocess
    import sys

    script = "import sys; from sopskit.cli.main import main; main(['check', '--keyless']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = set(done.stdout.decode().split())
    unwanted = {
        "rich",
        "cryptography.x509",
        "sopskit.keysources",
        "sopskit.review.render.words",
        "json",
        "ruamel",
        "gnupg",
    }
    assert loaded & unwanted == set()
