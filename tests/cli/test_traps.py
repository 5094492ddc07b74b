"""Where sops loses data, leaks or ignores an option in silence, sopskit refuses or does the safe thing, and says so.

The tests are named for the rows of SOPS section 11.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.cli.running import sopskit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey


def plaintext(path: Path) -> object:
    done = sopskit("decrypt", "--input-type", "yaml", path)
    assert done.code == 0, done.err
    return next(iter(yaml.safe_load_all(done.out)))


def editor(folder: Path, body: str) -> dict[str, str]:
    """An editor that runs a piece of shell on the file, `$1`."""
    path = folder.parent / "editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return {"EDITOR": shlex.quote(str(path))}


def test_row_11_54_set_keeps_an_integer_an_integer(secret: Path) -> None:
    assert sopskit("set", secret, '["stringData"]["port"]', "5").code == 0
    tokens = yaml.safe_load(secret.read_text())["stringData"]
    assert tokens["port"].endswith("type:int]")


def test_row_11_55_set_takes_a_list(secret: Path) -> None:
    assert sopskit("set", secret, '["list"]', "[1]").code == 0
    assert plaintext(secret)["list"] == [1]  # type: ignore[index]


def test_row_11_56_an_option_after_the_file_is_refused_in_the_form_without_a_command(secret: Path) -> None:
    before = secret.read_bytes()
    done = sopskit("-d", secret, "-i")
    assert (done.code, done.out, secret.read_bytes()) == (1, b"", before)
    assert "options must stand before the file" in done.err


def test_row_11_57_an_unknown_type_is_refused(plain: Path, alice: AgeTestKey) -> None:
    done = sopskit("encrypt", "--input-type", "yml", "--age", alice.recipient, plain)
    assert (done.code, done.out) == (1, b"")
    assert "types are yaml, json" in done.err


def test_row_11_60_an_extracted_text_has_no_line_feed(secret: Path) -> None:
    assert sopskit("decrypt", "--extract", '["stringData"]["user"]', secret).out == b"admin"


def test_row_11_61_a_comment_in_a_list_counts_for_nothing(folder: Path, alice: AgeTestKey) -> None:
    path = folder / "l.yaml"
    path.write_text("l:\n  - a\n  # c\n  - b\n")
    assert sopskit("encrypt", "-i", "--age", alice.recipient, path).code == 0
    assert sopskit("decrypt", "--extract", '["l"][1]', path).out == b"b"


def test_row_11_62_a_comment_rule_before_the_command_takes_effect(folder: Path, alice: AgeTestKey) -> None:
    path = folder / "c.yaml"
    path.write_text("a: 1\n# secret\nb: 2\n")
    done = sopskit("--encrypted-comment-regex", "secret", "encrypt", "--age", alice.recipient, path)
    tree = yaml.safe_load(done.out)
    assert (tree["a"], tree["b"][:4]) == (1, "ENC[")


def test_row_11_63_one_type_is_enough_for_a_name_that_says_nothing(secret: Path) -> None:
    path = secret.rename(secret.with_suffix(".yaml.enc"))
    assert sopskit("decrypt", "--input-type", "yaml", path).code == 0


def test_row_11_64_filestatus_cannot_judge_what_it_cannot_read(folder: Path) -> None:
    path = folder / "list.json"
    path.write_text("[1]\n")
    assert (sopskit("filestatus", path).code, sopskit("filestatus", path).out) == (1, b"")


@pytest.mark.parametrize("command", ["set", "unset", "rotate"])
def test_row_11_67_a_file_keeps_its_format(secret: Path, command: str) -> None:
    path = secret.rename(secret.with_suffix(".enc"))
    rest: dict[str, list[str]] = {"set": ['["new"]', '"x"'], "unset": ['["list"]'], "rotate": ["-i"]}
    assert sopskit(command, "--input-type", "yaml", path, *rest[command]).code == 0
    assert "\nsops:\n" in path.read_text()
    assert plaintext(path)["kind"] == "Secret"  # type: ignore[index]


def test_row_11_67_another_type_for_the_output_is_refused(secret: Path, plain: Path, alice: AgeTestKey) -> None:
    for words in (("decrypt", secret), ("encrypt", "--age", alice.recipient, plain), ("rotate", secret)):
        done = sopskit(*words, "--output-type", "json")
        assert (done.code, done.out) == (1, b"")
        assert "conversion between formats is not supported yet" in done.err


def test_row_11_68_a_file_is_not_replaced_by_one_of_its_values(secret: Path) -> None:
    before = secret.read_bytes()
    done = sopskit("decrypt", "-i", "--extract", '["list"]', secret)
    assert (done.code, secret.read_bytes()) == (8, before)


def test_row_11_69_edits_with_shown_master_keys_take_effect(
    secret: Path, folder: Path, bob: AgeTestKey, alice: AgeTestKey
) -> None:
    body = f"""sed -i 's/correct horse/battery/; s/^\\( *\\)recipient: .*/&\\n    - recipient: {bob.recipient}\\n      enc: ""/' "$1" """
    body = body.replace("    - recipient", "        - recipient").replace('      enc: ""', '          enc: ""')
    done = sopskit("edit", "-s", secret, environ=editor(folder, body))
    assert done.code == 0, done.err
    assert plaintext(secret)["stringData"]["password"] == "battery"  # type: ignore[index]
    recipients = [key["recipient"] for key in yaml.safe_load(secret.read_text())["sops"]["age"]]
    assert recipients == [alice.recipient, bob.recipient]
    done = sopskit("decrypt", secret, environ={"SOPS_AGE_KEY_FILE": str(bob.path)})
    assert done.code == 0, done.err


def test_row_11_70_a_full_disk_leaves_the_old_file(secret: Path, tool: Callable[[str], str]) -> None:
    """A file size limit stands for the full disk: the write fails the same way, midway."""
    before = secret.read_bytes()
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))\n"
        "from sopskit.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    from tests.source_tree import ROOT

    done = subprocess.run(
        ["python", "-c", program, "rotate", "-i", secret.name],
        cwd=secret.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, secret.read_bytes()) == (3, before), done.stderr
    assert "cannot be written: file too large" in done.stderr
    assert [path.name for path in secret.parent.iterdir()] == ["secret.yaml"]


def test_row_11_71_a_large_integer_stays_exact(secret: Path) -> None:
    assert sopskit("set", secret, '["n"]', "9007199254740993").code == 0
    assert plaintext(secret)["n"] == 9007199254740993  # type: ignore[index]


@pytest.mark.parametrize("text", ["[s]\n- = x\n", "[s]\n#\n# c\na = 1\n"])
def test_row_11_72_what_ini_cannot_hold_is_refused_or_comes_back(folder: Path, alice: AgeTestKey, text: str) -> None:
    path = folder / "f.ini"
    path.write_text(text)
    done = sopskit("encrypt", "-i", "--age", alice.recipient, path)
    if done.code == 0:
        assert sopskit("decrypt", path).out.decode() == text
    else:
        assert (done.code in (2, 23), path.read_text()) == (True, text), done


def test_row_11_73_json_is_not_turned_into_yaml_that_sops_refuses(folder: Path, alice: AgeTestKey) -> None:
    path = folder / "f.json"
    path.write_text('{"<<": 1}')
    done = sopskit("encrypt", "--age", alice.recipient, "--output-type", "yaml", path)
    assert (done.code, done.out) == (1, b"")


def test_row_11_75_every_file_named_is_encrypted(folder: Path, alice: AgeTestKey) -> None:
    paths = [folder / "a.yaml", folder / "b.yaml"]
    for path in paths:
        path.write_text("a: secret\n")
    assert sopskit("encrypt", "-i", "--age", alice.recipient, *paths).code == 0
    assert ["secret" in path.read_text() for path in paths] == [False, False]


def test_row_11_75_a_second_file_without_in_place_is_refused(folder: Path, alice: AgeTestKey, plain: Path) -> None:
    done = sopskit("encrypt", "--age", alice.recipient, plain, plain)
    assert (done.code, done.out) == (1, b"")
    assert "add --in-place" in done.err


def test_row_11_76_in_place_before_the_command_takes_effect(secret: Path) -> None:
    done = sopskit("-i", "decrypt", secret)
    assert (done.code, done.out) == (0, b"")
    assert "correct horse" in secret.read_text()


def test_row_11_76_output_before_the_command_takes_effect(secret: Path, folder: Path) -> None:
    done = sopskit("--output", "o", "decrypt", secret)
    assert (done.code, done.out) == (0, b"")
    assert "correct horse" in (folder / "o").read_text()


@pytest.mark.parametrize("option", ["--show-master-keys", "--add-age=x", "--encrypted-regex=x", "-r", "-d"])
def test_row_11_76_a_root_option_that_the_command_has_not_is_refused(secret: Path, option: str) -> None:
    done = sopskit(option, "decrypt", secret)
    assert (done.code, done.out) == (1, b"")


def test_row_11_77_a_rule_before_the_command_takes_effect(plain: Path, alice: AgeTestKey) -> None:
    done = sopskit("--encrypted-regex", "^stringData$", "encrypt", "--age", alice.recipient, plain)
    tree = yaml.safe_load(done.out)
    assert (tree["kind"], tree["stringData"]["user"][:4]) == ("Secret", "ENC[")


def test_row_11_78_repeated_recipients_add_up(plain: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
    done = sopskit("encrypt", "--age", alice.recipient, "--age", bob.recipient, plain)
    recipients = [key["recipient"] for key in yaml.safe_load(done.out)["sops"]["age"]]
    assert recipients == [alice.recipient, bob.recipient]


def test_row_11_79_updatekeys_takes_the_threshold_of_the_rule(
    secret: Path, folder: Path, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    groups = "".join(f"      - age: [{key.recipient}]\n" for key in (alice, bob, cluster_key))
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n{groups}")
    assert sopskit("updatekeys", "-y", secret).code == 0
    both = {"SOPS_AGE_KEY": bob.identity}
    assert yaml.safe_load(secret.read_text())["sops"]["shamir_threshold"] == 2
    assert sopskit("decrypt", secret).code == 128
    assert sopskit("decrypt", secret, environ=both).code == 0


def test_row_11_81_invalid_text_without_a_terminal_ends_and_keeps_the_edits_encrypted(
    secret: Path, folder: Path
) -> None:
    before = secret.read_bytes()
    done = sopskit("edit", secret, environ=editor(folder, """printf 'a: [my typing\\n' > "$1" """))
    assert (done.code, secret.read_bytes()) == (201, before)
    kept = folder / "secret.yaml.edited"
    assert b"my typing" not in kept.read_bytes()
    assert sopskit("decrypt", kept).out == b"a: [my typing\n"


def test_row_11_82_an_encrypted_dotenv_file_with_crlf_opens(folder: Path, alice: AgeTestKey) -> None:
    path = folder / "f.env"
    path.write_text("A=1\nB=2\n")
    assert sopskit("encrypt", "-i", "--age", alice.recipient, path).code == 0
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert sopskit("decrypt", path).out == b"A=1\nB=2\n"


def test_the_outcome_of_many_files_is_json_for_programs(folder: Path, alice: AgeTestKey) -> None:
    (folder / "a.yaml").write_text("a: 1\n")
    (folder / "b.yaml").write_text("a: [\n")
    done = sopskit("encrypt", "-i", "--json", "--age", alice.recipient, "a.yaml", "b.yaml")
    files = json.loads(done.out)["files"]
    assert done.code == 1
    assert [(file["path"], file["state"], file.get("exit_code")) for file in files] == [
        ("a.yaml", "done", None),
        ("b.yaml", "failed", 2),
    ]


def test_recipients_given_for_an_existing_file_are_refused_and_not_ignored(secret: Path, bob: AgeTestKey) -> None:
    done = sopskit("edit", "--age", bob.recipient, secret, environ={"EDITOR": "true"})
    assert done.code == 1
    assert "rotate --add-age" in done.err
    done = sopskit("edit", secret, environ={"EDITOR": "true", "SOPS_AGE_RECIPIENTS": bob.recipient})
    assert done.code == 200


def test_a_key_to_be_removed_that_is_not_there_is_said(secret: Path, bob: AgeTestKey) -> None:
    done = sopskit("rotate", "-i", "--rm-age", bob.recipient, secret)
    assert done.code == 0
    assert f"the age key {bob.recipient} was not among the file's keys" in done.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["rotate", "--json", "f"], 1),
        (["rotate", "-i", "--output", "x", "f"], 8),
        (["decrypt", "--json", "f"], 1),
        (["decrypt", "--decryption-order", "nosuch", "f"], 1),
        (["set", "f", "", "1"], 7),
        (["unset", "f", ""], 7),
        (["edit", "-s", "new.yaml"], 1),
        (["edit", "a", "b"], 1),
        (["filestatus"], 1),
        (["--config", "nosuch", "filestatus", "f"], 1),
        (["decrypt", "--input-type", "nosuch", "f"], 1),
    ],
)
def test_command_lines_that_mean_nothing_are_refused(folder: Path, words: list[str], code: int) -> None:
    (folder / "f").write_text("text")
    assert (sopskit(*words).code, sopskit(*words).out) == (code, b"")


@pytest.mark.parametrize("command", ["decrypt", "rotate", "updatekeys"])
def test_in_folders_files_that_are_not_encrypted_are_skipped(
    secret: Path, plain: Path, folder: Path, alice: AgeTestKey, command: str
) -> None:
    (folder / ".sops.yaml").write_text(f"creation_rules:\n  - age: {alice.recipient}\n")
    (folder / "prose.yaml").write_text("text: sops writes lastmodified\n")
    done = sopskit(command, *(["-y"] if command == "updatekeys" else ["-i"]), folder)
    assert done.code == 0, done.err
    assert ("3 unchanged" if command == "updatekeys" else "1 file changed, 2 unchanged") in done.err


def test_an_update_lost_among_many_files_fails_that_one_alone(secret: Path, ours: Path, folder: Path) -> None:
    os.link(secret, folder / "link")
    done = sopskit("rotate", "-i", "--json", secret, ours)
    states = [(file["state"], file.get("exit_code")) for file in json.loads(done.out)["files"]]
    assert (done.code, states) == (1, [("failed", 1), ("done", None)])


def test_the_outcome_of_one_file_as_json_has_its_own_code(secret: Path, bob: AgeTestKey) -> None:
    done = sopskit("decrypt", "-i", "--json", secret, environ={"SOPS_AGE_KEY_FILE": str(bob.path)})
    assert done.code == 128
    assert json.loads(done.out)["files"][0]["error"]["class"] == "DataKeyError"


def test_a_progress_bar_counts_the_files(secret: Path, ours: Path, folder: Path) -> None:
    done = sopskit("rotate", "-i", secret, ours, terminals="stderr")
    assert (done.code, "2/2" in done.err) == (0, True)
