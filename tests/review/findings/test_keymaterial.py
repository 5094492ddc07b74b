"""ENC06: private keys, wherever they stand."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from sopskit.review.findings.keymaterial import lines_with_keys
from tests.review.reviewing import Reviewer, ids

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

TEXTS = [
    ("AGE-SECRET-KEY-1QQPQZRFR7ZQTK4CAYJ4R9X0", "age"),
    ("AGE-SECRET-KEY-PQ-1QQPQZRFR7ZQTK4CAYJ4R9X0", "age"),
    ("-----BEGIN PRIVATE KEY-----", "PEM"),
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "PEM"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", "PEM"),
    ("-----BEGIN RSA PRIVATE KEY-----", "PEM"),
    ("-----BEGIN EC PRIVATE KEY-----", "PEM"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "PGP"),
    ("PuTTY-User-Key-File-3: ssh-ed25519", "PuTTY"),
]


@pytest.mark.parametrize(("text", "kind"), TEXTS)
@pytest.mark.parametrize("form", ["{}", "first\n  key: '{}'\n", '{{"key": "{}\\n"}}'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_private_key_is_found_on_its_line(text: str, kind: str, form: str, encoding: str) -> None:
    source = form.format(text)
    line = source[: source.index(text)].count("\n") + 1
    assert list(lines_with_keys(source.encode(encoding))) == [(kind, line)]


@pytest.mark.parametrize(("text", "kind"), TEXTS[:-1])
def test_a_private_key_in_base64_is_found(text: str, kind: str) -> None:
    encoded = b64encode(text.encode() + b"\nand what follows it\n")
    assert list(lines_with_keys(b"data:\n  key: " + encoded)) == [(f"{kind} in base64", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AGE-SECRET-KEY-1...",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "-----END PRIVATE KEY-----",
        "the PRIVATE KEY",
        b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n").decode(),
    ],
)
def test_what_is_public_or_a_placeholder_is_none(text: str) -> None:
    assert list(lines_with_keys(text.encode())) == []


def test_only_the_new_state_counts(review_of: Reviewer, alice: AgeTestKey) -> None:
    key = alice.identity.encode()
    assert ids(review_of({"a.txt": key, "b.txt": key}, {"a.txt": b"a: 1\n", "b.txt": key + b"\n# more\n"})) == [
        "ENC06 block b.txt"
    ]


def test_many_keys_are_one_finding_that_holds_none_of_them(review_of: Reviewer, alice: AgeTestKey) -> None:
    text = f"# keys\n{alice.identity}\n-----BEGIN PRIVATE KEY-----\n" * 6
    (finding,) = review_of({}, {"a.txt": text.encode()}).findings
    assert finding.args == {"kinds": "age, PEM", "lines": "2, 3, 5, 6, 8, 9, 11, 12, 14, 15 and 2 more"}
    assert finding.line == 2
    assert alice.identity[-10:] not in repr(finding)


@pytest.mark.parametrize("path", ["a/store.kdbx", "a/TLS.P12", "a/tls.pfx", "a/trust.jks", ".ssh/id_rsa", "keys.txt"])
def test_a_file_that_is_named_like_keys_is_a_lesser_finding(review_of: Reviewer, path: str) -> None:
    assert ids(review_of({}, {path: b"\x01\x02\x03"})) == [f"ENC06 medium {path}"]


def test_a_key_store_that_is_encrypted_and_a_list_of_public_keys_are_none(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey
) -> None:
    head = {
        "store.p12": sops.encrypted("opaque", name="store.p12"),
        "keys.txt": f"# public key: {alice.recipient}\n{alice.recipient}\n".encode(),
        "empty/id_rsa": b"",
        "id_rsa.pub": b"ssh-rsa AAAA ann\n",
    }
    assert [one.id for one in review_of({}, head).findings if one.id == "ENC06"] == []
