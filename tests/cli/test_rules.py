"""`sopskit rules`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey

SECRET = b"apiVersion: v1\nkind: Secret\nstringData:\n  # inside\n  PASSWORD: CANARY-VALUE\n"


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alice: AgeTestKey) -> Git:
    git = init(tmp_path / "repo")
    monkeypatch.chdir(git.folder)
    rules = f"""\
creation_rules:
  - path_regex: ^prod/
    age: {alice.recipient}
  - path_regex: ^dev/.*\\.yaml$
    encrypted_regex: ^(data|stringData)$
    age: {alice.recipient}
"""
    git.write(".sops.yaml", rules.encode())
    git.write(".sopskit.yaml", f"names: [{{name: ann, recipients: [{alice.recipient}]}}]\n".encode())
    git.write("dev/s.yaml", SECRET)
    return git


def test_why_a_file_gets_its_rule_and_what_that_does(git: Git, alice: AgeTestKey) -> None:
    assert sopskit("rules", "explain", "dev/s.yaml") == Done(
        0,
        f"""\
dev/s.yaml
  no  .sops.yaml:2: ^prod/  is not found in the path
  yes .sops.yaml:4: ^dev/.*\\.yaml$  is found in the path
  for:
    ann  age {alice.recipient}
  encrypts the values of keys that match ^(data|stringData)$  (encrypted_regex)
  encrypted, 1 value, and 1 comment:
    stringData.PASSWORD
  readable, 2 values:
    apiVersion
    kind
""".encode(),
        "",
    )


def test_a_file_that_is_not_there_has_a_rule_too(git: Git, alice: AgeTestKey) -> None:
    done = sopskit("rules", "explain", "prod/new.yaml")
    assert (done.code, done.out.decode().splitlines()) == (
        0,
        [
            "prod/new.yaml",
            "  yes .sops.yaml:2: ^prod/  is found in the path",
            "  -   .sops.yaml:4: not asked, an earlier rule fits",
            "  for:",
            f"    ann  age {alice.recipient}",
            "  encrypts all but the values of keys that end in _unencrypted  (unencrypted_suffix)",
            "  there is no such file yet",
        ],
    )


def test_a_file_without_a_rule_is_told_by_the_exit_code(git: Git) -> None:
    done = sopskit("rules", "explain", "qa/s.yaml", "dev/s.yaml")
    assert done.code == 1
    assert "  no rule fits: sops and sopskit refuse to encrypt it\n\ndev/s.yaml\n" in done.out.decode()


def test_a_folder_stands_for_its_files(git: Git) -> None:
    git.write("dev/t.yaml", b"a: 1\n")
    lines = sopskit("rules", "explain", "dev").out.decode().splitlines()
    assert [line for line in lines if line and line[0] != " "] == ["dev/s.yaml", "dev/t.yaml"]


def test_no_value_is_shown(git: Git) -> None:
    for words in (["dev/s.yaml"], ["--json", "dev/s.yaml"]):
        done = sopskit("rules", "explain", *words)
        assert "CANARY" not in done.out.decode() + done.err


def test_json(git: Git, alice: AgeTestKey) -> None:
    recipients = [{"type": "age", "id": alice.recipient, "name": "ann", "group": 0}]
    assert json.loads(sopskit("rules", "explain", "dev/s.yaml", "--json").out) == {
        "config": ".sops.yaml",
        "files": [
            {
                "path": "dev/s.yaml",
                "compared": "dev/s.yaml",
                "verdicts": [
                    {"position": 0, "line": 2, "path_regex": "^prod/", "matches": False},
                    {"position": 1, "line": 4, "path_regex": "^dev/.*\\.yaml$", "matches": True},
                ],
                "rule": {
                    "position": 1,
                    "line": 4,
                    "path_regex": "^dev/.*\\.yaml$",
                    "selection": {"encrypted_regex": "^(data|stringData)$"},
                    "mac_only_encrypted": False,
                    "shamir_threshold": None,
                    "recipients": recipients,
                },
                "file": {
                    "format": "yaml",
                    "selection": None,
                    "encrypted": [{"document": 0, "path": ["stringData", "PASSWORD"]}],
                    "readable": [{"document": 0, "path": ["apiVersion"]}, {"document": 0, "path": ["kind"]}],
                    "comments": 1,
                },
                "problem": None,
            }
        ],
    }


def test_the_rules_can_be_listed(git: Git, alice: AgeTestKey) -> None:
    assert (
        sopskit("rules", "list").out.decode()
        == f"""\
