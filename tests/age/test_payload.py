"""STREAM: chunks cannot be changed, swapped, dropped or added."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from sopskit.age.payload import CHUNK_SIZE, decrypt_payload, encrypt_payload
from sopskit.errors import PayloadError
from tests.age.known_answers import X25519_FILE, X25519_PLAINTEXT

KEY = bytes.fromhex("a9b6b2f491423ef997e866099d8ab29f171b0374a41426b361d50625ffa8044b")
SEALED = CHUNK_SIZE + 16


def chunk(index: int, plaintext: bytes, *, last: bool) -> bytes:
    return ChaCha20Poly1305(KEY).encrypt(index.to_bytes(11, "big") + bytes((last,)), plaintext, None)


def test_known_payload() -> None:
    assert encrypt_payload(KEY, X25519_PLAINTEXT) == X25519_FILE[-26:]
    assert decrypt_payload(KEY, X25519_FILE[-26:]) == X25519_PLAINTEXT


@pytest.mark.parametrize(
    ("size", "chunks"),
    [(0, 1), (1, 1), (CHUNK_SIZE - 1, 1), (CHUNK_SIZE, 1), (CHUNK_SIZE + 1, 2), (2 * CHUNK_SIZE, 2), (131073, 3)],
)
def test_size_of_the_payload(size: int, chunks: int) -> None:
    payload = encrypt_payload(KEY, bytes(size))
    assert len(payload) == size + 16 * chunks
    assert decrypt_payload(KEY, payload) == bytes(size)


A, B = b"a" * CHUNK_SIZE, b"b" * CHUNK_SIZE
BROKEN = {
    "nothing": b"",
    "less than a tag": bytes(15),
    "no chunk is the last": chunk(0, b"a", last=False),
    "a full chunk is not the last": chunk(0, A, last=False),
    "the last chunk is missing": chunk(0, A, last=False),
    "an empty chunk is not the last": chunk(0, b"", last=False),
    "the last of several is empty": chunk(0, A, last=False) + chunk(1, b"", last=True),
    "two last chunks": chunk(0, A, last=True) + chunk(1, b"b", last=True),
    "two last full chunks": chunk(0, A, last=True) + chunk(1, B, last=True),
    "a last chunk in the middle": chunk(0, A, last=True) + chunk(1, b"b", last=False),
    "swapped": chunk(1, A, last=False) + chunk(0, B, last=False) + chunk(2, b"", last=True),
    "a chunk twice": chunk(0, A, last=False) + chunk(0, A, last=False) + chunk(1, b"b", last=True),
    "starts at one": chunk(1, b"a", last=True),
    "a short chunk in the middle": chunk(0, A[:-1], last=False) + chunk(1, b"b", last=True),
    "a byte too many": chunk(0, b"a", last=True) + b"x",
    "a chunk and a byte too many": chunk(0, A, last=True) + b"x",
    "a tag too many": chunk(0, A, last=True) + bytes(16),
    "another flag": ChaCha20Poly1305(KEY).encrypt(bytes(11) + b"\x02", b"a", None),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_streams_give_nothing(fault: str) -> None:
    with pytest.raises(PayloadError):
        decrypt_payload(KEY, BROKEN[fault])


def test_another_key_gives_nothing() -> None:
    with pytest.raises(PayloadError, match="damaged"):
        decrypt_payload(bytes(32), encrypt_payload(KEY, b"text"))


@given(st.binary(max_size=100), st.integers(0, 2), st.integers(-2, 2))
def test_round_trip_around_the_edges(tail: bytes, chunks: int, shift: int) -> None:
    plaintext = (b"x" * (chunks * CHUNK_SIZE + shift) if chunks else b"") + tail
    assert decrypt_payload(KEY, memoryview(encrypt_payload(KEY, plaintext))) == plaintext
