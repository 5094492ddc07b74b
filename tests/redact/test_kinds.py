"""The kinds of values, and what is said of them."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sopskit.redact.kinds import Described, compare_parts, contents, describe, malformed, weakness
from tests.redact.certificates import key, key_pem

AGE = b"AGE-SECRET-KEY-1" + b"Q" * 58
DOCKER = {"ghcr.io": {"auth": "dTpw"}, "https://index.docker.io/v1/": {"username": "u", "password": "p"}}


def jwt(header: object, claims: object, signature: str = "c2lnbmF0dXJl") -> bytes:
    """A token that nobody signed."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    return ".".join([*parts, signature]).encode()


@pytest.mark.parametrize(
    ("key", "data", "kind"),
    [
        ("a", b"", "empty"),
        ("DB_PASSWORD", b"hunter2", "password"),
        ("DB_PASSWORD", b"123456", "password"),
        ("apiKey", b"two words", "password"),
        ("secretName", b"service1-tls", "text"),
        ("a", b"kX9#mQ2vLp8w", "password"),
        ("a", b"550e8400-e29b-41d4-a716-446655440000", "password"),
        ("a", b"d8e8fca2dc0f896fd7cb4cb0031ba249", "password"),
        ("a", b"service1.dev.svc.cluster.local", "text"),
        ("a", b"my-bucket-2024-backups", "text"),
        ("a", b"ann@example.com", "text"),
        ("a", b"/var/lib/data", "text"),
        ("a", b"2026-01-01T00:00:00Z", "text"),
        ("a", "größe".encode(), "text"),
        ("a", b"first line\nsecond: line", "text"),
        ("a", b" \n", "text"),
        ("a", b"-5432", "number"),
        ("a", b"1.5e3", "number"),
        ("a", b"True", "boolean"),
        ("a", b"off", "boolean"),
        ("a", b"\xff\xfe\x00", "opaque"),
        ("a", b"a\0b", "opaque"),
        ("a", b"x" * (1024 * 1024 + 1), "opaque"),
        ("a", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "text"),
    ],
)
def test_scalars_have_a_kind_and_no_facts(key: str, data: bytes, kind: str) -> None:
    assert describe(data, key=key) == (kind, {})


@pytest.mark.parametrize(
    ("type", "data", "kind"),
    [
        ("bool", b"True", "boolean"),
        ("int", b"5", "number"),
        ("uint64", b"18446744073709551615", "number"),
        ("float", b"1.5", "number"),
        ("null", b"", "empty"),
        ("time", b"2026-01-01T00:00:00Z", "text"),
    ],
)
def test_other_types_than_str_are_kinds_of_their_own(type: str, data: bytes, kind: str) -> None:
    assert describe(data, key="PASSWORD", type=type) == (kind, {})


@pytest.mark.parametrize(
    ("data", "described"),
    [
        (b"[1, 2]", Described("json", {"type": "list", "entries": "2-9"})),
        (b'\n{"a": {"b": null}}\n', Described("json", {"type": "object", "entries": "1"})),
        (b"{}", Described("json", {"type": "object", "entries": "0"})),
        (json.dumps(dict.fromkeys(map(str, range(500)))).encode(), Described("json", {"type": "object", "entries": "100 or more"})),
        (b"# c\na: 1\nb:\n- 2\n", Described("yaml", {"type": "object", "entries": "2-9"})),
        (b"- a\n- b\n- c: d\n", Described("yaml", {"type": "list", "entries": "2-9"})),
        (AGE, Described("private-key", {"key": "age X25519"})),
        (b"# created: 2026\n" + AGE, Described("private-key", {"key": "age X25519"})),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n", Described("private-key", {"key": "PGP"})),
        (b"-----BEGIN PRIVATE KEY-----\nbroken\n-----END PRIVATE KEY-----\n", Described("private-key", {})),
        (jwt({"alg": "RS256"}, {"exp": 1893456000, "sub": "x"}), Described("jwt", {"alg": "RS256", "expires": "2030-01-01"})),
        (b"Bearer " + jwt({"alg": "none"}, {}), Described("jwt", {"alg": "none"})),
        (jwt({"alg": "my-own"}, {"exp": 1e300}), Described("jwt", {})),
        (jwt({"alg": ["HS256"]}, [1]), Described("jwt", {})),
        (jwt({"alg": "dir", "enc": "A256GCM"}, {}) + b".AAAA.BBBB", Described("jwt", {"alg": "dir"})),
    ],
)  # fmt: skip
def test_structured_values_have_the_facts_of_their_kind(data: bytes, described: Described) -> None:
    assert describe(data) == described
    assert describe(b64encode(data)).kind in (described.kind, "password", "text")