.sops.yaml:2: paths with ^prod/
  for:
    ann  age {alice.recipient}
  encrypts all but the values of keys that end in _unencrypted  (unencrypted_suffix)
.sops.yaml:4: paths with ^dev/.*\\.yaml$
  for:
    ann  age {alice.recipient}
  encrypts the values of keys that match ^(data|stringData)$  (encrypted_regex)
"""
    )
    listed = json.loads(sopskit("rules", "list", "--json").out)["rules"]
    assert [(rule["line"], rule["recipients"][0]["name"]) for rule in listed] == [(2, "ann"), (4, "ann")]


def test_a_file_that_is_encrypted_by_another_rule_is_told(git: Git) -> None:
    git.write("other.sops.yaml", (git.folder / ".sops.yaml").read_bytes().replace(b"^(data|stringData)$", b"^x$"))
    git.write("dev/s.yaml", b"x: 1\n")
    assert sopskit("encrypt", "--config", "other.sops.yaml", "-i", "dev/s.yaml").code == 0
    assert (
        "  but the file is encrypted already, and keeps its own rule: the values of keys that match ^x$  (encrypted_regex)\n"
        in sopskit("rules", "explain", "dev/s.yaml").out.decode()
    )


def test_key_groups_are_told_apart(git: Git, alice: AgeTestKey, bob: AgeTestKey) -> None:
    groups = f"[{{age: [{alice.recipient}]}}, {{age: [{bob.recipient}]}}]"
    git.write(".sops.yaml", f"creation_rules: [{{key_groups: {groups}, mac_only_encrypted: true}}]\n".encode())
    assert (
        sopskit("rules", "list").out.decode()
        == f"""\
.sops.yaml:1: every path
  for key group 1:
    ann  age {alice.recipient}
  for key group 2:
    age {bob.recipient}
  2 of 2 key groups open it
  encrypts all but the values of keys that end in _unencrypted  (unencrypted_suffix)
  the MAC covers the encrypted values only: the others can be changed unnoticed
"""
    )


def test_a_misspelt_field_is_told(git: Git) -> None:
    git.write(".sops.yaml", b"creation_rules: [{path_regx: a}]\n")
    assert sopskit("rules", "list").err == (
        "sopskit: warning: .sops.yaml:1: sops does not know the field path_regx, and ignores it\n"
    )


def test_a_configuration_can_be_named(git: Git, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("creation_rules: []\n")
    for words, environ in (
        (["--config", "../other.yaml"], {}),
        ([], {"SOPS_CONFIG": "../other.yaml"}),
    ):
        assert sopskit(*words, "rules", "list", environ=environ) == Done(
            0, b"", "../other.yaml has no creation rules\n"
        )


def test_without_a_configuration_there_is_nothing_to_explain(git: Git) -> None:
    (git.folder / ".sops.yaml").unlink()
    done = sopskit("rules", "explain", "dev/s.yaml")
    assert (done.code, done.err.splitlines()[0]) == (1, "sopskit: error: no .sops.yaml was found here or above")


def test_without_git_recipients_have_no_names(git: Git, tmp_path: Path) -> None:
    done = sopskit("rules", "explain", "prod/new.yaml", environ={"PATH": str(tmp_path)})
    assert (done.code, b"ann" in done.out) == (0, False)
    assert done.err == (
        "sopskit: warning: recipients have no names, since .sopskit.yaml is not read: the git program was not found\n"
        "sopskit: hint: install git, or add its folder to PATH\n"
    )


def test_hostile_texts_are_only_drawn(git: Git, alice: AgeTestKey) -> None:
    git.write(".sops.yaml", f'creation_rules: [{{path_regex: "\\e.2J|x", age: {alice.recipient}}}]\n'.encode())
    git.write("x\x1b[1m.yaml", b'"\\e[3m": 1\n')
    done = sopskit("rules", "explain", "x\x1b[1m.yaml")
    assert done.code == 0
    assert b"\x1b" not in done.out


@pytest.mark.parametrize("words", [["rules"], ["rules", "explain"], ["rules", "list"]])
def test_help_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert sopskit(*words, "--help").code == 0
    assert "Example:\n    sopskit rules" in capsys.readouterr().out
