"""SOPS_AGE_KEY_CMD."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import CommandError, KeyAccessError
from sopskit.keysources.command import KeyCommand, SshKeyCommand, run, split
from tests.keysources.conftest import Sources

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NAME = "SOPS_AGE_KEY_CMD"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("op read op://vault/item#field", ["op", "read", "op://vault/item#field"]),
        ("cat key # the team's", ["cat", "key"]),
        ("sh -c 'echo \"a  b\"'", ["sh", "-c", 'echo "a  b"']),
        ("pass show a\\ b", ["pass", "show", "a b"]),
        ("  cat\tkey\n", ["cat", "key"]),
        ("echo '#no' comment", ["echo", "#no", "comment"]),
        ("echo ''", ["echo", ""]),
        ("echo $HOME `id` | cat", ["echo", "$HOME", "`id`", "|", "cat"]),
    ],
)
def test_words_are_split_as_sops_splits_them(text: str, words: list[str]) -> None:
    assert split(text, NAME) == words


@pytest.mark.parametrize("text", ["", " ", "# only a comment"])
def test_a_variable_without_a_command_is_told(text: str) -> None:
    with pytest.raises(CommandError, match="SOPS_AGE_KEY_CMD is set, but holds no command"):
        split(text, NAME)


def test_a_quote_that_is_not_closed_is_told_without_the_text() -> None:
    with pytest.raises(CommandError) as caught:
        split("echo 'AGE-SECRET", NAME)
    assert str(caught.value) == "the command in SOPS_AGE_KEY_CMD has a quote that is not closed"


def output(command: str, *, limit: int = 1000, deadline: float = 20.0, **environ: str) -> bytes:
    return run(NAME, {NAME: command, "PATH": "/usr/bin:/bin", **environ}, "age1recipient", limit, deadline)


def test_a_command_is_told_the_recipient() -> None:
    assert output("printenv SOPS_AGE_RECIPIENT") == b"age1recipient\n"


def test_a_command_has_no_input() -> None:
    assert output("cat") == b""


def test_a_command_has_the_environment_but_not_the_keys() -> None:
    assert output("sh -c 'echo $TOKEN-$SOPS_AGE_KEY'", TOKEN="t", SOPS_AGE_KEY="k") == b"t-\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("false", "failed (exit code 1)"),
        ("sh -c 'kill -9 $$'", "failed (exit code -9)"),
        ("/nonexistent/program", "cannot be started: no such file or directory"),
        ("/etc/passwd", "cannot be started: permission denied"),
        ("a\0b", "cannot be started: not a command"),
        ("yes", "did not end within 20 seconds, or printed more than 1000 bytes"),
    ],
)
def test_a_command_that_fails(command: str, message: str) -> None:
    with pytest.raises(CommandError, match=re.escape(f"the command in SOPS_AGE_KEY_CMD {message}")):
        output(command)


@pytest.mark.parametrize("command", ["sleep 60", "sh -c 'exec >&-; exec sleep 60'", "sh -c 'echo; exec sleep 60'"])
def test_a_command_that_hangs_is_ended(command: str) -> None:
    start = time.monotonic()
    with pytest.raises(CommandError, match=r"did not end within 0\.3 seconds"):
        output(command, deadline=0.3)
    assert time.monotonic() - start < 10


def test_a_command_runs_once_for_each_recipient(sources: Sources, alice: AgeTestKey, bob: AgeTestKey) -> None:
    log = sources.home / "log"
    script = f"""sh -c 'echo $SOPS_AGE_RECIPIENT >> {log}; cat {alice.path} {bob.path}'"""
    sources.environ[NAME] = script
    keyring = sources.keyring()
    for key in (alice, bob, alice):
        assert sources.opens(key.recipient, keyring)
    assert log.read_text().split() == [alice.recipient, bob.recipient]


@pytest.mark.parametrize("source", [KeyCommand({NAME: "false"}, None), SshKeyCommand({})])
def test_a_command_is_not_run_to_list_keys(source: KeyCommand | SshKeyCommand) -> None:
    with pytest.raises(KeyAccessError, match="a command, which is not run to list keys"):
        source.recipients()
