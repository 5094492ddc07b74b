"""The payload of an age file: STREAM, chunks of 64 KiB that cannot be swapped, dropped or added (age v1 section 5)."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from sopskit.errors import PayloadError

CHUNK_SIZE = 64 * 1024
NONCE_SIZE = 16
"""Bytes of the nonce that stands before the payload and salts its key; not the nonce of a chunk."""

_TAG_SIZE = 16
_SEALED_SIZE = CHUNK_SIZE + _TAG_SIZE


def encrypt_payload(key: bytes, plaintext: bytes) -> bytes:
    """Seal `plaintext`. `key` is the payload key, new for each file."""
    cipher = ChaCha20Poly1305(key)
    view = memoryview(plaintext)
    count = max(1, -(-len(view) // CHUNK_SIZE))
    return b"".join(
        cipher.encrypt(_nonce(index, last=index == count - 1), view[index * CHUNK_SIZE :][:CHUNK_SIZE], None)
        for index in range(count)
    )


def decrypt_payload(key: bytes, payload: bytes | memoryview) -> bytes:
    """Open a whole payload; nothing is given out unless every chunk is right and the last one is marked as such.

    Raises `PayloadError`.
    """
    view = memoryview(payload)
    count = max(1, -(-len(view) // _SEALED_SIZE))
    last_size = len(view) - (count - 1) * _SEALED_SIZE
    # Only an empty plaintext has an empty chunk, and then it is the only one.
    if last_size < _TAG_SIZE or (last_size == _TAG_SIZE and count > 1):
        raise PayloadError("the age payload is cut off")
    cipher = ChaCha20Poly1305(key)
    try:
        return b"".join(
            cipher.decrypt(_nonce(index, last=index == count - 1), view[index * _SEALED_SIZE :][:_SEALED_SIZE], None)
            for index in range(count)
        )
    except InvalidTag:
        raise PayloadError("the age payload is damaged, cut off, or has something after its end") from None


def _nonce(index: int, *, last: bool) -> bytes:
    """The nonce of a chunk: its number in 11 bytes, and whether it is the last."""
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
