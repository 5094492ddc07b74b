"""Post-quantum hybrid keys: ML-KEM-768 with X25519, stanza type `mlkem768x25519` (age v1 section 11)."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA3_256, SHAKE256, Hash

from sopskit.age import bech32
from sopskit.age.header import Stanza, Wrapped
from sopskit.age.hpke import KeySchedule
from sopskit.age.primitives import Masked, b64decode, b64encode
from sopskit.errors import HeaderError, IdentityError, RecipientError
from sopskit.secret import FileKey

if TYPE_CHECKING:
    from collections.abc import Sequence

STANZA_TYPE = "mlkem768x25519"
SEED_SIZE = 32
_MLKEM_SEED_SIZE = 64  # d, then z (FIPS 203)
_MLKEM_KEY_SIZE = 1184
_MLKEM_CIPHERTEXT_SIZE = 1088
_X25519_SIZE = 32
_WRAPPED_KEY_SIZE = 32

_RECIPIENT_PREFIX = "age1pq"
_IDENTITY_PREFIX = "AGE-SECRET-KEY-PQ-"
_LABELS = frozenset(("postquantum",))
_SCHEDULE = KeySchedule(0x647A, b"age-encryption.org/mlkem768x25519")

_UNAVAILABLE = "post-quantum hybrid keys are not available: this build of cryptography has no ML-KEM"
_UNAVAILABLE_HINT = "install a cryptography wheel built with OpenSSL 3.5 or newer"


class HybridRecipient:
    """A public key, written `age1pq1...`."""

    __slots__ = ("_mlkem", "_public")

    def __init__(self, public: bytes) -> None:
        """Take the ML-KEM key, then the X25519 key: 1216 bytes in all. Raises `RecipientError`."""
        if len(public) != _MLKEM_KEY_SIZE + _X25519_SIZE:
            raise RecipientError("a hybrid age recipient holds 1216 bytes, this one does not")
        try:
            self._mlkem = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_KEY_SIZE])
        except UnsupportedAlgorithm:
            raise RecipientError(_UNAVAILABLE, hint=_UNAVAILABLE_HINT) from None
        except ValueError:
            raise RecipientError("the ML-KEM key in the hybrid age recipient is malformed") from None
        self._public = public

    @classmethod
    def parse(cls, text: str) -> HybridRecipient:
        """Read an `age1pq1...` string. Raises `RecipientError`."""
        try:
            prefix, public = bech32.decode(text)
        except ValueError as error:
            raise RecipientError(f"not a hybrid age recipient: {error}") from None
        if prefix != _RECIPIENT_PREFIX:
            raise RecipientError("not a hybrid age recipient: it must start with age1pq1, in lower case")
        return cls(public)

    def wrap(self, file_key: FileKey) -> Wrapped:
        """One anonymous stanza, labelled post-quantum. Raises `RecipientError` for a low-order X25519 key."""
        mlkem_shared, mlkem_ciphertext = self._mlkem.encapsulate()
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        public = self._public[_MLKEM_KEY_SIZE:]
        try:
            x25519_shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:
            raise RecipientError("the X25519 key in the hybrid age recipient is a low-order point") from None
        shared = combine(mlkem_shared, x25519_shared, share, public)
        argument = b64encode(mlkem_ciphertext + share).decode("ascii")
        return Wrapped((Stanza(STANZA_TYPE, (argument,), _SCHEDULE.seal(shared, file_key.reveal())),), _LABELS)

    def __str__(self) -> str:
        """The recipient string: 1959 characters."""
        return bech32.encode(_RECIPIENT_PREFIX, self._public)

    def __repr__(self) -> str:
        """The recipient string, named."""
        return f"HybridRecipient({self})"

    def __eq__(self, other: object) -> bool:
        """Equal keys are equal recipients."""
        return isinstance(other, HybridRecipient) and other._public == self._public

    def __hash__(self) -> int:
        """By the key."""
        return hash(self._public)


class _Keys(NamedTuple):
    """What a seed expands to."""

    mlkem: MLKEM768PrivateKey
    x25519: X25519PrivateKey
    x25519_public: bytes


class HybridIdentity(Masked):
    """A private key, written `AGE-SECRET-KEY-PQ-1...`.

    Its keys are derived when first needed, so that a key file with a hybrid key in it still opens X25519
    files where ML-KEM is missing.
    """

    __slots__ = ("_derived", "_seed")
    interactive: ClassVar[bool] = False

    def __init__(self, seed: bytes) -> None:
        """Take the 32 bytes of the seed. Raises `IdentityError` for another length."""
        if len(seed) != SEED_SIZE:
            raise IdentityError("a hybrid age identity holds 32 bytes, this one does not")
        self._seed = seed
        self._derived: _Keys | None = None

    @classmethod
    def parse(cls, text: str) -> HybridIdentity:
        """Read an `AGE-SECRET-KEY-PQ-1...` string. Raises `IdentityError`; the text is never quoted."""
        try:
            prefix, seed = bech32.decode(text)
        except ValueError as error:
            raise IdentityError(f"not a hybrid age identity: {error}") from None
        if prefix != _IDENTITY_PREFIX:
            raise IdentityError("not a hybrid age identity: it must start with AGE-SECRET-KEY-PQ-1, in upper case")
        return cls(seed)

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Open the first hybrid stanza that is for this key.

        Raises `HeaderError` for a malformed one before it, `IdentityError` if ML-KEM is missing.
        """
        for stanza in stanzas:
            if stanza.type == STANZA_TYPE:
                file_key = self._unwrap(stanza)
                if file_key is not None:
                    return FileKey(file_key)
        return None

    def _unwrap(self, stanza: Stanza) -> bytes | None:
        size = _MLKEM_CIPHERTEXT_SIZE + _X25519_SIZE
        encapsulated = b64decode(stanza.args[0], size) if len(stanza.args) == 1 else None
        if encapsulated is None or len(stanza.body) != _WRAPPED_KEY_SIZE:
            raise HeaderError("malformed mlkem768x25519 stanza in the age header")
        keys = self._keys()
        share = encapsulated[_MLKEM_CIPHERTEXT_SIZE:]
        try:
            x25519_shared = keys.x25519.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            raise HeaderError("the share in an mlkem768x25519 stanza is a low-order point") from None
        # A ciphertext for another key gives another secret, not an error: it shows when the body does not open.
        mlkem_shared = keys.mlkem.decapsulate(encapsulated[:_MLKEM_CIPHERTEXT_SIZE])
        return _SCHEDULE.unseal(combine(mlkem_shared, x25519_shared, share, keys.x25519_public), stanza.body)

    def recipient(self) -> HybridRecipient:
        """The public key. Raises `IdentityError` if ML-KEM is missing."""
        keys = self._keys()
        return HybridRecipient(keys.mlkem.public_key().public_bytes_raw() + keys.x25519_public)

    def reveal(self) -> str:
        """The secret key's text."""
        return bech32.encode(_IDENTITY_PREFIX, self._seed)

    def _keys(self) -> _Keys:
        if self._derived is None:
            self._derived = _derive(self._seed)
        return self._derived


def generate_hybrid() -> HybridIdentity:
    """A new key."""
    return HybridIdentity(urandom(SEED_SIZE))


def combine(mlkem_shared: bytes, x25519_shared: bytes, share: bytes, public: bytes) -> bytes:
    r"""The X-Wing combiner: one secret from both. The constant, `\.//^\`, comes last."""
    digest = Hash(SHA3_256())
    digest.update(mlkem_shared + x25519_shared + share + public + rb"\.//^" + b"\\")
    return digest.finalize()


def _derive(seed: bytes) -> _Keys:
    digest = Hash(SHAKE256(_MLKEM_SEED_SIZE + _X25519_SIZE))
    digest.update(seed)
    expanded = digest.finalize()
    try:
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_SIZE])
    except UnsupportedAlgorithm:
        raise IdentityError(_UNAVAILABLE, hint=_UNAVAILABLE_HINT) from None
    x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_SIZE:])
    return _Keys(mlkem, x25519, x25519.public_key().public_bytes_raw())
