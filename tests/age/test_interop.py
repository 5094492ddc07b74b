"""The released age programs read what we write, and the other way round."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.age import (
    EncryptedIdentities,
    ScryptIdentity,
    ScryptRecipient,
    decrypt,
    encrypt,
    generate_hybrid,
    generate_x25519,
    parse_identities,
    parse_recipient,
    parse_ssh_identity,
)
from tests.age.known_answers import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sopskit.age import KeyIdentity

    Tool = Callable[[str], str]

SIZES = [0, 1, 32, 48, 65535, 65536, 65537, 131072]
GENERATORS = [generate_x25519, generate_hybrid]


def run(*command: str | Path, data: bytes = b"", env: dict[str, str] | None = None) -> bytes:
    done = subprocess.run(command, input=data, capture_output=True, check=False, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("armor", [False, True], ids=["binary", "armored"])
@pytest.mark.parametrize("generate", GENERATORS)
def test_keys_both_ways(
    tool: Tool, tmp_path: Path, generate: Callable[[], KeyIdentity], armor: bool, size: int
) -> None:
    identity = generate()
    key = tmp_path / "key.txt"
    key.write_text(f"# test only\n{identity.reveal()}\n")
    plaintext = bytes(number % 251 for number in range(size))
    assert run(tool("age"), "-d", "-i", key, data=encrypt(plaintext, [identity.recipient()], armor=armor)) == plaintext
    option = ["-a"] if armor else []
    assert decrypt(run(tool("age"), "-r", str(identity.recipient()), *option, data=plaintext), [identity]) == plaintext


@pytest.mark.parametrize("option", [[], ["-pq"]], ids=["x25519", "hybrid"])
def test_key_files_of_age_keygen(tool: Tool, option: list[str]) -> None:
    text = run(tool("age-keygen"), *option).decode()
    recipient = next(line for line in text.splitlines() if "public key: " in line).split(": ")[1]
    [identity] = parse_identities(text)
    assert str(identity.recipient()) == recipient
    assert identity.reveal() in text.splitlines()


@pytest.mark.parametrize("generate", GENERATORS)
def test_age_keygen_derives_the_same_recipient(tool: Tool, generate: Callable[[], KeyIdentity]) -> None:
    identity = generate()
    assert run(tool("age-keygen"), "-y", data=identity.reveal().encode()).decode().strip() == str(identity.recipient())


@pytest.mark.parametrize("name", ["ssh_ed25519", "ssh_rsa2048", "ssh_rsa2048_pkcs1", "ssh_rsa2048_pkcs8"])
def test_ssh_keys_both_ways(tool: Tool, tmp_path: Path, name: str) -> None:
    key = tmp_path / name
    key.write_bytes((PEERS / name).read_bytes())
    key.chmod(0o600)
    identity = parse_ssh_identity(key.read_bytes())
    recipient = parse_recipient(str(identity.recipient()) + " comment")
    assert run(tool("age"), "-d", "-i", key, data=encrypt(b"text", [recipient])) == b"text"
    assert decrypt(run(tool("age"), "-r", str(recipient), data=b"text"), [identity]) == b"text"


def batchpass(tool: Tool, factor: int | None = None) -> dict[str, str]:
    """The environment in which age takes its passphrase from a plugin."""
    folder = tool("age-plugin-batchpass").rpartition("/")[0]
    env = {"PATH": folder, "AGE_PASSPHRASE": "pässwörd x"}
    return env if factor is None else {**env, "AGE_PASSPHRASE_WORK_FACTOR": str(factor)}


def test_passphrases_both_ways(tool: Tool) -> None:
    file = encrypt(b"text", [ScryptRecipient("pässwörd x", 10)])
    assert run(tool("age"), "-d", "-j", "batchpass", data=file, env=batchpass(tool)) == b"text"
    theirs = run(tool("age"), "-e", "-j", "batchpass", data=b"text", env=batchpass(tool, 10))
    assert decrypt(theirs, [ScryptIdentity("pässwörd x")]) == b"text"


def test_an_identity_file_that_age_encrypted(tool: Tool) -> None:
    identity = generate_x25519()
    locked = run(
        tool("age"), "-e", "-a", "-j", "batchpass", data=f"{identity.reveal()}\n".encode(), env=batchpass(tool, 10)
    )
    file = run(tool("age"), "-r", str(identity.recipient()), data=b"text")
    assert decrypt(file, [EncryptedIdentities(locked, lambda: "pässwörd x")]) == b"text"


def test_many_recipients_at_once(tool: Tool, tmp_path: Path) -> None:
    identities = [generate_x25519() for _ in range(3)]
    ssh = parse_ssh_identity((PEERS / "ssh_ed25519").read_bytes())
    recipients = tmp_path / "recipients.txt"
    recipients.write_text("".join(f"{each.recipient()}\n" for each in [*identities, ssh]))
    file = run(tool("age"), "-R", recipients, data=b"text")
    assert [decrypt(file, [each]) for each in [*identities, ssh]] == [b"text"] * 4
