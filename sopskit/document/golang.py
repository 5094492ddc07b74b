"""Numbers and times as Go's standard library reads and writes them, which is what SOPS hashes.

Used for the canonical bytes of a value (SOPS section 2) and for what stands inside a ciphertext (SOPS section 4.2).
"""

from __future__ import annotations

INT64_MIN = -(1 << 63)
INT64_MAX = (1 << 63) - 1
DIGITS = frozenset("0123456789")
HEX = frozenset("0123456789abcdefABCDEF")
NOT_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def format_float(value: float) -> str:
    """Go's `FormatFloat(v, 'f', -1, 64)`: shortest digits that read back, never an exponent."""
    text = repr(value)
    if text in NOT_FINITE:
        return NOT_FINITE[text]
    if "e" in text:
        text = _expand(text)
    return text.removesuffix(".0")


def _expand(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + ("" if fraction == "0" else fraction)
    point = len(whole) + int(exponent)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    return f"{sign}{digits[:point]}.{digits[point:]}"


def parse_int(text: str) -> int | None:
    """Go's `Atoi`: `[+-]?[0-9]+` within 64 bits; None if it is not."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not digits or not DIGITS.issuperset(digits):
        return None
    significant = digits.lstrip("0")
    if len(significant) > 19:
        return None
    value = int(significant or "0")
    if text[0] == "-":
        value = -value
    return value if INT64_MIN <= value <= INT64_MAX else None


def parse_float(text: str) -> float | None:
    """Go's `ParseFloat(s, 64)`; None for what it refuses, overflow included."""
    body = text[1:] if text[:1] in {"+", "-"} else text
    lower = body.lower()
    if lower in {"inf", "infinity"}:
        return float("-inf") if text[0] == "-" else float("inf")
    if lower == "nan":
        return float("nan") if body is text else None
    if lower.startswith("0x"):
        return _parse_hex_float(text, body)
    plain = _drop_underscores(body)
    if plain is None or not _is_decimal(plain):
        return None
    value = float(plain)
    if value == float("inf"):
        return None
    return -value if text[0] == "-" else value


def _drop_underscores(body: str) -> str | None:
    if "_" not in body:
        return body
    for index, character in enumerate(body):
        if character == "_" and not (body[index - 1 : index] in DIGITS and body[index + 1 : index + 2] in DIGITS):
            return None
    return body.replace("_", "")


def _is_decimal(body: str) -> bool:
    mantissa, marker, exponent = body.replace("E", "e", 1).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if not (whole or fraction) or not DIGITS.issuperset(whole + fraction):
        return False
    if not marker:
        return True
    digits = exponent[1:] if exponent[:1] in {"+", "-"} else exponent
    return bool(digits) and DIGITS.issuperset(digits)


def _parse_hex_float(text: str, body: str) -> float | None:
    mantissa, marker, exponent = body[2:].replace("_", "").lower().partition("p")
    whole, _, fraction = mantissa.partition(".")
    digits = exponent[1:] if exponent[:1] in {"+", "-"} else exponent
    if not marker or not (whole or fraction) or not HEX.issuperset(whole + fraction):
        return None
    if not digits or not DIGITS.issuperset(digits):
        return None
    try:
        value = float.fromhex(f"0x{mantissa}p{exponent}")
    except (OverflowError, ValueError):
        return None
    return -value if text[0] == "-" else value


def canonical_time(text: str) -> str | None:
    """An RFC 3339 time as Go parses and formats it again, up to nanoseconds; None if it is not one.

    Capital `T` and `Z`; two-digit fields but for the hour, which may have one; a comma may stand for the point.
    """
    date, t, rest = text.partition("T")
    if not t or not _valid_date(date):
        return None
    clock, zone = _split_zone(rest)
    if zone is None:
        return None
    clock, comma, fraction = clock.replace(",", ".", 1).partition(".")
    if comma and not (fraction and DIGITS.issuperset(fraction)):
        return None
    parts = clock.split(":")
    if len(parts) != 3 or len(parts[0]) not in {1, 2} or any(len(part) != 2 for part in parts[1:]):
        return None
    if not DIGITS.issuperset("".join(parts)):
        return None
    hour, minute, second = map(int, parts)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = fraction[:9].rstrip("0")
    return f"{date}T{hour:02d}:{minute:02d}:{second:02d}{'.' if fraction else ''}{fraction}{zone}"


def _valid_date(date: str) -> bool:
    if len(date) != 10 or date[4] != "-" or date[7] != "-" or not DIGITS.issuperset(date[:4] + date[5:7] + date[8:]):
        return False
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
    if not 1 <= month <= 12:
        return False
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= MONTH_DAYS[month - 1] + leap


def _split_zone(rest: str) -> tuple[str, str | None]:
    if rest.endswith("Z"):
        return rest[:-1], "Z"
    clock, zone = rest[:-6], rest[-6:]
    if len(zone) != 6 or zone[0] not in "+-" or zone[3] != ":" or not DIGITS.issuperset(zone[1:3] + zone[4:]):
        return rest, None
    if int(zone[1:3]) > 24 or int(zone[4:]) > 60:
        return rest, None
    return clock, "Z" if zone[1:] == "00:00" else zone
