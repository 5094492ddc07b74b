"""SOPS_AGE_KEY_FILE and keys.txt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import LimitError
from sopskit.keysources.keyfile import read_private
from tests.keysources.conftest import Sources, encrypted

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey


@pytest.mark.parametrize(
    "text", ["{0}", "{0}\n", "# c\r\n{0}\r\n", "\n\n{0}\n# {0}\n", "{0}\nAGE-PLUGIN-YUBIKEY-1QQQQ\n"]
)
def test_forms_of_a_key_file(text: str, sources: Sources, alice: AgeTestKey) -> None:
    sources.write(".config/sops/age/keys.txt", text.format(alice.identity))
    assert sources.opens(alice.recipient)


@pytest.mark.parametrize("text", [" {0}\n", "{0} \n", "\ufeff{0}\n", "{0}\nnonsense\n", "{0} {0}\n"])
def test_one_bad_line_spoils_a_file(text: str, sources: Sources, alice: AgeTestKey) -> None:
    path = sources.write(".config/sops/age/keys.txt", text.format(alice.identity))
    assert list(sources.problems(alice.recipient)) == [path]


@pytest.mark.parametrize("text", ["", "# nothing\n", "\r\n"])
def test_a_file_without_keys_is_no_problem(text: str, sources: Sources, alice: AgeTestKey) -> None:
    sources.write(".config/sops/age/keys.txt", text)
    assert sources.problems(alice.recipient) == {}


def test_a_plugin_identity_is_told_when_nothing_else_opens_the_file(
    sources: Sources, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    path = sources.write(".config/sops/age/keys.txt", f"{bob.identity}\nAGE-PLUGIN-YUBIKEY-1QQQQ\n")
    assert sources.problems(alice.recipient) == {
        path: "an identity of an age plugin, and plugins are not supported yet"
    }


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", '"": cannot be read: no such file or directory'),
        ("/", "/: cannot be read: is a directory"),
        ("~/k", "~/k: cannot be read: no such file or directory (the shell expands ~ only outside of quotes)"),
    ],
)
def test_a_named_file_that_cannot_be_read(path: str, problem: str, sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY_FILE"] = path
    assert sources.problems(alice.recipient) == {f"SOPS_AGE_KEY_FILE={path}": problem}


@pytest.mark.parametrize("armor", [True, False])
def test_an_encrypted_file_asks_once(armor: bool, sources: Sources, alice: AgeTestKey) -> None:
    path = sources.home / "keys.age"
    path.write_bytes(encrypted(alice.identity, "secret", armor=armor))
    path.chmod(0o600)
    sources.environ["SOPS_AGE_KEY_FILE"] = str(path)
    sources.answer = "secret"
    keyring = sources.keyring()
    assert [sources.opens(alice.recipient, keyring) for _ in range(2)] == [True, True]
    assert sources.asked == [f"passphrase for the identity file {path}: "]


def test_nobody_is_asked_while_another_key_opens_the_file(sources: Sources, alice: AgeTestKey, bob: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = encrypted(alice.identity, "secret").decode()
    sources.environ["SOPS_AGE_KEY_CMD"] = f"cat {bob.path}"
    sources.answer = "secret"
    assert sources.opens(bob.recipient)
    assert sources.asked == []


def test_a_wrong_passphrase_is_reported(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = encrypted(alice.identity, "secret").decode()
    sources.answer = "guess"
    assert sources.problems(alice.recipient) == {"SOPS_AGE_KEY": "the passphrase of the identity file is wrong"}


def test_without_a_terminal_the_passphrase_is_missed(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_KEY"] = encrypted(alice.identity, "secret").decode()
    assert sources.problems(alice.recipient) == {
        "SOPS_AGE_KEY": "the identity file SOPS_AGE_KEY needs a passphrase, and there is no terminal to ask for it "
        "(run the command in a terminal)"
    }


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o777, 1), (0o660, 1)])
def test_a_file_open_to_others_is_warned_of_and_used(
    mode: int, warned: int, sources: Sources, alice: AgeTestKey
) -> None:
    path = sources.write("keys", alice.identity, mode)
    sources.environ["SOPS_AGE_KEY_FILE"] = path
    assert sources.opens(alice.recipient)
    text = f"{path}: the key file is open to other users (mode {mode:04o}); chmod 600 closes it"
    assert sources.warned == [text] * warned


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_warned_of(sources: Sources, alice: AgeTestKey) -> None:
    path = sources.write("keys", alice.identity)
    os.chown(path, 65534, 65534)
    sources.environ["SOPS_AGE_KEY_FILE"] = path
    assert sources.opens(alice.recipient)
    assert sources.warned == [f"{path}: the key file belongs to another user, who can read and replace it"]


def test_a_mounted_kubernetes_secret_is_not_warned_of(sources: Sources, alice: AgeTestKey) -> None:
    version = sources.home / "keys" / "..2026_01_01"
    version.mkdir(parents=True)
    (version / "age.agekey").write_text(alice.identity)
    (version / "age.agekey").chmod(0o644)
    (version.parent / "..data").symlink_to("..2026_01_01")
    (version.parent / "age.agekey").symlink_to("..data/age.agekey")
    sources.environ["SOPS_AGE_KEY_FILE"] = str(version.parent / "age.agekey")
    assert sources.opens(alice.recipient)
    assert sources.warned == []


def test_a_file_that_is_too_large_is_none(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"#" * 11)
    with pytest.raises(LimitError, match="more than 10 bytes, which is no key file"):
        read_private(str(path), 10, None)
