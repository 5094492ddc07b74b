"""SSH keys as age recipients and identities: `ssh-ed25519` and `ssh-rsa` (age v1 section 13)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_public_key,
)

from sopskit.age.header import Stanza, Wrapped
from sopskit.age.primitives import Masked, b64decode, b64encode, hkdf, seal, unseal
from sopskit.errors import HeaderError, RecipientError
from sopskit.secret import FileKey

if TYPE_CHECKING:
    from collections.abc import Sequence

ED25519 = "ssh-ed25519"
RSA = "ssh-rsa"
_FILE_KEY_SIZE = 16
_WRAPPED_KEY_SIZE = 32
_SHARE_SIZE = 32
_RSA_BITS = range(2048, 16384 + 1)  # above it, a modulus is an attack on the CPU, and OpenSSL refuses it

_ED25519_INFO = b"age-encryption.org/v1/ssh-ed25519"
_OAEP = OAEP(MGF1(SHA256()), SHA256(), b"age-encryption.org/v1/ssh-rsa")


class SshRecipient(ABC):
    """An SSH public key. A stanza names its key by a tag of four bytes, so an identity knows which is its own."""

    __slots__ = ("_tag", "_text", "wire")
    TYPE: ClassVar[str]

    def __init__(self, key: Ed25519PublicKey | RSAPublicKey) -> None:
        """Write the key anew; `wire` is the form that SSH transmits and the tag is made of."""
        self._text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
        self.wire = a2b_base64(self._text.split(" ")[1])
        self._tag = b64encode(_digest(SHA256(), self.wire)[:4]).decode("ascii")

    @staticmethod
    def parse(text: str) -> SshRecipient:
        """Read a line `ssh-ed25519 AAAA... comment` or `ssh-rsa AAAA... comment`. Raises `RecipientError`."""
        recipient = parse_public_key(text)
        recipient.check_size()
        return recipient

    @abstractmethod
    def check_size(self) -> None:
        """Raise `RecipientError` for a key too small or too large to encrypt to."""

    @abstractmethod
    def wrap(self, file_key: FileKey) -> Wrapped:
        """One stanza with the key's tag; no labels. Raises `RecipientError` for a key nobody should use."""

    def own(self, stanzas: Sequence[Stanza]) -> Stanza | None:
        """The first stanza with this key's tag; None if there is none.

        Raises `HeaderError` for a malformed stanza of the same type before it, whosever it is.
        """
        for stanza in stanzas:
            if stanza.type == self.TYPE:
                if not self._is_well_formed(stanza):
                    raise HeaderError(f"malformed {self.TYPE} stanza in the age header")
                if stanza.args[0] == self._tag:
                    return stanza
        return None

    @staticmethod
    @abstractmethod
    def _is_well_formed(stanza: Stanza) -> bool:
        """Check the arguments."""

    def __str__(self) -> str:
        """The recipient string, without a comment."""
        return self._text

    def __repr__(self) -> str:
        """The recipient string, named."""
        return f"{type(self).__name__}({self})"

    def __eq__(self, other: object) -> bool:
        """Equal keys are equal recipients."""
        return isinstance(other, SshRecipient) and other.wire == self.wire

    def __hash__(self) -> int:
        """By the key."""
        return hash(self.wire)


class SshEd25519Recipient(SshRecipient):
    """An Ed25519 public key, used for X25519."""

    __slots__ = ("montgomery",)
    TYPE: ClassVar[str] = ED25519

    def __init__(self, key: Ed25519PublicKey) -> None:
        """Take a key. Raises `RecipientError` for bytes that are no point of the curve."""
        super().__init__(key)
        self.montgomery = _to_montgomery(key.public_bytes_raw())

    def check_size(self) -> None:
        """There is one size."""

    def wrap(self, file_key: FileKey) -> Wrapped:
        """One stanza with the key's tag and a share."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            key = self.wrap_key(ephemeral, self.montgomery, share)
        except ValueError:
            raise RecipientError("the SSH key is a low-order point: everybody could read the file") from None
        arguments = (self._tag, b64encode(share).decode("ascii"))
        return Wrapped((Stanza(ED25519, arguments, seal(key, file_key.reveal())),))

    @staticmethod
    def _is_well_formed(stanza: Stanza) -> bool:
        return len(stanza.args) == 2 and b64decode(stanza.args[1], _SHARE_SIZE) is not None

    def wrap_key(self, private: X25519PrivateKey, public: bytes, share: bytes) -> bytes:
        """The key that seals the file key: `private` and `public` are one's own and the other side's.

        Raises `ValueError` for a low-order `public`.
        """
        # The tweak binds the secret to the SSH key, whose Montgomery form alone would not tell the sign.
        tweak = X25519PrivateKey.from_private_bytes(hkdf(b"", self.wire, _ED25519_INFO))
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        tweaked = tweak.exchange(X25519PublicKey.from_public_bytes(shared))
        return hkdf(tweaked, share + self.montgomery, _ED25519_INFO)


class SshRsaRecipient(SshRecipient):
    """An RSA public key."""

    __slots__ = ("_key",)
    TYPE: ClassVar[str] = RSA

    def __init__(self, key: RSAPublicKey) -> None:
        """Take a key of any size: one too small may still name the stanzas of old files."""
        super().__init__(key)
        self._key = key

    def check_size(self) -> None:
        """Raise `RecipientError` for a modulus that nobody should encrypt to."""
        if self._key.key_size not in _RSA_BITS:
            raise RecipientError(
                f"the RSA key has {self._key.key_size} bits, but at least {_RSA_BITS[0]} and at most {_RSA_BITS[-1]} are needed"
            )

    def wrap(self, file_key: FileKey) -> Wrapped:
        """One stanza with the key's tag."""
        self.check_size()
        try:
            body = self._key.encrypt(file_key.reveal(), _OAEP)
        except ValueError:
            raise RecipientError(
                "the RSA key cannot be encrypted to: OpenSSL refuses its modulus or exponent"
            ) from None
        return Wrapped((Stanza(RSA, (self._tag,), body),))

    @staticmethod
    def _is_well_formed(stanza: Stanza) -> bool:
        return len(stanza.args) == 1


