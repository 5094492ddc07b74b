"""SSH private key files: OpenSSH's own container and the older PEM ones (age v1 section 13.3)."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from sopskit.age.primitives import Masked
from sopskit.age.ssh import (
    ED25519,
    RSA,
    SshEd25519Identity,
    SshIdentity,
    SshRecipient,
    SshRsaIdentity,
    parse_public_key,
)
from sopskit.errors import IdentityError, RecipientError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sopskit.age.header import Stanza
    from sopskit.secret import FileKey

SIZE_LIMIT = 16 * 1024
"""Most bytes of an SSH private key file."""

_OPENSSH_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_END = b"-----END OPENSSH PRIVATE KEY-----"
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_ENCRYPTED_PKCS8 = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_ENCRYPTED_PKCS1 = b"Proc-Type: 4,ENCRYPTED"
_PEM_BEGINS = (b"-----BEGIN RSA PRIVATE KEY-----", b"-----BEGIN PRIVATE KEY-----", _ENCRYPTED_PKCS8)


def parse_ssh_identity(
    data: bytes, passphrase: Callable[[], str] | None = None, *, public_key: bytes | None = None
) -> SshIdentity | EncryptedSshIdentity:
    """Read an SSH private key file.

    `passphrase` is asked only when a file is for this key and the key is encrypted; without it, such a file
    raises `IdentityError`. `public_key` is the content of the `.pub` file, needed for an encrypted key in an
    old PEM container, which does not show its public key.

    Raises `IdentityError` for anything but one Ed25519 or RSA key.
    """
    if len(data) > SIZE_LIMIT:
        raise IdentityError(f"an SSH private key file is not larger than {SIZE_LIMIT} bytes")
    data = data.strip()
    if data.startswith(_OPENSSH_BEGIN):
        container = _read_openssh(data)
        _check_type(container)
        if not container.encrypted:
            return _load(data, None)
        return EncryptedSshIdentity(data, passphrase, _recipient_of(container))
    if not data.startswith(_PEM_BEGINS):
        raise IdentityError("not an SSH private key of a kind that age uses: Ed25519 or RSA")
    if not data.startswith(_ENCRYPTED_PKCS8) and _ENCRYPTED_PKCS1 not in data:
        return _load(data, None)
    if public_key is None:
        raise IdentityError(
            "the SSH private key is encrypted and its file does not show the public key",
            hint="put the public key beside it, in a file of the same name with .pub at its end",
        )
    return EncryptedSshIdentity(data, passphrase, _read_public_key(public_key))


class EncryptedSshIdentity(Masked):
    """An SSH private key under a passphrase, which is asked for when a file is for this key."""

    __slots__ = ("_data", "_opened", "_passphrase", "_recipient")
    interactive: ClassVar[bool] = True

    def __init__(self, data: bytes, passphrase: Callable[[], str] | None, recipient: SshRecipient) -> None:
        """Keep the key file; `recipient` is its public key."""
        self._data = data
        self._passphrase = passphrase
        self._recipient = recipient
        self._opened: SshIdentity | None = None

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """As the key does, asking for the passphrase if a stanza has its tag.

        Raises `IdentityError` for a wrong passphrase, or if there is no way to ask.
        """
        if self._recipient.own(stanzas) is None:
            return None
        return self._open().unwrap(stanzas)

    def recipient(self) -> SshRecipient:
        """The public key; needs no passphrase. Raises `RecipientError` for an RSA key that is too small."""
        self._recipient.check_size()
        return self._recipient

    def reveal(self) -> str:
        """The private key as an OpenSSH key file without a passphrase. Asks for the passphrase."""
        return self._open().reveal()

    def _open(self) -> SshIdentity:
        if self._opened is None:
            if self._passphrase is None:
                raise IdentityError("the SSH private key is encrypted, and there is no way to ask for its passphrase")
            opened = _load(self._data, self._passphrase())
            if opened.public_key != self._recipient:
                raise IdentityError("the SSH private key does not belong to its public key")
            self._opened = opened
        return self._opened


class _Container(NamedTuple):
    """What an OpenSSH key file shows without a passphrase."""

    encrypted: bool
    wire: bytes


def _read_openssh(data: bytes) -> _Container:
    """Read the clear part of OpenSSH's container (PROTOCOL.key in OpenSSH's sources)."""
    body, end, _ = data.removeprefix(_OPENSSH_BEGIN).partition(_OPENSSH_END)
    try:
        raw = a2b_base64(body)
    except Base64Error:
        raw = b""
    if not end or not raw.startswith(_OPENSSH_MAGIC):
        raise IdentityError("malformed OpenSSH private key file")
    cipher, rest = _string(raw[len(_OPENSSH_MAGIC) :])
    _, rest = _string(rest)  # key derivation
    _, rest = _string(rest)  # its options
    if int.from_bytes(rest[:4], "big") != 1:
        raise IdentityError("an SSH private key file holds exactly one key")
    wire, _ = _string(rest[4:])
    return _Container(cipher != b"none", wire)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """A string with its length before it (RFC 4251 section 5), and the rest."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < end:
        raise IdentityError("malformed OpenSSH private key file")
    return data[4:end], data[end:]


def _check_type(container: _Container) -> None:
    """Look at the type before loading: the library warns about kinds of keys that age does not use."""
    if _string(container.wire)[0] not in (ED25519.encode("ascii"), RSA.encode("ascii")):
        raise IdentityError("only SSH keys of the types ssh-ed25519 and ssh-rsa can be age identities")


def _recipient_of(container: _Container) -> SshRecipient:
    kind = _string(container.wire)[0]
    return _read_public_key(kind + b" " + b2a_base64(container.wire, newline=False))


def _read_public_key(line: bytes) -> SshRecipient:
    try:
        return parse_public_key(line.strip().decode("utf-8", "replace"))
    except RecipientError as error:
        raise IdentityError(f"the public key of the SSH private key cannot be used: {error.message}") from None


def _load(data: bytes, passphrase: str | None) -> SshIdentity:
    password = passphrase.encode("utf-8", "surrogatepass") if passphrase is not None else None
    load = load_ssh_private_key if data.startswith(_OPENSSH_BEGIN) else load_pem_private_key
    try:
        key = load(data, password)
    except UnsupportedAlgorithm:
        raise IdentityError("the SSH private key, or its encryption, is of a kind that is not supported") from None
    except (ValueError, TypeError, InvalidTag):
        if password is None:
            raise IdentityError("malformed SSH private key") from None
        raise IdentityError("the passphrase of the SSH private key is wrong, or the key file is damaged") from None
    if isinstance(key, Ed25519PrivateKey):
        return SshEd25519Identity(key)
    if isinstance(key, RSAPrivateKey):
        return SshRsaIdentity(key)
    raise IdentityError("only SSH keys of the types ssh-ed25519 and ssh-rsa can be age identities")
