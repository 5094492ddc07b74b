from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from sopskit.deploy.notify.address import Plain
from sopskit.deploy.notify.receiver import Settings, read_settings, request_for
from sopskit.deploy.notify.webhook import request
from sopskit.errors import ConfigError
from sopskit.secret import SecretStr
from tests.deploy.notify.notices import COMMIT, NOTICE

ADDRESS = SecretStr("https://hooks.example.org/test-token")


def test_the_body_is_the_notice_and_nothing_else() -> None:
    made = request(NOTICE, Settings(ADDRESS))
    assert (made.method, made.url, made.headers, made.secrets, made.plain) == (
        "POST",
        ADDRESS,
        {"Content-Type": "application/json"},
        {},
        Plain.CLUSTER,
    )
    assert json.loads(made.body) == {
        "version": 1,
        "source": "dev/app",
        "kind": "applied",
        "revision": COMMIT,
        "summary": "1 created from 0123456",
        "objects": ["+ Secret dev/app", "~ ConfigMap dev/app"],
        "repository": "https://github.com/team/config.git",
        "branch": "main",
        "cluster": "staging",
        "time": "2025-11-24T16:00:00.500000Z",
    }


def test_a_key_signs_the_body() -> None:
    made = request(NOTICE, Settings(ADDRESS, hmac=SecretStr("test-key")))
    expected = hmac.new(b"test-key", made.body, hashlib.sha256).hexdigest()
    assert made.headers["X-Sopskit-Signature"] == f"sha256={expected}"


def test_without_an_address_there_is_no_request() -> None:
    with pytest.raises(ConfigError, match="has no address"):
        request(NOTICE, Settings())


def test_settings_are_the_entries_of_the_secret() -> None:
    data = {"address": b"https://h/\n", "token": b"test-token\r\n", "hmac": b"test-key", "other": b"\xff"}
    assert read_settings(data) == Settings(SecretStr("https://h/"), SecretStr("test-token"), SecretStr("test-key"))


@pytest.mark.parametrize(
    "value", [b"", b"\n", b"test canary", b"test\ncanary", b"test\0canary", b"test-canary\xff", b"test-canary" * 1000]
)
def test_an_entry_that_cannot_be_used_is_not_quoted(value: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"token": value})
    assert str(caught.value).startswith("token of the Secret is empty")
    assert "canary" not in str(caught.value)


def test_a_kind_that_nobody_knows() -> None:
    with pytest.raises(ConfigError, match="nobody knows"):
        request_for("pigeon", NOTICE, Settings())
