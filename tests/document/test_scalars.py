from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Plain
from sopskit.document.scalars import json_float, plain_text, read_number, scalar_text, text_float


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("9223372036854775807", 9223372036854775807),
        ("-9223372036854775808", -9223372036854775808),
        ("9223372036854775808", 9.223372036854775808e18),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("1E2", 100.0),
        ("9" * 5000, float("inf")),
    ],
)
def test_a_base_ten_integer_of_64_bits_is_an_int_and_all_else_a_float(text: str, number: float) -> None:
    assert (type(read_number(text)), read_number(text)) == (type(number), number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-10, "1.25e-10"),
        (5.960464477539063e-08, "5.960464477539063e-8"),
        (123456789.5, "123456789.5"),
    ],
)
def test_floats_are_spelled_in_json_as_sops_does(number: float, text: str) -> None:
    assert json_float(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (5.0, "5.0"),
        (0.5, "0.5"),
        (100000.0, "100000.0"),
        (1e6, "1E+06"),
        (1234567.5, "1.2345675E+06"),
        (1e-4, "0.0001"),
        (1e-5, "1E-05"),
        (1e300, "1E+300"),
    ],
)
def test_floats_are_spelled_in_flat_formats_as_sops_does(number: float, text: str) -> None:
    assert text_float(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_spelling_of_a_float_reads_back(number: float) -> None:
    assert (float(json_float(number)), float(text_float(number))) == (number, number)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (True, "true"),
        (False, "false"),
        (2**63, "9223372036854775808"),
        (1.0, "1.0"),
        (float("nan"), "NaN"),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_only_scalars_have_a_text(value: object, text: str | None) -> None:
    assert scalar_text(value) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (Plain("bool", b"True", b"TRUE"), "true"),
        (Plain("float", b"1", b"1"), "1.0"),
        (Plain("float", b"+Inf", b"inf"), "+Inf"),
        (Plain("int", b"7", b"007"), "7"),
        (Plain("str", b"\xff", b"\xff"), "\udcff"),
    ],
)
def test_decrypted_values_have_the_text_that_sops_gives_them(plain: Plain, text: str) -> None:
    assert plain_text(plain) == text
