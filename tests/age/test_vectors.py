"""The test vectors of C2SP/CCTV: every outcome its own exception, and everything that parses is written back the same."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sopskit.age import ScryptIdentity, decrypt, header, parse_identity
from sopskit.age.armor import armor, dearmor
from sopskit.age.payload import NONCE_SIZE, encrypt_payload
from sopskit.age.primitives import hkdf, hmac_sha256
from sopskit.errors import (
    ArmorError,
    HeaderError,
    HeaderMacError,
    NoIdentityMatchError,
    PayloadError,
    SopskitError,
)
from tests.age.known_answers import FIXTURES

if TYPE_CHECKING:
    from sopskit.age import Identity

FAILURES: dict[str, type[SopskitError]] = {
    "no match": NoIdentityMatchError,
    "HMAC failure": HeaderMacError,
    "header failure": HeaderError,
    "armor failure": ArmorError,
    "payload failure": PayloadError,
}
FIELDS = {"expect", "payload", "file key", "identity", "passphrase", "armored", "compressed", "comment"}


class Vector(NamedTuple):
    """One file: its fields, the identities in their order, and the age file."""

    name: str
    fields: dict[str, str]
    secrets: list[tuple[str, str]]
    data: bytes

    @property
    def expected(self) -> str:
        return self.fields["expect"]

    @property
    def is_armored(self) -> bool:
        return self.fields.get("armored") == "yes"

    def identities(self) -> list[Identity]:
        return [parse_identity(text) if key == "identity" else ScryptIdentity(text) for key, text in self.secrets]


def read_vector(name: str) -> Vector:
    head, _, data = (FIXTURES / "cctv" / name).read_bytes().partition(b"\n\n")
    pairs = [(key, value) for key, _, value in (line.partition(": ") for line in head.decode().split("\n"))]
    assert {key for key, _ in pairs} <= FIELDS
    fields = dict(pairs)
    if fields.get("compressed") == "zlib":
        data = zlib.decompress(data)
    return Vector(name, fields, [pair for pair in pairs if pair[0] in ("identity", "passphrase")], data)


VECTORS = [read_vector(path.name) for path in sorted((FIXTURES / "cctv").iterdir()) if path.name != "LICENSE"]


def some(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector.name for vector in vectors])


def test_all_vectors_are_there() -> None:
    assert len(VECTORS) == 107


@some([vector for vector in VECTORS if vector.expected == "success"])
def test_good_files_open(vector: Vector) -> None:
    plaintext = decrypt(vector.data, vector.identities(), armored=vector.is_armored)
    assert hashlib.sha256(plaintext).hexdigest() == vector.fields["payload"]


@some([vector for vector in VECTORS if vector.expected != "success"])
def test_bad_files_fail_in_their_own_way(vector: Vector) -> None:
    with pytest.raises(SopskitError) as caught:
        decrypt(vector.data, vector.identities(), armored=vector.is_armored)
    assert type(caught.value) is FAILURES[vector.expected]


@some([vector for vector in VECTORS if vector.expected == "success"])
def test_armor_is_detected(vector: Vector) -> None:
    plaintext = decrypt(vector.data, vector.identities())
    assert hashlib.sha256(plaintext).hexdigest() == vector.fields["payload"]


WITH_HEADER = [
    vector
    for vector in VECTORS
    if vector.expected not in ("header failure", "armor failure") and not (vector.is_armored)
]


@some(WITH_HEADER)
def test_parsed_headers_are_written_back_the_same(vector: Vector) -> None:
    parsed = header.parse(vector.data)
    written = header.serialise(parsed.stanzas) + header.serialise_mac(parsed.mac)
    assert written == vector.data[: parsed.size]
    assert written.startswith(parsed.authenticated)


@some([vector for vector in WITH_HEADER if vector.expected != "HMAC failure"])
def test_header_macs_are_computed_again(vector: Vector) -> None:
    parsed = header.parse(vector.data)
    key = hkdf(bytes.fromhex(vector.fields["file key"]), b"", b"header")
    assert hmac_sha256(key, parsed.authenticated) == parsed.mac


@some([vector for vector in WITH_HEADER if vector.expected == "success"])
def test_payloads_are_encrypted_again_to_the_same_bytes(vector: Vector) -> None:
    size = header.parse(vector.data).size
    nonce = vector.data[size : size + NONCE_SIZE]
    key = hkdf(bytes.fromhex(vector.fields["file key"]), nonce, b"payload")
    plaintext = decrypt(vector.data, vector.identities())
    assert encrypt_payload(key, plaintext) == vector.data[size + NONCE_SIZE :]


@some([vector for vector in VECTORS if vector.is_armored and vector.expected != "armor failure"])
def test_armor_is_written_back_the_same(vector: Vector) -> None:
    written = armor(dearmor(vector.data))
    assert written.strip() == vector.data.replace(b"\r\n", b"\n").strip()
