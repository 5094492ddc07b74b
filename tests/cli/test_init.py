"""`sopskit init`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {PASSWORD: correct horse}\n"


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alice: AgeTestKey) -> Git:
    """A repository of a user who has a key."""
    git = init(tmp_path / "repo")
    git.write("k8s/gitops/dev/service1/secrets.yaml", SECRET)
    git.write("k8s/gitops/prod/service1/secrets.yaml", SECRET)
    git("config", "user.name", "Ann")
    monkeypatch.chdir(git.folder)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    return git


def written(git: Git) -> list[str]:
    names = (".sops.yaml", ".sopskit.yaml", ".git/hooks/pre-commit")
    return [name for name in names if (git.folder / name).exists()]


def short(recipient: str) -> str:
    return f"{recipient[:10]}…{recipient[-6:]}"


def announcement(git: Git, alice: AgeTestKey) -> str:
    key = f"{short(alice.recipient)} (your own key)"
    what = "Secrets and ConfigMaps"
    return f"""\
to be written in {git.folder}:
  .sops.yaml (new)
    prod: {what} (^k8s/gitops/prod/.*\\.(yaml|yml|json)$) for {key}
    dev: {what} (^k8s/gitops/dev/.*\\.(yaml|yml|json)$) for {key}
  .sopskit.yaml (new)
    environments: prod, protected; dev
    names: Ann; add those of the others
  .git/hooks/pre-commit (new)
    runs sopskit check --staged before every commit, and refuses it if sopskit is missing
