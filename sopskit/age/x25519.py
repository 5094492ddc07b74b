"""X25519 keys: the usual age recipients and identities (age v1 section 8)."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, ClassVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sopskit.age import bech32
from sopskit.age.header import Stanza, Wrapped
from sopskit.age.primitives import Masked, b64decode, b64encode, hkdf, seal, unseal
from sopskit.errors import HeaderError, IdentityError, RecipientError
from sopskit.secret import FileKey

if TYPE_CHECKING:
    from collections.abc import Sequence

STANZA_TYPE = "X25519"
KEY_SIZE = 32
WRAPPED_KEY_SIZE = 32
"""Bytes of a stanza's body: the file key and a tag."""

_INFO = b"age-encryption.org/v1/X25519"
_RECIPIENT_PREFIX = "age"
_IDENTITY_PREFIX = "AGE-SECRET-KEY-"


class X25519Recipient:
    """A public key, written `age1...`."""

    __slots__ = ("_public",)

    def __init__(self, public: bytes) -> None:
        """Take the 32 bytes of the public key. Raises `RecipientError` for another length."""
        if len(public) != KEY_SIZE:
            raise RecipientError("an age recipient holds 32 bytes, this one does not")
        self._public = public

    @classmethod
    def parse(cls, text: str) -> X25519Recipient:
        """Read an `age1...` string. Raises `RecipientError`."""
        try:
            prefix, public = bech32.decode(text)
        except ValueError as error:
            raise RecipientError(f"not an age recipient: {error}") from None
        if prefix != _RECIPIENT_PREFIX:
            raise RecipientError("not an age recipient: it must start with age1, in lower case")
        return cls(public)

    def wrap(self, file_key: FileKey) -> Wrapped:
        """One anonymous stanza; no labels. Raises `RecipientError` for a low-order key."""
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self._public))
        except ValueError:
            raise RecipientError("the age recipient is a low-order point: everybody could read the file") from None
        key = hkdf(shared, share + self._public, _INFO)
        argument = b64encode(share).decode("ascii")
        return Wrapped((Stanza(STANZA_TYPE, (argument,), seal(key, file_key.reveal())),))

    def __str__(self) -> str:
        """The recipient string."""
        return bech32.encode(_RECIPIENT_PREFIX, self._public)

    def __repr__(self) -> str:
        """The recipient string, named."""
        return f"X25519Recipient({self})"

    def __eq__(self, other: object) -> bool:
        """Equal keys are equal recipients."""
        return isinstance(other, X25519Recipient) and other._public == self._public

    def __hash__(self) -> int:
        """By the key."""
        return hash(self._public)


class X25519Identity(Masked):
    """A private key, written `AGE-SECRET-KEY-1...`."""

    __slots__ = ("_private", "_public", "_secret")
    interactive: ClassVar[bool] = False

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes of the secret key. Raises `IdentityError` for another length."""
        if len(secret) != KEY_SIZE:
            raise IdentityError("an age identity holds 32 bytes, this one does not")
        # The bytes are kept as given: clamping happens inside the exchange, and `reveal` writes them back.
        self._secret = secret
        self._private = X25519PrivateKey.from_private_bytes(secret)
        # As dear as an exchange, and needed for every stanza.
        self._public = self._private.public_key().public_bytes_raw()

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """Read an `AGE-SECRET-KEY-1...` string. Raises `IdentityError`; the text is never quoted."""
        try:
            prefix, secret = bech32.decode(text)
        except ValueError as error:
            raise IdentityError(f"not an age identity: {error}") from None
        if prefix != _IDENTITY_PREFIX:
            raise IdentityError("not an age identity: it must start with AGE-SECRET-KEY-1, in upper case")
        return cls(secret)

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Open the first X25519 stanza that is for this key. Raises `HeaderError` for a malformed one before it."""
        for stanza in stanzas:
            if stanza.type == STANZA_TYPE:
                file_key = self._unwrap(stanza)
                if file_key is not None:
                    return FileKey(file_key)
        return None

    def _unwrap(self, stanza: Stanza) -> bytes | None:
        share = b64decode(stanza.args[0], KEY_SIZE) if len(stanza.args) == 1 else None
        # The length comes before any decryption: a longer body could be made to open under several keys.
        if share is None or len(stanza.body) != WRAPPED_KEY_SIZE:
            raise HeaderError("malformed X25519 stanza in the age header")
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            raise HeaderError("the share in an X25519 stanza is a low-order point") from None
        return unseal(hkdf(shared, share + self._public, _INFO), stanza.body)

    def recipient(self) -> X25519Recipient:
        """The public key."""
        return X25519Recipient(self._public)

    def reveal(self) -> str:
        """The secret key's text."""
        return bech32.encode(_IDENTITY_PREFIX, self._secret)


def generate_x25519() -> X25519Identity:
    """A new key."""
    return X25519Identity(urandom(KEY_SIZE))
