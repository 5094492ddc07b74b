"""HPKE's key schedule."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hpke as library
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHAKE256, Hash

from sopskit.age import Stanza, parse_identity, parse_recipient
from sopskit.age.hpke import KeySchedule
from sopskit.age.primitives import b64decode, b64encode
from sopskit.secret import FileKey
from tests.age.known_answers import FILE_KEY, HYBRID_IDENTITY, HYBRID_RECIPIENT, SEED

INFO = b"age-encryption.org/mlkem768x25519"


@pytest.mark.parametrize(
    ("kem_id", "name", "key", "nonce"),
    [
        (
            0x647A,
            b"mlkem768x25519",
            "ad51b95336c065c409681a96268f9a0c4230fb6682259359a082a5ec1776ea21",
            "a68da1384fb3c3c1e70696a3",
        ),
        (
            0x0010,
            b"p256tag",
            "1a8c350b780f310308cf65d60db6a620dc08120c268ef068b7379eec28489f62",
            "a75953ab9428d0085d23b4f5",
        ),
        (
            0x0050,
            b"mlkem768p256tag",
            "dac2b1d1e65332ef3d79a04a7db4e2c914918ebf7cc3d4eb3ba44670baeaf01c",
            "0ba402a1489152eb5f5b84c7",
        ),
    ],
)
def test_known_key_schedules(kem_id: int, name: bytes, key: str, nonce: str) -> None:
    schedule = KeySchedule(kem_id, b"age-encryption.org/" + name)
    assert schedule.key_and_nonce(SEED) == (bytes.fromhex(key), bytes.fromhex(nonce))


def test_unseal_gives_none_for_another_secret() -> None:
    schedule = KeySchedule(1, b"info")
    sealed = schedule.seal(SEED, b"text")
    assert schedule.unseal(SEED, sealed) == b"text"
    assert schedule.unseal(bytes(32), sealed) is None
    assert KeySchedule(2, b"info").unseal(SEED, sealed) is None


def suite() -> library.Suite:
    """The library's own hybrid suite, as an independent judge."""
    return library.Suite(library.KEM.MLKEM768_X25519, library.KDF.HKDF_SHA256, library.AEAD.CHACHA20_POLY1305)


def test_the_library_opens_what_we_wrap() -> None:
    digest = Hash(SHAKE256(96))
    digest.update(SEED)
    expanded = digest.finalize()
    private = library.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])
    )
    [stanza] = parse_recipient(HYBRID_RECIPIENT).wrap(FileKey(FILE_KEY)).stanzas
    encapsulated = b64decode(stanza.args[0])
    assert encapsulated is not None
    assert suite().decrypt(encapsulated + stanza.body, private, INFO) == FILE_KEY


def test_we_open_what_the_library_wraps() -> None:
    from sopskit.age import bech32

    public = bech32.decode(HYBRID_RECIPIENT)[1]
    key = library.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:1184]), X25519PublicKey.from_public_bytes(public[1184:])
    )
    sealed = suite().encrypt(FILE_KEY, key, INFO)
    stanza = Stanza("mlkem768x25519", (b64encode(sealed[:1120]).decode(),), sealed[1120:])
    assert parse_identity(HYBRID_IDENTITY).unwrap([stanza]) == FileKey(FILE_KEY)
