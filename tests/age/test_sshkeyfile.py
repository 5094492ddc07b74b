"""SSH private key files, in every container."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from sopskit.age import Stanza, decrypt, parse_ssh_identity
from sopskit.age.ssh import SshEd25519Identity, SshRsaIdentity
from sopskit.age.sshkeyfile import SIZE_LIMIT, EncryptedSshIdentity
from sopskit.errors import HeaderError, IdentityError, RecipientError
from sopskit.secret import FileKey
from tests.age.known_answers import FILE_KEY, PEERS, SEED, SSH_LINE, SSH_STANZA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ED25519 = Ed25519PrivateKey.from_private_bytes(SEED)
RSA = rsa.generate_private_key(65537, 2048)
RSA_LINE = RSA.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
[RSA_STANZA] = SshRsaIdentity(RSA).recipient().wrap(FileKey(FILE_KEY)).stanzas
LOCK = BestAvailableEncryption(b"correct horse")


def never() -> str:
    raise AssertionError("asked for a passphrase")


class Asked:
    """Answers, and counts how often it is asked."""

    def __init__(self, passphrase: str) -> None:
        self.passphrase = passphrase
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return self.passphrase


def ed25519_file(form: PrivateFormat, lock: object = None) -> bytes:
    return ED25519.private_bytes(Encoding.PEM, form, lock or NoEncryption())  # type: ignore[arg-type]


def rsa_file(form: PrivateFormat, lock: object = None) -> bytes:
    return RSA.private_bytes(Encoding.PEM, form, lock or NoEncryption())  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_ed25519_containers(form: PrivateFormat) -> None:
    identity = parse_ssh_identity(ed25519_file(form), never)
    assert isinstance(identity, SshEd25519Identity)
    assert (identity.interactive, str(identity.recipient())) == (False, SSH_LINE)
    assert identity.unwrap([SSH_STANZA]) == FileKey(FILE_KEY)


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_rsa_containers(form: PrivateFormat) -> None:
    identity = parse_ssh_identity(rsa_file(form), never)
    assert isinstance(identity, SshRsaIdentity)
    assert str(identity.recipient()) == RSA_LINE.decode()
    assert identity.unwrap([RSA_STANZA]) == FileKey(FILE_KEY)


def test_revealed_keys_are_key_files() -> None:
    for data in (ed25519_file(PrivateFormat.PKCS8), rsa_file(PrivateFormat.PKCS8)):
        identity = parse_ssh_identity(data)
        again = parse_ssh_identity(identity.reveal().encode())
        assert again.recipient() == identity.recipient()


def test_an_encrypted_openssh_key_asks_when_a_stanza_is_for_it() -> None:
    ask = Asked("correct horse")
    identity = parse_ssh_identity(ed25519_file(PrivateFormat.OpenSSH, LOCK), ask)
    assert identity.interactive
    assert str(identity.recipient()) == SSH_LINE
    assert identity.unwrap([RSA_STANZA, Stanza("ssh-ed25519", ("AAAAAA", SSH_STANZA.args[1]), b"")]) is None
    assert ask.times == 0
    assert identity.unwrap([RSA_STANZA, SSH_STANZA]) == FileKey(FILE_KEY)
    assert identity.unwrap([SSH_STANZA]) == FileKey(FILE_KEY)
    assert ask.times == 1
    assert parse_ssh_identity(identity.reveal().encode()).unwrap([SSH_STANZA]) == FileKey(FILE_KEY)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_old_key_needs_its_public_key_beside_it(form: PrivateFormat) -> None:
    data = rsa_file(form, LOCK)
    with pytest.raises(IdentityError, match="does not show the public key") as caught:
        parse_ssh_identity(data, never)
    assert ".pub" in (caught.value.hint or "")
    identity = parse_ssh_identity(data, Asked("correct horse"), public_key=RSA_LINE + b" me@example.org\n")
    assert identity.unwrap([SSH_STANZA]) is None
    assert identity.unwrap([RSA_STANZA]) == FileKey(FILE_KEY)


def test_a_malformed_stanza_is_fatal_before_anything_is_asked() -> None:
    identity = parse_ssh_identity(ed25519_file(PrivateFormat.OpenSSH, LOCK), never)
    with pytest.raises(HeaderError, match="malformed ssh-ed25519"):
        identity.unwrap([Stanza("ssh-ed25519", (), b"")])


@pytest.mark.parametrize(
    "data",
    [ed25519_file(PrivateFormat.OpenSSH, LOCK), ed25519_file(PrivateFormat.PKCS8, LOCK)],
    ids=["openssh", "pkcs8"],
)
def test_a_wrong_passphrase_is_said_and_can_be_given_again(data: bytes) -> None:
    ask = Asked("wrong staple")
    identity = parse_ssh_identity(data, ask, public_key=SSH_LINE.encode())
    for passphrase in ("wrong staple", "", "half \ud800"):
        ask.passphrase = passphrase
        with pytest.raises(IdentityError, match="passphrase of the SSH private key is wrong") as caught:
            identity.unwrap([SSH_STANZA])
        assert "staple" not in str(caught.value)
    ask.passphrase = "correct horse"
    assert identity.unwrap([SSH_STANZA]) == FileKey(FILE_KEY)


def test_without_a_way_to_ask_only_files_for_the_key_fail() -> None:
    identity = parse_ssh_identity(ed25519_file(PrivateFormat.OpenSSH, LOCK), None)
    assert identity.unwrap([RSA_STANZA]) is None
    with pytest.raises(IdentityError, match="no way to ask"):
        identity.unwrap([SSH_STANZA])


def test_a_private_key_of_another_public_key_is_refused() -> None:
    other = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, LOCK)
    identity = parse_ssh_identity(other, Asked("correct horse"), public_key=SSH_LINE.encode())
    with pytest.raises(IdentityError, match="does not belong"):
        identity.unwrap([SSH_STANZA])


def test_a_small_encrypted_rsa_key_is_no_recipient() -> None:
    key = rsa.generate_private_key(65537, 1024)
    identity = parse_ssh_identity(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, LOCK), never)
    with pytest.raises(RecipientError, match="1024 bits"):
        identity.recipient()


def container(data: bytes) -> bytes:
    """An OpenSSH key file around `data`."""
    begin, end = (f"-----{word} OPENSSH PRIVATE KEY-----".encode() for word in ("BEGIN", "END"))
    return begin + b"\n" + base64.b64encode(data) + b"\n" + end + b"\n"


def field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


MAGIC = b"openssh-key-v1\0"
CLEAR = field(b"none") + field(b"none") + field(b"")
ENCRYPTED = field(b"aes256-ctr") + field(b"bcrypt") + field(b"x")
WIRE = base64.b64decode(SSH_LINE.split(" ")[1])
ECDSA = ec.generate_private_key(ec.SECP256R1())
OPENSSH = ed25519_file(PrivateFormat.OpenSSH)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an SSH private key"),
        (b"AGE-SECRET-KEY-1", "not an SSH private key"),
        (OPENSSH + b"\n" * SIZE_LIMIT, "not larger than 16384 bytes"),
        (OPENSSH[:-10], "malformed OpenSSH"),
        (OPENSSH.replace(b"AAAA", b"A", 1), "malformed"),
        (container(b""), "malformed OpenSSH"),
        (container(b"openssh-key-v2\0" + CLEAR), "malformed OpenSSH"),
        (container(MAGIC), "malformed OpenSSH"),
        (container(MAGIC + CLEAR + b"\0\0\0\x02"), "exactly one key"),
        (container(MAGIC + CLEAR + b"\0\0\0\x01\0\0\0\xff"), "malformed OpenSSH"),
        (container(MAGIC + CLEAR + b"\0\0\0\x01" + field(WIRE)), "malformed SSH private key"),
        (container(MAGIC + ENCRYPTED + b"\0\0\0\x01" + field(WIRE[:-1])), "malformed ssh-ed25519 public key"),
        (ECDSA.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), "types ssh-ed25519 and ssh-rsa"),
        (ECDSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "types ssh-ed25519 and ssh-rsa"),
        (ECDSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), "not an SSH private key"),
        (ed25519_file(PrivateFormat.PKCS8)[:60], "malformed SSH private key"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(IdentityError, match=message):
        parse_ssh_identity(data, never)


def test_a_public_key_that_is_none_is_refused() -> None:
    with pytest.raises(IdentityError, match="public key of the SSH private key"):
        parse_ssh_identity(rsa_file(PrivateFormat.PKCS8, LOCK), never, public_key=b"\xff\xfe")


def test_a_cipher_that_is_not_known_is_said() -> None:
    unknown = field(b"rot13") + field(b"bcrypt") + field(field(bytes(16)) + b"\0\0\0\x01")
    data = container(MAGIC + unknown + b"\0\0\0\x01" + field(WIRE) + field(bytes(64)))
    with pytest.raises(IdentityError, match="not supported"):
        parse_ssh_identity(data, Asked("x")).unwrap([SSH_STANZA])


@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
@pytest.mark.parametrize("kind", [["ed25519"], ["rsa", "-b", "2048"], ["rsa", "-b", "2048", "-m", "PEM"]])
def test_key_files_of_ssh_keygen(tool: Callable[[str], str], tmp_path: Path, kind: list[str], cipher: str) -> None:
    path = tmp_path / "key"
    options = ["-q", "-a", "1", "-C", "x", "-N", "correct horse", "-Z", cipher, "-t", *kind, "-f", str(path)]
    subprocess.run([tool("ssh-keygen"), *options], check=True)
    public = (tmp_path / "key.pub").read_bytes()
    ask = Asked("wrong staple")
    identity = parse_ssh_identity(path.read_bytes(), ask, public_key=public)
    assert isinstance(identity, EncryptedSshIdentity)
    stanzas = identity.recipient().wrap(FileKey(FILE_KEY)).stanzas
    with pytest.raises(IdentityError, match="passphrase of the SSH private key is wrong"):
        identity.unwrap(stanzas)
    ask.passphrase = "correct horse"
    assert identity.unwrap(stanzas) == FileKey(FILE_KEY)


def test_the_encrypted_key_of_the_peers_opens_its_file() -> None:
    identity = parse_ssh_identity((PEERS / "ssh_ed25519_enc").read_bytes(), Asked("kat"))
    assert decrypt((PEERS / "ssh-ed25519-enc.go.age").read_bytes(), [identity]) == SEED
