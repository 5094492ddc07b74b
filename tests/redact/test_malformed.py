"""Marks of editors, shells and encoders in values."""

from __future__ import annotations

import secrets
from base64 import b64encode

import pytest

from sopskit.redact.malformed import decode_base64, malformed


@pytest.mark.parametrize(
    ("data", "kind", "reasons"),
    [
        (b"hunter2", "password", ()),
        (b"hunter2\n", "password", ("trailing newline",)),
        (b"hunter2\r\n", "password", ("trailing newline", "CRLF")),
        (b"ann\n", "text", ("trailing newline",)),
        (b"some prose\n", "text", ()),
        (b"one\ntwo\n", "text", ()),
        (b"ann:$apr1$x$y\n", "password", ()),
        (b"ann:{SHA}x\n", "password", ()),
        (b" hunter2", "password", ("surrounding blanks",)),
        (b"hunter2\t\n", "password", ("trailing newline", "surrounding blanks")),
        (b'"hunter2"', "password", ("quotes around",)),
        (b"'http://x'", "text", ("quotes around",)),
        (b'"a" or "b"', "text", ()),
        (b'"', "password", ()),
        (b'{"a": 1}\n', "json", ()),
        (b"a: 1\r\nb: 2\r\n", "yaml", ("CRLF",)),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "certificate", ()),
        (b"\xef\xbb\xbfhunter2", "password", ("byte order mark",)),
        (b"\xff\xfea\0", "opaque", ("byte order mark",)),
        (b64encode(b"hunter2"), "password", ()),
        (b64encode(b64encode(b"hunter2!")), "password", ("base64 of base64",)),
        (b64encode(b64encode(b"correct horse\n") + b"\n"), "password", ("base64 of base64",)),
        (b64encode(b64encode(b"\x00\xff" * 8)), "password", ("base64 of base64",)),
        (b64encode(b"123456789012"), "password", ()),
        (b64encode(b"passwordpassword"), "password", ()),
        ("café".encode(), "text", ()),
        ("cafÃ©".encode(), "text", ("mojibake",)),
        ("it’s".encode().decode("cp1252").encode(), "text", ("mojibake",)),
        (b"caf\xef\xbf\xbd", "text", ("mojibake",)),
        (b"caf\xe9", "opaque", ()),
        (b"", "empty", ()),
    ],
)  # fmt: skip
def test_what_went_wrong_is_named(data: bytes, kind: str, reasons: tuple[str, ...]) -> None:
    assert malformed(data, kind) == reasons


def test_random_keys_in_base64_are_not_malformed() -> None:
    keys = [b64encode(secrets.token_bytes(33)) for _ in range(2000)] + [
        secrets.token_hex(16).encode() for _ in range(2000)
    ]
    assert [key for key in keys if malformed(key, "password")] == []


@pytest.mark.parametrize("data", [b"aHVudGVyMg", b"aHVudGVyMg=", b"aHVudGVy!g==", b"short"])
def test_only_base64_is_decoded(data: bytes) -> None:
    assert decode_base64(data) is None