class SshEd25519Identity(Masked):
    """An Ed25519 private key."""

    __slots__ = ("_exchange", "_key", "public_key")
    interactive: ClassVar[bool] = False

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take a key and derive its X25519 form."""
        self._key = key
        self.public_key = SshEd25519Recipient(key.public_key())
        self._exchange = X25519PrivateKey.from_private_bytes(_digest(SHA512(), key.private_bytes_raw())[:32])

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Open the stanza with this key's tag. Raises `HeaderError` for one that is malformed or does not open."""
        stanza = self.public_key.own(stanzas)
        if stanza is None:
            return None
        share = b64decode(stanza.args[1]) or b""  # `own` has checked it
        try:
            key = self.public_key.wrap_key(self._exchange, share, share)
        except ValueError:
            raise HeaderError("the share in an ssh-ed25519 stanza is a low-order point") from None
        file_key = unseal(key, stanza.body) if len(stanza.body) == _WRAPPED_KEY_SIZE else None
        if file_key is None:
            raise HeaderError("the ssh-ed25519 stanza for this key is damaged")
        return FileKey(file_key)

    def recipient(self) -> SshEd25519Recipient:
        """The public key."""
        return self.public_key

    def reveal(self) -> str:
        """The private key as an OpenSSH key file without a passphrase."""
        return _openssh(self._key)


class SshRsaIdentity(Masked):
    """An RSA private key."""

    __slots__ = ("_key", "public_key")
    interactive: ClassVar[bool] = False

    def __init__(self, key: RSAPrivateKey) -> None:
        """Take a key of any size: small ones are refused for encryption only."""
        self._key = key
        self.public_key = SshRsaRecipient(key.public_key())

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Open the stanza with this key's tag. Raises `HeaderError` for one that is malformed or does not open."""
        stanza = self.public_key.own(stanzas)
        if stanza is None:
            return None
        try:
            file_key = self._key.decrypt(stanza.body, _OAEP)
        except ValueError:
            file_key = b""
        if len(file_key) != _FILE_KEY_SIZE:
            raise HeaderError("the ssh-rsa stanza for this key is damaged")
        return FileKey(file_key)

    def recipient(self) -> SshRsaRecipient:
        """The public key. Raises `RecipientError` if it is too small to encrypt to."""
        self.public_key.check_size()
        return self.public_key

    def reveal(self) -> str:
        """The private key as an OpenSSH key file without a passphrase."""
        return _openssh(self._key)


SshIdentity: TypeAlias = SshEd25519Identity | SshRsaIdentity


def parse_public_key(text: str) -> SshRecipient:
    """Read the line of an SSH public key, of any size. Raises `RecipientError`."""
    kind, _, rest = text.replace("\t", " ").partition(" ")
    if kind not in (ED25519, RSA):  # certificates and hardware keys too have names that start with ssh-
        raise RecipientError("only SSH keys of the types ssh-ed25519 and ssh-rsa can be age recipients")
    field = rest.lstrip(" ").partition(" ")[0].encode("utf-8", "surrogatepass")
    try:
        # The library's decoder skips foreign characters; what it makes of them would be another key.
        key = load_ssh_public_key(kind.encode("ascii") + b" " + field) if _is_base64(field) else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PublicKey):
        return SshEd25519Recipient(key)
    if isinstance(key, RSAPublicKey):
        return SshRsaRecipient(key)
    raise RecipientError(f"malformed {kind} public key")


def _is_base64(field: bytes) -> bool:
    return b2a_base64(a2b_base64(field), newline=False) == field


def _openssh(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")


def _digest(algorithm: HashAlgorithm, data: bytes) -> bytes:
    digest = Hash(algorithm)
    digest.update(data)
    return digest.finalize()


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P


def _to_montgomery(point: bytes) -> bytes:
    """The X25519 form of an Ed25519 public key, u = (1 + y) / (1 - y) (RFC 7748 section 4.1).

    The library takes any 32 bytes for an Ed25519 key, so this checks that they are a point:
    x^2 = (y^2 - 1) / (d y^2 + 1) must have a root. Raises `RecipientError`.
    """
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if y % _P == 1 or pow(x_squared, (_P - 1) // 2, _P) not in (0, 1):
        raise RecipientError("the SSH key is not a point of its curve")
    return ((1 + y) * pow(1 - y, -1, _P) % _P).to_bytes(32, "little")
