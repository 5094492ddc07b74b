"""Private keys, wherever they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sopskit.review.compare import compare
from sopskit.review.findings.keymaterial import enc06
from sopskit.review.findings.subject import Subject
from sopskit.review.model import Sides

if TYPE_CHECKING:
    from tests.conftest import AgeTestKey

NOTHING: Sides[Any] = Sides(None, None)


def subject(base: bytes | None, head: bytes | None) -> Subject:
    return Subject("file", "modified", NOTHING, compare(None, None), (), NOTHING, Sides(base, head))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AGE-SECRET-KEY-1QQPQZRFR7ZQTK4CAYJ4R9X0", "age"),
        ("AGE-SECRET-KEY-PQ-1QQPQZRFR7ZQTK4CAYJ4R9X0", "age"),
        ("-----BEGIN PRIVATE KEY-----", "PEM"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "PEM"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "PEM"),
        ("-----BEGIN RSA PRIVATE KEY-----", "PEM"),
        ("-----BEGIN EC PRIVATE KEY-----", "PEM"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "PGP"),
    ],
)
@pytest.mark.parametrize("form", ["{}", "first\n  key: '{}'\n", '{{"key": "{}\\n"}}'])
def test_a_private_key_is_found(text: str, kind: str, form: str) -> None:
    source = form.format(text)
    (finding,) = enc06(subject(None, source.encode()))
    line = source[: source.index(text)].count("\n") + 1
    assert (finding.id, finding.severity, finding.line) == ("ENC06", "block", line)
    assert finding.args == {"kinds": kind, "lines": str(line)}
    assert len(list(enc06(subject(None, source.encode("utf-16"))))) == 1


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
    ],
)
def test_what_is_public_or_a_placeholder_is_none(text: str) -> None:
    assert list(enc06(subject(None, text.encode()))) == []


def test_only_the_new_state_counts(alice: AgeTestKey) -> None:
    key = alice.identity.encode()
    assert list(enc06(subject(key, b"a: 1\n"))) == []
    assert list(enc06(subject(key, None))) == []
    assert len(list(enc06(subject(key, key + b"\n# more\n")))) == 1


def test_many_keys_are_one_finding_that_holds_none_of_them(alice: AgeTestKey) -> None:
    text = f"# keys\n{alice.identity}\n-----BEGIN PRIVATE KEY-----\n" * 6
    (finding,) = enc06(subject(None, text.encode()))
    assert finding.args == {"kinds": "age, PEM", "lines": "2, 3, 5, 6, 8, 9, 11, 12, 14, 15 and 2 more"}
    assert alice.identity[-10:] not in repr(finding)


def test_a_subject_shows_its_path_only() -> None:
    assert repr(subject(b"canary", b"canary")) == "Subject('file')"
