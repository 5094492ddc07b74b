"""No fact, part or reason holds anything of a secret: not five characters of it, no length, no digest."""

from __future__ import annotations

import json
import string
from base64 import b64encode
from hashlib import md5, sha1, sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sopskit.redact.kinds import compare_parts, describe, malformed, weakness
from tests.redact.certificates import issue, key_pem
from tests.redact.test_kinds import jwt

# no vowels: the words of the reports cannot hold a window of it by accident
SECRET = st.text(alphabet="bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ0123456789", min_size=8, max_size=24)
SHAPES = {
    "url": "postgres://{0}:{1}@{2}.example:5432/{3}?token={4}",
    "unknown scheme": "x{0}://{1}@h/{2}#{3}{4}",
    "libpq": "host={0} user={1} password={2} dbname={3} options={4}",
    "ado": "Server={0};User Id={1};Password={2};Database={3};{4}=x",
    "mysql": "{0}:{1}@tcp({2}:3306)/{3}?{4}=x",
    "jdbc": "jdbc:oracle:thin:{0}/{1}@//{2}:1521/{3}{4}",
    "json": '{{"password": "{0}", "list": ["{1}", {{"{2}": "{3}"}}], "{4}": 1}}',
    "yaml": 'password: {0}\nlist:\n- {1}\n- "{2}": {3}\n"{4}": x\n',
    "docker": '{{"auths": {{"{0}": {{"auth": "{1}"}}, "https://{2}:{3}@h/": {{"username": "{4}"}}}}}}',
    "dockercfg": '{{"{0}": {{"auth": "{1}"}}, "{2}": {{"{3}": "{4}"}}}}',
    "password": "{0}{1}{2}{3}{4}",
    "text": "{0} {1} {2}\n{3}: {4}",
    "placeholder": "<{0}> {1}{2}{3}{4}",
    "ssh": "ssh-rsa AAAAB3NzaC1yc2E{0} {1}@{2} {3}{4}",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\n{0}\n{1}\n-----END RSA PRIVATE KEY-----\n{2}{3}{4}",
    "certificate": "-----BEGIN CERTIFICATE-----\n{0}\n-----END CERTIFICATE-----\n{1}{2}{3}{4}",
}


def leaks(secrets: list[str], said: str) -> list[str]:
    """Windows of five characters of the secrets, and short digests of them, that are in what was said."""
    windows = [secret[start : start + 5] for secret in secrets for start in range(len(secret) - 4)]
    digests = [hash(secret.encode()).hexdigest()[:8] for secret in secrets for hash in (md5, sha1, sha256)]
    return [piece for piece in windows + digests if piece in said]


def all_said(old: bytes, new: bytes, key: str) -> str:
    """Everything that is said of a change between two values."""
    told = [describe(old, key=key), describe(new, key=key)]
    parts = [compare_parts(old, new, one.kind) for one in told]
    return repr([*told, *parts, malformed(new, told[1].kind), weakness(new, key="password")])


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("shape", SHAPES)
@given(st.lists(SECRET, min_size=5, max_size=5, unique=True), st.lists(SECRET, min_size=5, max_size=5, unique=True))
def test_nothing_of_a_secret_is_said(shape: str, old: list[str], new: list[str]) -> None:
    before, after = (SHAPES[shape].format(*secrets).encode() for secrets in (old, new))
    names = [name for name in (*old, *new) if name.isalpha()]  # one of letters only may pass for a word
    secrets = [secret for secret in (*old, *new) if secret not in names]
    for key in ("config", ".dockercfg"):
        assert leaks(secrets, all_said(before, after, key)) == []
        assert leaks(secrets, all_said(b64encode(before), b64encode(after), key)) == []


@given(SECRET, SECRET)
def test_nothing_of_a_token_is_said(claim: str, signature: str) -> None:
    token = jwt({"alg": claim, "kid": claim}, {"exp": 1893456000, "sub": claim, claim: 1}, signature)
    said = all_said(jwt({"alg": "HS256"}, {}), token, "token")
    body = token.decode().split(".")
    assert leaks([claim, signature, *body], said) == []


def test_nothing_of_a_private_key_is_said() -> None:
    one, other = issue("RSA 2048"), issue("RSA 2048 other", hosts=("internal.example",))
    lines = [line for made in (one, other) for line in key_pem(made.key).decode().splitlines() if "-" not in line]
    for old, new in ((one.key_pem, other.key_pem), (one.pem + one.key_pem, other.pem + other.key_pem)):
        assert leaks([*lines, "internal.example"], all_said(old, new, "tls.key")) == []


@given(st.integers(1, 60), st.sampled_from(string.ascii_letters))
def test_a_length_is_not_said(length: int, letter: str) -> None:
    value = json.dumps({"a": letter * length, "b": letter})
    other = json.dumps({"a": letter * 10, "b": letter})
    assert describe(value.encode()) == describe(other.encode())
