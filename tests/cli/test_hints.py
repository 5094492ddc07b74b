"""What an error suggests must be what helps."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.cli.results import WAY_WITHOUT_KEY
from tests.cli.conftest import PLAIN
from tests.cli.running import sopskit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("decryp", "f"), "there is no command decryp", "did you mean: sopskit decrypt"),
        (("--verbose", "review-dif"), "there is no command review-dif", "did you mean: sopskit review-diff"),
        (("frobnicate", "f"), "there is no command frobnicate, and no such file", "sopskit --help lists the commands"),
        (("decrypt", "--outpt", "x", "f"), "decrypt has no option --outpt", "did you mean: --output"),
        (("decrypt", "--nosuch", "x"), "decrypt has no option --nosuch", "sopskit decrypt --help lists them"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_nearest(
    folder: Path, words: tuple[str, ...], error: str, hint: str
) -> None:
    assert sopskit(*words) == (1, b"", f"sopskit: error: {error}\nsopskit: hint: {hint}\n")


def test_a_new_file_that_is_called_like_no_command_is_hinted_at(folder: Path) -> None:
    assert "if a command was meant: sopskit --help lists them" in sopskit("frobnicate").err
    assert "a command" not in sopskit("lint.yaml").err


@pytest.mark.parametrize("words", [("decryp",), ("--", "encryp")])
def test_a_file_is_a_file_whatever_it_is_called(secret: Path, words: tuple[str, ...]) -> None:
    secret.rename(secret.parent / words[-1])
    assert "no command" not in sopskit("-d", "--input-type", "yaml", *words).err


RULES_ASKED = (
    "sopskit: hint: the rules of .sops.yaml are asked even with --age and --pgp: "
    "add a rule whose path_regex matches, or leave them aside with --config /dev/null\n"
)


@pytest.mark.parametrize("named", [True, False])
def test_where_no_rule_matches_naming_recipients_is_not_suggested(
    folder: Path, plain: Path, alice: AgeTestKey, named: bool
) -> None:
    (folder / ".sops.yaml").write_text("creation_rules:\n  - path_regex: nosuch\n")
    done = sopskit("encrypt", "-i", *(["--age", alice.recipient] if named else []), plain.name)
    hint = RULES_ASKED if named else "sopskit: hint: add a rule whose path_regex matches\n"
    assert (done.code, done.err.partition("\n")[2]) == (1, hint)
    assert sopskit("encrypt", "--config", "/dev/null", "--age", alice.recipient, plain.name).code == 0


@pytest.mark.parametrize("source", [b"a: ENC[x]\nsops: {}\n", b'{"a": 1}'])
def test_standard_input_without_a_type_is_said_to_be_read_as_binary(folder: Path, source: bytes) -> None:
    done = sopskit("decrypt", stdin=source)
    assert done.code == 1
    assert "standard input is read as a binary file, and is no encrypted one" in done.err
    assert "--input-type yaml" in done.err
    assert "read as a binary" not in sopskit("decrypt", "--input-type", "yaml", stdin=source).err


def test_an_output_in_a_folder_that_is_not_there_names_the_way_to_make_it(secret: Path) -> None:
    done = sopskit("decrypt", "--output", "no dir/o.yaml", secret)
    assert (done.code, done.out) == (3, b"")
    assert done.err.splitlines() == [
        "sopskit: error: no dir/o.yaml: cannot be written: there is no folder no dir",
        "sopskit: hint: mkdir -p 'no dir'",
    ]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("set", "secret.yaml", '["a"]', "1"), True),
        (("rotate", "secret.yaml"), True),
        (("rotate", "-i", "secret.yaml", "secret.yaml"), True),
        (("edit", "secret.yaml"), True),
        (("decrypt", "secret.yaml"), False),
    ],
)
def test_without_a_private_key_the_way_that_needs_none_is_named(
    secret: Path, bob: AgeTestKey, words: tuple[str, ...], named: bool
) -> None:
    done = sopskit(*words, environ={"SOPS_AGE_KEY_FILE": str(bob.path), "EDITOR": "true"})
    assert done.err.count("sopskit keys list") == 1
    assert done.err.count(WAY_WITHOUT_KEY) == named


def test_without_a_private_key_a_new_ciphertext_for_everything_is_told_once(
    folder: Path, alice: AgeTestKey, bob: AgeTestKey, tool: Callable[[str], str]
) -> None:
    names = ("a.yaml", "b.yaml")
    recipients = ("--age", alice.recipient)
    for name in names:
        (folder / name).write_text(PLAIN)
    assert sopskit("encrypt", "-i", *recipients, "--encrypted-regex", "^list$", *names).code == 0
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run([tool("git"), *words], check=True, capture_output=True)
    for name in names:
        (folder / name).write_text(PLAIN)
    done = sopskit(
        "encrypt",
        "-i",
        *recipients,
        "--encrypted-regex",
        "^list$",
        *names,
        environ={"SOPS_AGE_KEY_FILE": str(bob.path)},
    )
    assert (done.code, done.err) == (
        0,
        "sopskit: note: no private key: all values get new ciphertext\nsopskit: encrypt: 2 files changed\n",
    )
