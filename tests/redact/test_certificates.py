"""Certificates: what is said of them, and which key is theirs."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.x509.oid import NameOID

from sopskit.redact.certificates import chain_is_complete, read_certificates
from sopskit.redact.kinds import Described, compare_parts, describe, private_key_matches
from tests.redact.certificates import DAY, NOW, issue, key, key_pem


def test_the_facts_of_a_certificate_are_these() -> None:
    made = issue(
        "RSA 2048", names=((NameOID.COMMON_NAME, "service1"), (NameOID.ORGANIZATION_NAME, "Example")), hosts=("a", "b")
    )
    expected: dict[str, str | int | bool | tuple[str, ...]] = {
        "subject": "CN=service1, O=Example",
        "issuer": "CN=service1, O=Example",
        "not_before": "2026-03-03",
        "not_after": "2027-03-03",
        "names": 2,
        "key": "RSA 2048",
        "chain": 1,
        "self_signed": True,
    }
    assert describe(made.pem) == Described("certificate", expected)


@pytest.mark.parametrize("kind", ["RSA 2048", "EC P-256", "EC P-384", "EC P-521", "Ed25519"])
def test_the_kind_of_key_is_named(kind: str) -> None:
    assert describe(issue(kind).pem).facts["key"] == kind


def test_a_certificate_is_known_in_every_wrapping() -> None:
    made = issue()
    facts = describe(made.pem).facts
    forms = [
        made.der,
        b64encode(made.pem),
        made.pem.replace(b"\n", b"\\n"),
        made.pem.replace(b"\n", b"\r\n"),
        b"text before\n" + made.pem,
        made.key_pem + made.pem,
        b"-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n" + made.pem,
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + made.pem,
    ]
    assert [describe(form) for form in forms] == [Described("certificate", facts)] * len(forms)


def test_a_certificate_that_cannot_be_read_has_no_facts() -> None:
    assert describe(b"-----BEGIN CERTIFICATE-----\nTm8h\n-----END CERTIFICATE-----\n") == Described("certificate", {})


def test_the_facts_of_a_chain_are_those_of_its_first() -> None:
    root = issue("EC P-384", names=((NameOID.COMMON_NAME, "root"),))
    leaf = issue(issuer=root)
    facts = describe(leaf.pem + root.pem).facts
    assert (facts["subject"], facts["issuer"], facts["chain"], facts["self_signed"]) == (
        "CN=service1",
        "CN=root",
        2,
        False,
    )


def test_a_chain_in_the_wrong_order_is_incomplete() -> None:
    root = issue("EC P-384", names=((NameOID.COMMON_NAME, "root"),))
    middle = issue("EC P-521", names=((NameOID.COMMON_NAME, "middle"),), issuer=root)
    leaf = issue(issuer=middle)
    orders = [(leaf, middle, root), (leaf, middle), (leaf,), (leaf, root), (leaf, root, middle)]
    complete = [chain_is_complete(read_certificates(b"".join(one.pem for one in order))) for order in orders]
    assert complete == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ab\u202ecd\u2066", "CN=ab\\u{202e}cd\\u{2066}"),
        ("a\x1b]0;x\x07\n", "CN=a\\x1b]0;x\\x07\\n"),
        ("x" * 5000, "CN=" + "x" * 76 + "…"),
        ("\u202e" * 50, ("CN=" + "\\u{202e}" * 50)[:79] + "…"),
    ],
)
def test_a_hostile_subject_is_escaped_and_short(name: str, shown: str) -> None:
    facts = describe(issue(names=((NameOID.COMMON_NAME, name),)).pem).facts
    assert facts["subject"] == shown
    assert len(str(facts["subject"])) <= 80


def test_a_certificate_without_a_name_has_no_subject() -> None:
    assert "subject" not in describe(issue(names=()).pem).facts


def test_a_certificate_with_a_thousand_names_is_read() -> None:
    hosts = [f"host{number}.example" for number in range(1000)]
    many = [(NameOID.COMMON_NAME, f"name{number}") for number in range(200)]
    facts = describe(issue(hosts=hosts, names=many).pem).facts
    assert (facts["names"], len(str(facts["subject"])) <= 80) == (1000, True)


def test_short_keys_are_weak() -> None:
    assert [read_certificates(issue(kind).pem)[0].weak for kind in ("RSA 1024", "RSA 2048", "EC P-256")] == [
        True,
        False,
        False,
    ]


def test_the_changed_parts_of_a_certificate_are_named() -> None:
    old = issue(hosts=("a",))
    root = issue("EC P-384", names=((NameOID.COMMON_NAME, "root"),))
    cases = {
        ("serial",): issue(hosts=("a",)),
        ("names",): issue(hosts=("a", "b")),
        ("not_after",): issue(hosts=("a",), until=NOW + 300 * DAY),
        ("issuer",): issue(hosts=("a",), issuer=root),
        ("key",): issue("EC P-256 other", hosts=("a",)),
        ("subject", "issuer", "names"): issue(names=((NameOID.COMMON_NAME, "service2"),)),
    }
    assert [compare_parts(old.pem, new.pem, "certificate") for new in cases.values()] == list(cases)
    assert compare_parts(old.pem, old.pem + root.pem, "certificate") == ("chain",)
    assert compare_parts(old.pem, old.pem.replace(b"\n", b"\r\n"), "certificate") == ("encoding",)
    assert compare_parts(old.pem, old.pem + old.key_pem, "certificate") == ("private key",)
    assert compare_parts(old.pem, b"-----BEGIN CERTIFICATE-----\n", "certificate") == ("encoding",)


@pytest.mark.parametrize("kind", ["RSA 2048", "EC P-256", "Ed25519"])
def test_a_private_key_matches_its_certificate_in_every_form(kind: str) -> None:
    made, other = issue(kind), key("EC P-384")
    formats = [PrivateFormat.PKCS8, PrivateFormat.OpenSSH]
    formats += [] if kind == "Ed25519" else [PrivateFormat.TraditionalOpenSSL]
    assert [private_key_matches(made.pem, key_pem(made.key, format)) for format in formats] == [True] * len(formats)
    assert [private_key_matches(made.pem, key_pem(other, format)) for format in formats] == [False] * len(formats)


def test_what_cannot_be_read_neither_matches_nor_differs() -> None:
    made = issue()
    keys = [key_pem(made.key, password=b"x"), b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
    assert [private_key_matches(made.pem, one) for one in keys] == [None] * 3
    assert private_key_matches(b"", made.key_pem) is None
