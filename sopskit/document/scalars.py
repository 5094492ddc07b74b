"""Scalars outside YAML: how SOPS reads numbers from JSON, and spells all kinds in JSON, dotenv and INI.

All spellings of floats start from the shortest digits that read back as the same float; they differ in where the
exponent begins (SOPS sections 7.2 and 7.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.golang import INT64_MAX, INT64_MIN, format_float

if TYPE_CHECKING:
    from sopskit.document.model import Plain, Raw

INT64_LENGTH = 20  # a sign and 19 digits: longer text cannot be an int64, and int() is slow on thousands of digits


def read_number(text: str) -> int | float:
    """Read a JSON number as SOPS does: an integer in the range of int64 stays one, all else is a float."""
    if len(text) <= INT64_LENGTH and not ("." in text or "e" in text or "E" in text):
        number = int(text)
        if INT64_MIN <= number <= INT64_MAX:
            return number
    return float(text)


def json_float(value: float) -> str:
    """The text that SOPS writes for a finite float in JSON: an exponent below 1e-6 and from 1e21 on."""
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return format_float(value)
    return _with_exponent(value, "e", 1)


def text_float(value: float) -> str:
    """The text that SOPS writes for a finite float where all values are strings: `5.0`, `1E+06`."""
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        text = format_float(value)
        return text if "." in text else text + ".0"
    return _with_exponent(value, "E", 2)


def _with_exponent(value: float, letter: str, width: int) -> str:
    """Scientific notation of the shortest digits; `%e` would round the exact value, which is not the same."""
    whole, _, fraction = format_float(abs(value)).partition(".")
    exponent = len(whole) - 1 if whole != "0" else len(fraction.lstrip("0")) - len(fraction) - 1
    digits = (whole + fraction).strip("0")
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{'-' if value < 0 else ''}{mantissa}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):0{width}}"


def scalar_text(value: Raw) -> str | None:
    """The text of a scalar where all values are strings; None for null and structures, which have none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return text_float(value) if value - value == 0 else format_float(value)
    return str(value) if isinstance(value, (str, int)) else None


def plain_text(plain: Plain) -> str:
    """The text of a decrypted value where all values are strings."""
    text = plain.data.decode("utf-8", "surrogateescape")
    if plain.kind == "bool":
        return text.lower()
    return scalar_text(float(text)) or "" if plain.kind == "float" else text


def is_unicode(text: str) -> bool:
    """Whether `text` holds no surrogates: JSON can name half of a pair, which is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
