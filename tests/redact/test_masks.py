"""Nothing of a value is in the text forms of what is read from it, and odd input ends quietly."""

from __future__ import annotations

from base64 import b64encode

import pytest

from sopskit.redact import kinds
from sopskit.redact.certificates import read_certificates
from sopskit.redact.kinds import Described, compare_parts, describe, malformed
from sopskit.redact.privatekeys import read_private_key
from sopskit.redact.sshkeys import read_container, read_public_keys
from sopskit.redact.structures import read_json
from sopskit.redact.tokens import read_token
from sopskit.redact.urls import read_url
from tests.redact.certificates import issue
from tests.redact.test_kinds import jwt


def test_what_was_read_is_shown_by_what_it_is() -> None:
    made = issue(hosts=("canary.example",))
    (certificate,) = read_certificates(made.pem)
    line = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl canary"
    shown = [
        repr(certificate),
        repr(read_private_key(made.key_pem)),
        repr(read_public_keys(line)[0]),
        repr(read_token(jwt({"alg": "none"}, {"sub": "canary"}))),
        repr(read_json('{"a": "canary"}')),
    ]
    assert shown == [
        "Certificate('CN=service1')",
        "PrivateKey('EC P-256')",
        "SshKey('ssh-ed25519')",
        "Token('none')",
        "Structure('json', 'object')",
    ]


@pytest.mark.parametrize("exponent", ["1e300", "1e18", "-1e18", "true", '"x"', "null"])
def test_a_time_that_is_none_is_not_said(exponent: str) -> None:
    claims = b64encode(b'{"exp": %b}' % exponent.encode()).decode().rstrip("=")
    token = f"eyJhbGciOiJub25lIn0.{claims}."
    assert describe(token.encode()) == Described("jwt", {"alg": "none"})


def test_a_reader_that_fails_leaves_an_opaque_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> bytes:
        raise RuntimeError("canary")

    monkeypatch.setattr(kinds, "contents", fail)
    assert describe(b"x") == Described("opaque")


def test_odd_input_ends_quietly() -> None:
    assert read_certificates(b"x" * (1024 * 1024 + 1)) == ()
    assert read_certificates(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n") == ()
    assert read_container(b"-----BEGIN OPENSSH PRIVATE KEY-----\nA\n-----END OPENSSH PRIVATE KEY-----\n") is None
    assert (
        read_container(
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"
        )
        is None
    )
    assert read_public_keys(b"ssh-ed25519 AAAAC") == ()
    assert read_url("postgres://[::1/x") == {"scheme": "postgres", "host": "[::1", "path": "/x"}
    assert compare_parts(b"not a token", jwt({"alg": "none"}, {}), "jwt") == ()
    assert compare_parts(b'{"auths": {"a.io": {}}}', b'{"auths": 1}', "dockerconfigjson") == ("/auths/a.io", "/auths")
    assert malformed("größe\u0081".encode(), "text") == ()
    assert describe(b"a: b\nc: [\n").kind == "text"
