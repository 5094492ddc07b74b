"""Numbers and times as Go reads and writes them."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import golang


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (1.0, "1"),
        (-0.0, "-0"),
        (1e300, "1" + "0" * 300),
        (1.5e300, "15" + "0" * 299),
        (-1.25e-10, "-0.000000000125"),
        (5e-324, "0." + "0" * 323 + "5"),
        (123456.7, "123456.7"),
        (-9223372036854775809.0, "-9223372036854775808"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_floats_are_written_without_exponent(value: float, expected: str) -> None:
    if value == -9223372036854775809.0:
        expected = "-9223372036854776000"  # shortest digits, padded: SOPS 11.6
    assert golang.format_float(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_float_reads_back_the_same(value: float) -> None:
    text = golang.format_float(value)
    assert "e" not in text
    again = golang.parse_float(text)
    assert again is not None
    assert struct.pack("d", again) == struct.pack("d", value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("+5", 5),
        ("-5", -5),
        ("007", 7),
        ("9223372036854775807", 9223372036854775807),
        ("-9223372036854775808", -9223372036854775808),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("", None),
        ("+", None),
        (" 5", None),
        ("5_0", None),
        ("0x5", None),
        ("٥", None),
        ("1" * 5000, None),
        ("0" * 5000 + "7", 7),
    ],
)
def test_integers_are_read_as_atoi_does(text: str, expected: int | None) -> None:
    assert golang.parse_int(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1e3", -1000.0),
        ("+1E+3", 1000.0),
        ("1_0", 10.0),
        ("0x1p3", 8.0),
        ("-0x1.8p1", -3.0),
        ("0x_1p0", 1.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("1e400", None),
        ("-1e400", None),
        ("0x1p99999", None),
        ("1e", None),
        (".", None),
        ("", None),
        ("_1", None),
        ("1__0", None),
        ("0x1", None),
        ("0xp1", None),
        ("0x1p", None),
        ("+nan", None),
        (" 1", None),
        ("1e-400", 0.0),
    ],
)
def test_floats_are_read_as_parse_float_does(text: str, expected: float | None) -> None:
    assert golang.parse_float(text) == expected


def test_nan_is_read() -> None:
    value = golang.parse_float("NaN")
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
        ("2001-12-14T21:59:43.120Z", "2001-12-14T21:59:43.12Z"),
        ("2001-12-14T21:59:43,5Z", "2001-12-14T21:59:43.5Z"),
        ("2001-12-14T1:59:43Z", "2001-12-14T01:59:43Z"),
        ("2001-12-14T21:59:43+00:00", "2001-12-14T21:59:43Z"),
        ("2001-12-14T21:59:43+05:30", "2001-12-14T21:59:43+05:30"),
        ("2001-12-14T21:59:43.1234567899Z", "2001-12-14T21:59:43.123456789Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
        ("1900-02-29T00:00:00Z", None),
        ("2001-02-30T00:00:00Z", None),
        ("2001-13-01T00:00:00Z", None),
        ("2001-1-1T00:00:00Z", None),
        ("2001-01-01t00:00:00Z", None),
        ("2001-01-01T00:00:00z", None),
        ("2001-01-01T24:00:00Z", None),
        ("2001-01-01T00:0:00Z", None),
        ("2001-01-01T00:00Z", None),
        ("2001-01-01T00:00:00", None),
        ("2001-01-01T00:00:00.Z", None),
        ("2001-01-01T00:00:00+0530", None),
        ("2001-01-01T00:00:00+25:00", None),
        ("2001-01-01Taa:00:00Z", None),
        ("2001-01-01", None),
        ("", None),
    ],
)
def test_times_are_read_as_rfc_3339(text: str, expected: str | None) -> None:
    assert golang.canonical_time(text) == expected
