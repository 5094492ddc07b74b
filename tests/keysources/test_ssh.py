"""SSH keys, made by ssh-keygen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.keysources.conftest import Sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

pytestmark = pytest.mark.tool("ssh-keygen")


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_the_default_keys_are_used(kind: str, sources: Sources, ssh_key: Callable[..., tuple[Path, str]]) -> None:
    private, recipient = ssh_key(kind)
    path = sources.write(f".ssh/id_{kind}", private.read_text())
    keyring = sources.keyring()
    assert sources.opens(recipient, keyring)
    assert {report.location: report.found for report in keyring.report()}[path] == 1


def test_a_named_key_is_used(sources: Sources, ssh_key: Callable[..., tuple[Path, str]]) -> None:
    private, recipient = ssh_key()
    sources.environ["SOPS_AGE_SSH_PRIVATE_KEY_FILE"] = str(private)
    assert sources.opens(recipient)


def test_a_command_may_print_a_key(sources: Sources, ssh_key: Callable[..., tuple[Path, str]]) -> None:
    private, recipient = ssh_key()
    sources.environ["SOPS_AGE_SSH_PRIVATE_KEY_CMD"] = f"cat {private}"
    assert sources.opens(recipient)


@pytest.mark.parametrize("options", [(), ("-m", "PEM")])
def test_a_passphrase_is_asked_for_when_the_file_is_for_this_key(
    options: tuple[str, ...], sources: Sources, ssh_key: Callable[..., tuple[Path, str]]
) -> None:
    kind = "rsa" if options else "ed25519"
    private, recipient = ssh_key(kind, "secret", *options)
    path = sources.write(f".ssh/id_{kind}", private.read_text())
    sources.write(f".ssh/id_{kind}.pub", recipient)
    sources.answer = "secret"
    assert sources.opens(recipient)
    assert sources.asked == [f"passphrase for the SSH key {path}: "]


def test_nobody_is_asked_for_the_passphrase_of_another_key(
    sources: Sources, ssh_key: Callable[..., tuple[Path, str]]
) -> None:
    private, _ = ssh_key("ed25519", "secret")
    _, other = ssh_key()
    sources.write(".ssh/id_ed25519", private.read_text())
    sources.answer = "secret"
    assert not sources.opens(other)
    assert sources.asked == []


def test_a_wrong_passphrase_is_reported(sources: Sources, ssh_key: Callable[..., tuple[Path, str]]) -> None:
    private, recipient = ssh_key("ed25519", "secret")
    path = sources.write(".ssh/id_ed25519", private.read_text())
    sources.answer = "guess"
    assert "passphrase" in sources.problems(recipient)[path]


def test_a_key_is_not_even_read_for_a_file_without_ssh_stanzas(sources: Sources, alice: AgeTestKey) -> None:
    sources.environ["SOPS_AGE_SSH_PRIVATE_KEY_FILE"] = "/nonexistent"
    sources.write(".ssh/id_rsa", "nonsense")
    assert sources.problems(alice.recipient) == {}


def test_broken_keys_are_reported(sources: Sources, ssh_key: Callable[..., tuple[Path, str]]) -> None:
    _, recipient = ssh_key()
    sources.environ["SOPS_AGE_SSH_PRIVATE_KEY_FILE"] = "/nonexistent"
    sources.environ["SOPS_AGE_SSH_PRIVATE_KEY_CMD"] = "echo nonsense"
    path = sources.write(".ssh/id_rsa", "nonsense")
    problem = "not an SSH private key of a kind that age uses: Ed25519 or RSA"
    assert sources.problems(recipient) == {
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE=/nonexistent": "/nonexistent: cannot be read: no such file or directory",
        path: f"{path}: {problem}",
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD": f"SOPS_AGE_SSH_PRIVATE_KEY_CMD: {problem}",
    }
