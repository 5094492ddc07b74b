"""Weak values."""

from __future__ import annotations

import secrets

import pytest

from sopskit.redact.weakness import weakness

WEAK = """
changeme CHANGE_ME change-it-now password P@ssw0rd123! Passw0rd admin admin123 hunter2 secret s3cr3t root toor test test123
example 123456 123456789 qwertyuiop 1q2w3e4r letmein postgres rootpassword adminadmin minioadmin <password> ${DB_PASSWORD}
{{.Values.password}} xxxxxxxx ******** your-password-here my_secret_key TODO replace-me none null aaaaaaaa abababab abcabcabc
db_password DbPassword1 x abc 00000000 welcome1 placeholder insert-password-here your_api_key
""".split()  # noqa: SIM905 a list of words


@pytest.mark.parametrize("value", WEAK)
def test_what_anybody_would_try_first_is_weak(value: str) -> None:
    assert weakness(value.encode(), key="DB_PASSWORD") != ()


@pytest.mark.parametrize(
    "value",
    ["kX9#mQ2vLp8w", "correct horse battery staple", "d8e8fca2dc0f896f", "tiger-lamp-oxide-49", "Zq7-unlikely-word"],
)
def test_what_nobody_would_is_not(value: str) -> None:
    assert weakness(value.encode(), key="DB_PASSWORD") == ()


def test_generated_passwords_are_not_weak() -> None:
    generated = [secrets.token_urlsafe(16) for _ in range(2000)]
    assert [value for value in generated if weakness(value.encode(), key="DB_PASSWORD")] == []


@pytest.mark.parametrize(
    "value", ["admin", "info", "true", "1", "none", "null", "test", "dev", "postgres", "...", "{{ x }}"]
)
def test_ordinary_values_are_not_weak_under_an_ordinary_name(value: str) -> None:
    assert weakness(value.encode(), key="LOG_MODE") == ()


@pytest.mark.parametrize("value", ["changeme", "CHANGE_ME", "<your name>", "xxxx", "TODO", "replace-me"])
def test_placeholders_are_weak_under_any_name(value: str) -> None:
    assert weakness(value.encode(), key="LOG_MODE") == ("placeholder",)


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ("postgres://app:postgres@db/x", ("dictionary",)),
        ("postgres://app:kX9mQ2vLp8w@db/x", ()),
        ("https://example.com/", ()),
        ("host=db user=app password=changeme", ("placeholder", "dictionary")),
    ],
)
def test_of_a_url_the_password_counts(value: str, reasons: tuple[str, ...]) -> None:
    assert weakness(value.encode(), key="DATABASE_URL") == reasons


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ("kX9#", ("short",)),
        ("zebra-zebra", ()),
        ("zzzzzzzzz", ("repeated",)),
        ("34567890", ("sequence",)),
        ("lkjhgfdsa", ("sequence",)),
        ("ann_db_password", ()),
    ],
)
def test_the_reasons_are_told_apart(value: str, reasons: tuple[str, ...]) -> None:
    assert weakness(value.encode(), key="ADMIN_PASSWORD") == reasons


def test_a_pin_may_be_short() -> None:
    assert weakness(b"4711", key="CARD_PIN") == ()


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff" * 20, b"x" * 1000])
def test_what_is_no_password_is_not_weak(data: bytes) -> None:
    assert weakness(data, key="LOG") == ()