@pytest.mark.parametrize("kind", ["RSA 2048", "DSA 2048", "EC P-256", "Ed25519"])
def test_a_private_key_is_described_by_algorithm_and_size(kind: str) -> None:
    made = key(kind)
    assert describe(key_pem(made)) == Described("private-key", {"key": kind})
    assert describe(b64encode(key_pem(made))) == Described("private-key", {"key": kind})
    assert describe(key_pem(made, password=b"x")) == Described("private-key", {"encrypted": True})


def test_a_private_key_of_an_older_form_is_described() -> None:
    form = PrivateFormat.TraditionalOpenSSL
    assert describe(key_pem(key("RSA 2048"), form)) == Described("private-key", {"key": "RSA 2048"})
    assert describe(key_pem(key("RSA 2048"), form, b"x")) == Described("private-key", {"encrypted": True})


def test_docker_credentials_show_registries_that_are_host_names() -> None:
    expected = Described("dockerconfigjson", {"registries": 2, "hosts": ("ghcr.io", "index.docker.io")})
    assert describe(json.dumps({"auths": DOCKER}).encode(), key=".dockerconfigjson") == expected
    assert describe(b64encode(json.dumps({"auths": DOCKER, "credsStore": "x"}).encode())) == expected
    assert describe(json.dumps(DOCKER).encode(), key=".dockercfg") == expected
    hidden = json.dumps({"auths": {"https://u:hunter2@x": {}, "Zx9QvK31mB7.io": {}}}).encode()
    assert describe(hidden) == Described("dockerconfigjson", {"registries": 2})
    assert describe(b'{"auths": {}}') == Described("dockerconfigjson", {"registries": 0})
    assert describe(b'{"auths": 5}').kind == "json"


# --- parts


@pytest.mark.parametrize(
    ("kind", "old", "new", "parts"),
    [
        ("url", b"postgres://app:one@db/x", b"postgres://app:two@db2:5432/x", ("password", "host", "port")),
        ("url", b"host=a user=b password=c", b"password=d user=b host=a", ("password",)),
        ("url", b"host=a user=b password=c", b"user=b host=a password=c", ("encoding",)),
        ("url", b"postgres://db/x", b"no url", ()),
        ("json", b'{"a": {"b": 1, "c": [1, 2]}}', b'{"a": {"b": 2, "c": [1, 3], "d": {}}}', ("/a/b", "/a/c/1", "/a/d")),
        ("json", b'{"a": 1}', b'{"a": "1"}', ("/a",)),
        ("json", b'{"a": 1}', b'{ "a": 1}', ("layout",)),
        ("json", b'{"x": 1, "ghp_8sK2mQ9vLp4w": 1}', b'{"x": 1, "ghp_8sK2mQ9vLp4w": 2}', ("/[key 2]",)),
        ("json", b'{"a/b": 1}', b'{"a/b": 2}', ("/a~1b",)),
        ("json", b'{"a": 1}', b"{", ()),
        ("yaml", b"a:\n  b: 1\nc: 2\n", b"a:\n  b: 2\nc: 2\n", ("/a/b",)),
        ("yaml", b"- a\n- b\n", b"- a\n- c\n", ("/1",)),
        ("dockerconfigjson", b'{"auths":{"ghcr.io":{"auth":"x"}}}', b'{"auths":{"ghcr.io":{"auth":"y"},"u@h":{}}}', ("ghcr.io", "[registry 2]")),
        ("dockerconfigjson", b'{"ghcr.io":{"auth":"x"}}', b'{"ghcr.io":{"auth":"y"}}', ("ghcr.io",)),
        ("jwt", jwt({"alg": "HS256"}, {"exp": 1, "role": "a"}), jwt({"alg": "HS256"}, {"exp": 2, "role": "b"}, "x"), ("exp", "claims", "signature")),
        ("jwt", jwt({"alg": "HS256"}, {}), jwt({"alg": "RS256"}, {}), ("header",)),
        ("private-key", key_pem(key("RSA 2048")), key_pem(key("EC P-256")), ("algorithm", "key")),
        ("private-key", key_pem(key("EC P-256")), key_pem(key("EC P-256 other")), ("key",)),
        ("private-key", key_pem(key("EC P-256")), key_pem(key("EC P-256"), PrivateFormat.TraditionalOpenSSL), ("encoding",)),
        ("private-key", b"x", b"y", ("key",)),
        ("password", b"one", b"two", ()),
        ("text", b"one", b"two", ()),
        ("json", b"{}", b"{}", ()),
    ],
)  # fmt: skip
def test_the_changed_parts_are_named(kind: str, old: bytes, new: bytes, parts: tuple[str, ...]) -> None:
    assert compare_parts(old, new, kind) == parts


def test_at_most_twenty_pointers_are_named() -> None:
    old = json.dumps({"item": list(range(30))}).encode()
    new = json.dumps({"item": list(range(1, 31))}).encode()
    parts = compare_parts(old, new, "json")
    assert (len(parts), parts[0], parts[-1]) == (20, "/item/0", "and 11 more")


# --- SSH keys


