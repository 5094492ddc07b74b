"""HPKE as age uses it: RFC 9180 base mode, HKDF-SHA256, ChaCha20-Poly1305, one message (age v1 section 10).

The shared secret comes from the key encapsulation of each kind of key. One key schedule serves all kinds;
the library's own suites lack one of them, and report a malformed share as if the key were another.
"""

from __future__ import annotations

from sopskit.age.primitives import hmac_sha256, seal, unseal

_KDF_ID = 0x0001
_AEAD_ID = 0x0003


class KeySchedule:
    """From shared secrets to message keys, for one kind of key encapsulation and one `info` string."""

    __slots__ = ("_context", "_suite")

    def __init__(self, kem_id: int, info: bytes) -> None:
        """Compute what is the same for all messages."""
        self._suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem_id, _KDF_ID, _AEAD_ID))
        # Mode 0 is base mode; the identifier of the pre-shared key is empty.
        self._context = b"\x00" + self._extract(b"", b"psk_id_hash", b"") + self._extract(b"", b"info_hash", info)

    def seal(self, shared: bytes, plaintext: bytes) -> bytes:
        """Encrypt the one message that belongs to `shared`."""
        key, nonce = self.key_and_nonce(shared)
        return seal(key, plaintext, nonce)

    def unseal(self, shared: bytes, ciphertext: bytes) -> bytes | None:
        """Decrypt it; None if the secret or the ciphertext is another."""
        key, nonce = self.key_and_nonce(shared)
        return unseal(key, ciphertext, nonce)

    def key_and_nonce(self, shared: bytes) -> tuple[bytes, bytes]:
        """The message key, and the base nonce, which is that of message number 0."""
        secret = self._extract(shared, b"secret", b"")  # the shared secret is the salt here (RFC 9180 section 5.1)
        return self._expand(secret, b"key", 32), self._expand(secret, b"base_nonce", 12)

    def _extract(self, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac_sha256(salt, b"HPKE-v1" + self._suite + label + ikm)

    def _expand(self, secret: bytes, label: bytes, size: int) -> bytes:
        """One block of HKDF-Expand; no age message needs more than 32 bytes."""
        info = size.to_bytes(2, "big") + b"HPKE-v1" + self._suite + label + self._context
        return hmac_sha256(secret, info + b"\x01")[:size]