"""


def test_it_says_what_it_will_do_and_asks_once(git: Git, alice: AgeTestKey) -> None:
    done = sopskit("init", stdin=b"y\n")
    assert (done.code, done.err) == (0, "")
    assert done.out.decode().startswith(
        f"{announcement(git, alice)}Write this? (y/N): done\n"
        "next: git add the new files, and encrypt what is plain text: sopskit encrypt -i k8s/gitops\n"
    )
    assert written(git) == [".sops.yaml", ".sopskit.yaml", ".git/hooks/pre-commit"]


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"yy\n"])
def test_any_other_answer_writes_nothing(git: Git, answer: bytes) -> None:
    done = sopskit("init", stdin=answer)
    assert (done.code, done.err, written(git)) == (1, "sopskit: error: nothing was written\n", [])


def test_without_an_answer_nothing_is_written(git: Git) -> None:
    done = sopskit("init")
    assert (done.code, written(git)) == (1, [])
    assert done.err.endswith("sopskit: hint: answer beforehand with --yes\n")


def test_a_second_run_has_nothing_to_do(git: Git) -> None:
    assert sopskit("init", "--yes").code == 0
    assert sopskit("init") == Done(
        0,
        b"already there: .sops.yaml, with a rule for every environment\n"
        b"already there: .sopskit.yaml\n"
        b"already there: a pre-commit hook that runs sopskit check\n"
        b"nothing to do\n",
        "",
    )


def test_a_dry_run_shows_the_files_and_writes_none(git: Git, alice: AgeTestKey) -> None:
    done = sopskit("init", "--dry-run")
    lines = done.out.decode().splitlines()
    assert (done.code, lines[0], written(git)) == (0, f"would write in {git.folder}:", [])
    assert sopskit("init", "--yes").code == 0
    shown = [line.removeprefix("      |").removeprefix(" ") for line in lines if line.startswith("      |")]
    assert shown == [line for name in written(git) for line in (git.folder / name).read_text().splitlines()]


def test_it_says_what_is_added_and_what_is_mended(git: Git, alice: AgeTestKey) -> None:
    assert sopskit("init", "--yes").code == 0
    git.write("k8s/gitops/qa/s.yaml", SECRET)
    (git.folder / ".git/hooks/pre-commit").chmod(0o600)
    lines = sopskit("init", "--dry-run").out.decode().splitlines()
    assert [line for line in lines if line.startswith("  .")] == [
        "  .sops.yaml (added to)",
        "  .git/hooks/pre-commit (made executable)",
    ]
    assert lines[3:8] == [
        "    qa: Secrets and ConfigMaps (^k8s/gitops/qa/.*\\.(yaml|yml|json)$) for Ann (your own key)",
        "      |   # qa: Secrets and ConfigMaps",
        "      |   - path_regex: ^k8s/gitops/qa/.*\\.(yaml|yml|json)$",
        "      |     encrypted_regex: ^(data|stringData)$",
        f"      |     age: {alice.recipient}",
    ]


def test_a_subfolder_will_do(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(git.folder / "k8s/gitops")
    assert sopskit("init", "--yes").code == 0
    assert written(git) == [".sops.yaml", ".sopskit.yaml", ".git/hooks/pre-commit"]
    assert sopskit("init").out.endswith(b"nothing to do\n")


def test_the_hook_alone(git: Git) -> None:
    assert sopskit("init", "--hooks-only", "--yes").code == 0
    assert written(git) == [".git/hooks/pre-commit"]


def test_a_foreign_hook_stays_and_the_line_is_told(git: Git) -> None:
    path = git.write(".git/hooks/pre-commit", b"#!/bin/sh\nmake lint\n")
    done = sopskit("init", "--hooks-only", "--yes")
    assert done == Done(
        0,
        b"nothing to do\n\n"
        + f"{path} is not sopskit's and stays as it is; add this line to it:\n  sopskit check --staged || exit 1\n".encode(),
        "",
    )
    assert path.read_bytes() == b"#!/bin/sh\nmake lint\n"


def test_what_is_written_is_obeyed_by_sopskit(git: Git, bob: AgeTestKey, alice: AgeTestKey) -> None:
    assert sopskit("init", "--yes", "--age", f"prod={bob.recipient}", "--age", f"prod={alice.recipient}").code == 0
    assert sopskit("encrypt", "-i", "k8s").code == 0
    lines = sopskit("recipients", "list", "k8s").out.decode().splitlines()
    assert [line.split() for line in lines] == [
        ["Ann", short(bob.recipient)],
        ["k8s/gitops/dev/service1/secrets.yaml", "x", "-"],
        ["k8s/gitops/prod/service1/secrets.yaml", "x", "x"],
    ]


def test_without_a_key_it_says_what_to_do(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOPS_AGE_KEY_FILE")
    assert sopskit("init", "--yes") == Done(
        1,
        b"",
        "sopskit: error: it is not known who shall read prod, dev: no recipient was named, and no age key of yours was found\n"
        "sopskit: hint: make a key with sopskit keys generate, or name recipients: sopskit init --age prod=age1...\n",
    )
    assert written(git) == []


def test_outside_a_repository_there_is_nothing_to_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sopskit("init", "--yes") == Done(
        1, b"", "sopskit: error: this folder is in no Git repository\nsopskit: hint: git init makes one\n"
    )


def test_recipients_and_the_hook_alone_exclude_each_other(git: Git, bob: AgeTestKey) -> None:
    assert sopskit("init", "--hooks-only", "--age", bob.recipient).code == 1


def test_a_private_key_is_never_shown(git: Git, alice: AgeTestKey) -> None:
    done = sopskit("init", "--yes", "--age", alice.identity)
    assert (done.code, written(git)) == (1, [])
    assert alice.identity[-20:] not in done.err
    for name in (".sops.yaml", ".sopskit.yaml"):
        assert sopskit("init", "--yes").code == 0
        assert alice.identity not in (git.folder / name).read_text()


def test_hostile_folders_are_only_drawn(git: Git) -> None:
    git.write("k8s/gitops/a\x1b[31m/s.yaml", SECRET)
    done = sopskit("init", "--yes")
    assert done.code == 0
    assert b"\x1b" not in done.out


@pytest.mark.skipif(
    not (Path(__file__).parents[2] / "sopskit/cli/check.py").exists(), reason="sopskit check is not there"
)
def test_the_hook_refuses_plain_text_and_lets_encrypted_files_pass(git: Git, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "git"):
        (programs / name).symlink_to(shutil.which(name) or name)
    program = programs / "sopskit"
    root = Path(__file__).parents[2]
    program.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m sopskit "$@"\n')
    program.chmod(0o755)
    environ = {**os.environ, "PATH": str(programs)}

    def commit() -> subprocess.CompletedProcess[str]:
        git("add", "--all")
        words = [str(programs / "git"), "-C", str(git.folder), "commit", "-q", "-m", "x"]
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)

    assert sopskit("init", "--yes").code == 0
    refused = commit()
    assert refused.returncode == 1
    assert "correct horse" not in refused.stdout + refused.stderr
    assert sopskit("encrypt", "-i", "k8s").code == 0
    passed = commit()
    assert passed.returncode == 0, passed.stderr


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert sopskit("init", "--help").code == 0
    assert "Example:\n    sopskit init --dry-run" in capsys.readouterr().out


# --- files that are encrypted already


@pytest.fixture
def shared(git: Git, alice: AgeTestKey, cluster_key: AgeTestKey) -> str:
    """A file in prod that the cluster reads too."""
    path = "k8s/gitops/prod/service1/secrets.yaml"
    assert sopskit("encrypt", "-i", "--age", f"{alice.recipient},{cluster_key.recipient}", path).code == 0
    return path


def test_who_reads_a_file_stays_a_reader(git: Git, shared: str, alice: AgeTestKey, cluster_key: AgeTestKey) -> None:
    assert sopskit("init", "--yes").code == 0
    text = (git.folder / ".sops.yaml").read_text()
    assert f"      {alice.recipient},\n      {cluster_key.recipient}\n" in text
    assert sopskit("updatekeys", "--yes", shared).code == 0
    assert cluster_key.recipient in (git.folder / shared).read_text()


def test_nobody_is_left_out_without_a_question(
    git: Git, shared: str, alice: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    done = sopskit("init", "--yes", "--age", alice.recipient)
    assert (done.code, written(git)) == (1, [])
    assert done.err == (
        f"sopskit: error: the recipients named leave out {short(cluster_key.recipient)}, who reads {shared}: "
        "nothing was written\n"
        f"sopskit: hint: add --age or --pgp prod={cluster_key.recipient}, or leave out --yes to be asked\n"
    )


@pytest.mark.parametrize(("answers", "count"), [(b"y\n", 0), (b"y\nn\n", 0), (b"n\ny\n", 0), (b"y\ny\n", 3)])
def test_a_reader_is_left_out_after_a_second_question(
    git: Git, shared: str, alice: AgeTestKey, cluster_key: AgeTestKey, answers: bytes, count: int
) -> None:
    done = sopskit("init", "--age", alice.recipient, stdin=answers)
    assert f"  left out of prod: {short(cluster_key.recipient)}, who reads {shared}\n".encode() in done.out
    assert len(written(git)) == count


def test_values_that_no_rule_would_encrypt_are_told(git: Git) -> None:
    git.write("helm-values/api/values-prod.yaml", b"db: {password: correct horse}\n")
    out = sopskit("init", "--yes").out
    assert b"\nno rule would encrypt db.password in helm-values/api/values-prod.yaml\n" in out
    assert b"correct horse" not in out


def test_the_last_line_names_folders_as_seen_from_here(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git.write("over lays/x", b"")
    git.write("overlays/qa/s.yaml", SECRET)
    git.write("environments/qa/s.yaml", SECRET)
    monkeypatch.chdir(git.folder / "over lays")
    assert b"plain text: sopskit encrypt -i ../environments ../k8s ../overlays\n" in sopskit("init", "--yes").out


def test_hostile_paths_forge_no_line(git: Git, alice: AgeTestKey) -> None:
    git.write("helm-values/a\ndone\n/values.yaml", b"password: x\n")
    git.write("overlays/a\ndone\n/s.yaml", SECRET)
    name = "k8s/gitops/prod/a\ndone\n/s.yaml"
    git.write(name, SECRET)
    options = ("-i", "--age", alice.recipient, "--encrypted-regex", "PASSWORD|a")
    assert sopskit("encrypt", *options, git.folder / name).code == 0
    git.write("k8s/gitops/prod/b.yaml", SECRET)
    assert sopskit("encrypt", *options[:-1], "PASSWORD", git.folder / "k8s/gitops/prod/b.yaml").code == 0
    out = sopskit("init", "--dry-run").out.decode()
    assert out.count("a\\ndone\\n") == 3
    assert "done" not in out.splitlines()
