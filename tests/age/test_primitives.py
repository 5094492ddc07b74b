"""HMAC, HKDF, base64, and what keeps secrets from being printed."""

from __future__ import annotations

import base64
import copy
import pickle

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from sopskit.age import ScryptIdentity, ScryptRecipient, parse_identity, parse_ssh_identity
from sopskit.age.identityfile import EncryptedIdentities
from sopskit.age.primitives import b64decode, b64encode, hkdf, seal, unseal
from tests.age.known_answers import FILE_KEY, HYBRID_IDENTITY, NONCE, PEERS, X25519_IDENTITY


def test_key_schedule_of_the_header_and_the_payload() -> None:
    assert hkdf(FILE_KEY, b"", b"header").hex() == "0d492cb66fc6bf34e995c0485bce23c67cff7c7885571eaf08b8f6bf80d0c40b"
    assert hkdf(FILE_KEY, NONCE, b"payload").hex() == "a9b6b2f491423ef997e866099d8ab29f171b0374a41426b361d50625ffa8044b"


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_hkdf_is_the_library_s(ikm: bytes, salt: bytes, info: bytes) -> None:
    assert hkdf(ikm, salt, info) == HKDF(SHA256(), 32, salt, info).derive(ikm)


def test_unseal_gives_none_for_another_key_and_for_too_short_a_text() -> None:
    sealed = seal(bytes(32), b"message")
    assert unseal(bytes(32), sealed) == b"message"
    assert unseal(b"\1" * 32, sealed) is None
    assert unseal(bytes(32), sealed[:15]) is None


@given(st.binary())
def test_base64_round_trip(data: bytes) -> None:
    assert b64decode(b64encode(data)) == data
    assert b64encode(data) == base64.b64encode(data).rstrip(b"=")


@pytest.mark.parametrize(
    "text",
    [
        *(b"A", b"AAAAA", b"AA==", b"AAA=", b"AAAA=", b"=", b"AAAA===="),
        *(b"AB", b"AAB", b"//", b"AA\n", b"A A", b"AAAA\r", b" AAAA", b"-_-_", b"AAAA\0", b"AA=A", "AAAé".encode()),
    ],
)
def test_base64_takes_one_spelling_only(text: bytes) -> None:
    assert b64decode(text) is None


def test_base64_takes_text_that_is_not_ascii_for_malformed() -> None:
    assert b64decode("AAA\u0391") is None
    assert b64decode("AAA\udcff") is None


def test_base64_checks_the_length_asked_for() -> None:
    assert b64decode("AAAA", 3) == bytes(3)
    assert b64decode("AAAA", 4) is None


SECRETS = {
    "x25519": (parse_identity(X25519_IDENTITY), X25519_IDENTITY),
    "hybrid": (parse_identity(HYBRID_IDENTITY), HYBRID_IDENTITY),
    "scrypt identity": (ScryptIdentity("correct horse"), "correct horse"),
    "scrypt recipient": (ScryptRecipient("correct horse"), "correct horse"),
    "ssh": (parse_ssh_identity((PEERS / "ssh_ed25519").read_bytes()), "BEGIN OPENSSH"),
    "ssh rsa": (parse_ssh_identity((PEERS / "ssh_rsa2048").read_bytes()), "BEGIN OPENSSH"),
    "ssh encrypted": (parse_ssh_identity((PEERS / "ssh_ed25519_enc").read_bytes()), "BEGIN OPENSSH"),
    "file": (EncryptedIdentities((PEERS / "identities.txt.go.age").read_bytes(), lambda: "kat"), "BEGIN AGE"),
}


@pytest.mark.parametrize("kind", SECRETS)
def test_what_holds_a_secret_prints_as_a_mask(kind: str) -> None:
    holder, secret = SECRETS[kind]
    mask = f"{type(holder).__name__}(<redacted>)"
    assert [repr(holder), str(holder), f"{holder}", repr([holder])] == [mask, mask, mask, f"[{mask}]"]
    assert secret not in mask


@pytest.mark.parametrize("kind", SECRETS)
def test_what_holds_a_secret_is_not_copied_to_a_file(kind: str) -> None:
    holder, _ = SECRETS[kind]
    for make in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            make(holder)
    assert not hasattr(holder, "__dict__")
