"""The few cryptographic steps that all kinds of keys share, and base64 as age writes it (age v1 sections 1 and 2.1)."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sopskit.secret import MASK

_SHA256 = SHA256()

# Every wrap key encrypts exactly one message, so a constant nonce is never used twice with a key.
ZERO_NONCE = bytes(12)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes.

    From `cryptography` rather than `hashlib`: it is loaded anyway, takes less time for short messages, and
    spares the start of a second copy of OpenSSL (3 ms) in programs that do not need `hashlib` otherwise.
    """
    mac = HMAC(key, _SHA256)
    mac.update(message)
    return mac.finalize()


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 with one output block of 32 bytes, which is two HMACs (RFC 5869).

    Written out because it is as fast as the library's HKDF object and needs no further import.
    """
    return hmac_sha256(hmac_sha256(salt, ikm), info + b"\x01")


def seal(key: bytes, plaintext: bytes, nonce: bytes = ZERO_NONCE) -> bytes:
    """Encrypt one message with ChaCha20-Poly1305; the tag adds 16 bytes. `key` must not be used again."""
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, None)


def unseal(key: bytes, ciphertext: bytes, nonce: bytes = ZERO_NONCE) -> bytes | None:
    """Decrypt what `seal` made; None if the key or the ciphertext is another."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, None)
    except InvalidTag:
        return None


def b64encode(data: bytes) -> bytes:
    """Standard base64 without padding and without line ends."""
    return b2a_base64(data, newline=False).rstrip(b"=")


def b64decode(text: bytes | str, size: int | None = None) -> bytes | None:
    """Decode canonical unpadded base64; None for anything else, and for a length other than `size` bytes.

    The standard decoder skips foreign characters and ignores spare bits; encoding its result again and
    comparing leaves exactly one spelling for each value.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        data = a2b_base64(raw + b"==="[: -len(raw) % 4])
    except Base64Error:
        return None
    if b64encode(data) != raw or (size is not None and len(data) != size):
        return None
    return data


class Masked:
    """Base of everything that holds a private key or passphrase: prints as a mask, refuses pickle and copy."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The mask."""
        return f"{type(self).__name__}({MASK})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse pickle and copy."""
        raise TypeError(f"{type(self).__name__} cannot be pickled")