def public_line(kind: str, comment: str = "ann@laptop") -> bytes:
    """A line of `authorized_keys`."""
    encoded = key(kind).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return bytes(encoded) + b" " + comment.encode() + b"\n"


@pytest.mark.parametrize(
    ("kind", "type", "bits"),
    [("RSA 2048", "ssh-rsa", 2048), ("Ed25519", "ssh-ed25519", 256), ("EC P-384", "ecdsa-sha2-nistp384", 384)],
)
def test_ssh_keys_show_type_and_bits(kind: str, type: str, bits: int) -> None:
    private = key_pem(key(kind), PrivateFormat.OpenSSH)
    assert describe(private) == Described("ssh-key", {"type": type, "bits": bits})
    described = describe(public_line(kind))
    assert (described.kind, {**described.facts, "fingerprint": ""}) == (
        "ssh-key",
        {"type": type, "bits": bits, "fingerprint": ""},
    )


def test_an_ssh_key_under_a_passphrase_says_so() -> None:
    private = key_pem(key("Ed25519"), PrivateFormat.OpenSSH, b"x")
    assert describe(private).facts == {"type": "ssh-ed25519", "bits": 256, "encrypted": True}


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    line = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github.com\n"
    assert describe(line).facts["fingerprint"] == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_what_is_no_ssh_key_has_no_fingerprint() -> None:
    wire = b"\0\0\0\x0bssh-ed25519\0\0\0\x07hunter2"
    assert describe(b"ssh-ed25519 " + b64encode(wire)).kind == "text"


def test_the_changed_parts_of_ssh_keys_are_named() -> None:
    one, other = public_line("Ed25519"), public_line("Ed25519 other")
    private = key_pem(key("Ed25519"), PrivateFormat.OpenSSH)
    assert compare_parts(one, other, "ssh-key") == ("key",)
    assert compare_parts(one, public_line("RSA 2048"), "ssh-key") == ("type", "key")
    assert compare_parts(one, public_line("Ed25519", "bob"), "ssh-key") == ("comment",)
    assert compare_parts(one, one + other, "ssh-key") == ("keys",)
    assert compare_parts(private, key_pem(key("Ed25519 other"), PrivateFormat.OpenSSH), "ssh-key") == ("key",)
    assert compare_parts(private, key_pem(key("Ed25519"), PrivateFormat.OpenSSH, b"x"), "ssh-key") == ("passphrase",)


# --- hostile input

KINDS = ("certificate", "private-key", "ssh-key", "jwt", "url", "dockerconfigjson", "json", "yaml", "password", "text")
PIECES = st.sampled_from(
    [
        b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"-----BEGIN RSA PRIVATE KEY-----\n",
        b"-----END OPENSSH PRIVATE KEY-----\n", b"b3BlbnNzaC1rZXktdjEA", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", b"eyJhbGciOiJub25lIn0.",
        b"{", b"[", b'{"auths":{"', b'":', b"a: &a\n- *a\n", b"\n", b"- ", b"://", b"@tcp(", b"jdbc:", b"0\x82\x01\x00", b"\xff", b"\0", b"=", b";", b"MII=",
    ]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=20), max_size=12), st.lists(PIECES, max_size=6))
def test_no_input_raises(pieces: list[bytes], others: list[bytes]) -> None:
    data, other = b"".join(pieces), b"".join(others)
    described = describe(data, key="tls.crt")
    assert described.kind in (*KINDS, "number", "boolean", "empty", "opaque")
    for kind in KINDS:
        compare_parts(data, other, kind)
        compare_parts(other, data, kind)
        malformed(data, kind)
    weakness(data, key="DB_PASSWORD")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b"- " * 300_000,
        b"a: [" + b"[" * 300_000,
        b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(20_000)),
        b"-----BEGIN CERTIFICATE-----\n" * 30_000,
        b"-----BEGIN RSA PRIVATE KEY-----\n" * 30_000,
        b"ssh-rsa AAAA " * 70_000,
        b"a:" + b"@tcp(" * 200_000,
        b"postgres://" + b"a:b@" * 200_000,
        b"eyJ" + b"A" * 900_000 + b".",
        b"a=b;" * 200_000,
        b"0\x82" + b"\x30\x80" * 400_000,
        b"9" * 900_000,
        b'{"a": ' + b"9" * 900_000 + b"}",
    ],
)
def test_large_hostile_input_takes_no_time(data: bytes) -> None:
    from time import process_time

    start = process_time()
    described = describe(data, key="DB_PASSWORD")
    compare_parts(data, data[:-1], described.kind)
    malformed(data, described.kind)
    weakness(data, key="DB_PASSWORD")
    assert process_time() - start < 5


def test_literal_line_feeds_are_read_as_such() -> None:
    assert contents(b"-----BEGIN X-----\\r\\nAAAA\\n") == b"-----BEGIN X-----\nAAAA\n"
