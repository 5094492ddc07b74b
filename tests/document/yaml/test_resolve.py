"""Scalars are typed as go-yaml types them: SOPS section 1.4, and the bytes of section 2."""

from __future__ import annotations

import pytest

from sopskit.document.yaml.resolve import TAG_PREFIX, UnresolvableError, resolve, resolve_tagged

TABLE = [
    ("0o17", "int", b"15"), ("0O17", "int", b"15"), ("+0o17", "int", b"15"), ("0x_1F", "int", b"31"),
    ("0X1f", "int", b"31"), ("-0x1F", "int", b"-31"), ("0b101", "int", b"5"), ("0B101", "int", b"5"),
    ("00", "int", b"0"), ("-0", "int", b"0"), ("1_000", "int", b"1000"), ("1__000", "int", b"1000"),
    ("1_", "int", b"1"), ("+5", "int", b"5"), ("0777", "int", b"511"), ("07", "int", b"7"), ("12", "int", b"12"),
    ("0b-1", "int", b"-1"), ("0o-7", "int", b"-7"), ("0b_-1", "int", b"-1"), ("0b+1", "int", b"1"),
    ("9223372036854775807", "int", b"9223372036854775807"), ("-9223372036854775808", "int", b"-9223372036854775808"),
    ("9223372036854775808", "uint64", b"9223372036854775808"),
    ("18446744073709551615", "uint64", b"18446744073709551615"),
    ("18446744073709551616", "float", b"18446744073709552000"),
    ("-9223372036854775809", "float", b"-9223372036854776000"), ("+9223372036854775808", "float", b"9223372036854776000"),
    ("1.", "float", b"1"), ("-0.0", "float", b"-0"), ("1_0.5", "float", b"10.5"), ("1e3", "float", b"1000"),
    ("1E3", "float", b"1000"), ("1e+3", "float", b"1000"), ("08", "float", b"8"), ("08123", "float", b"8123"),
    (".5_0", "float", b"0.5"), (".5", "float", b"0.5"), ("1.10", "float", b"1.1"), ("1e21", "float", b"1" + b"0" * 21),
    ("1e-7", "float", b"0.0000001"), (".inf", "float", b"+Inf"), ("+.INF", "float", b"+Inf"), ("-.Inf", "float", b"-Inf"),
    (".NaN", "float", b"NaN"),
    ("true", "bool", b"True"), ("TRUE", "bool", b"True"), ("False", "bool", b"False"),
    ("", "null", b""), ("~", "null", b""), ("null", "null", b""), ("NULL", "null", b""),
    ("2001-12-14T1:2:3Z", "time", b"2001-12-14T01:02:03Z"), ("2001-12-14t1:2:3Z", "time", b"2001-12-14T01:02:03Z"),
    ("2001-12-14T21:59:43,5Z", "time", b"2001-12-14T21:59:43.5Z"),
    ("2001-12-14 21:59:43.120", "time", b"2001-12-14T21:59:43.12Z"), ("2001-1-2", "time", b"2001-01-02T00:00:00Z"),
    ("2001-12-14T01:02:03-05:30", "time", b"2001-12-14T01:02:03-05:30"),
    ("2001-12-14T01:02:03+00:00", "time", b"2001-12-14T01:02:03Z"),
    ("2001-12-14T01:02:03+05:60", "time", b"2001-12-14T01:02:03+06:00"), ("2000-02-29", "time", b"2000-02-29T00:00:00Z"),
]  # fmt: skip
STRINGS = [
    "_1", "0x", "0b", "0o", "0o8", "0b102", "1:30", "190:20:30", "0x1.8p3", "+.nan", "nan", "inf", ".iNf", "1.5e", "1e",
    "=", "<<", "--", "-a", "+", "-", ".", "123abc", "1,000", "2001-12-14 21:59", "2001-12", "yes", "no", "on", "off", "y",
    "tRUE", "nULL", "._5", "-0b-1", ".1e400", "1e400", "2001-02-30", "1900-02-29", "2001-13-01", "2001-12-14T24:00:00Z",
    "2001-12-14T00:00:60Z", "2001-12-14T01:02:03z", "2001-12-14T01:02:03", "2001-12-14 01:02:03Z",
    "2001-12-14T01:02:03+0500", "2001-12-14T01:02:03+25:00", "2001-12-14T1:2:3.Z", "١٢", "1" * 400,
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "data"), TABLE)
def test_typed_scalars(text: str, kind: str, data: bytes) -> None:
    assert resolve(text) == (kind, data)


@pytest.mark.parametrize("text", STRINGS)
def test_strings(text: str) -> None:
    assert resolve(text) == ("str", text.encode())


def test_many_digits_cost_no_time() -> None:
    assert resolve("1" * 5000) == ("str", b"1" * 5000)
    assert resolve("0" * 5000)[0] == "int"


@pytest.mark.parametrize("text", ["2001-12-14T01:02:03+24:00", "2001-12-14T01:02:03-23:60"])
def test_zone_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(UnresolvableError, match="zone"):
        resolve(text)


TAGGED = [
    ("3", "int", "int", b"3"), ("0x1F", "int", "int", b"31"), ("3", "float", "float", b"3"), ("true", "bool", "bool", b"True"),
    ("~", "null", "null", b""), ("2001-01-01", "timestamp", "time", b"2001-01-01T00:00:00Z"), ("5", "str", "str", b"5"),
    ("aGk=", "binary", "str", b"hi"), ("a\nGk=", "binary", "str", b"hi"), ("5", "set", "str", b"5"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tag", "kind", "data"), TAGGED)
@pytest.mark.parametrize("plain", [True, False])
def test_tags_decide_quoted_or_not(text: str, tag: str, kind: str, data: bytes, plain: bool) -> None:
    assert resolve_tagged(text, TAG_PREFIX + tag, plain=plain) == (kind, data)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("x", "int"),
        ("1.5", "int"),
        ("x", "bool"),
        ("2001-01-01", "int"),
        ("x", "null"),
        ("9223372036854775808", "float"),
    ],
)
def test_what_does_not_fit_its_tag_is_refused(text: str, tag: str) -> None:
    with pytest.raises(UnresolvableError) as caught:
        resolve_tagged(text, TAG_PREFIX + tag, plain=True)
    assert text not in str(caught.value)


def test_broken_base64_is_refused() -> None:
    with pytest.raises(UnresolvableError, match="base64"):
        resolve_tagged("a", TAG_PREFIX + "binary", plain=True)


def test_without_a_tag_quotes_make_a_string() -> None:
    assert resolve_tagged("5", None, plain=False) == ("str", b"5")
    assert resolve_tagged("5", "!", plain=False) == ("str", b"5")


def test_the_bare_tag_is_no_tag() -> None:
    assert resolve_tagged("12", "!", plain=True) == ("int", b"12")


def test_private_tags_keep_the_text() -> None:
    assert resolve_tagged("12", "!vault", plain=True) == ("str", b"12")
