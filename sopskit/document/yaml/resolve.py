"""Which type a scalar has, by the rules of go-yaml v3, and its canonical bytes (SOPS sections 1.4 and 2).

SOPS hashes the typed value, so `0777` is hashed as `511` and `1.10` as `1.1`: a reader that
disagrees in one scalar computes another MAC.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sopskit.document import golang

if TYPE_CHECKING:
    from collections.abc import Callable

TAG_PREFIX = "tag:yaml.org,2002:"
STR_TAG = TAG_PREFIX + "str"
BINARY_TAG = TAG_PREFIX + "binary"
# SOPS cannot decode a token under these tags and drops the value in silence, so they go when a value is sealed
TYPED_TAGS = frozenset(TAG_PREFIX + name for name in ("int", "float", "bool", "null", "timestamp", "binary"))

Resolved = tuple[str, bytes]  # kind and canonical bytes

NULL: Resolved = ("null", b"")
# whole texts that are no strings
WORDS: dict[str, Resolved] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), NULL),
    **dict.fromkeys(("true", "True", "TRUE"), ("bool", b"True")),
    **dict.fromkeys(("false", "False", "FALSE"), ("bool", b"False")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ("float", b"NaN")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), ("float", b"+Inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), ("float", b"-Inf")),
}
# first characters of texts that may be a number or a time
NUMERIC = frozenset("+-.0123456789")

_INT = r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))"
_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
_ODD = r"(0b|0o|-0b|-0o)([-+]?)([0-7]+)"
_TIME = (
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]|( +))([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)


class UnresolvableError(ValueError):
    """The text does not fit its tag, or SOPS has no bytes for it. The message names the reason, not the text."""


@cache
def _match(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Compile on first use: most files hold no number with a sign or a time."""
    return re.compile(pattern).fullmatch


def resolve(text: str, *, time: bool = True) -> Resolved:
    """Type a plain scalar without a tag. With `time` False, timestamps are not looked for (an explicit other tag)."""
    found = WORDS.get(text)
    if found is not None:
        return found
    first = text[0]
    if first not in NUMERIC:
        return "str", text.encode()
    if first != "0" and len(text) < 19 and text.isdecimal() and text.isascii():
        return "int", text.encode()
    if first == ".":
        value = golang.parse_float(text)
        return ("str", text.encode()) if value is None else _float(value)
    if time and text[4:5] == "-":
        stamp = _time(text)
        if stamp is not None:
            return stamp
    return _number(text.replace("_", "")) or ("str", text.encode())


def _float(value: float) -> Resolved:
    return "float", golang.format_float(value).encode()


def _number(text: str) -> Resolved | None:
    match = _match(_INT)(text)
    if match:
        number = _integer(match)
        if number is not None:
            return number
    if _match(_FLOAT)(text):
        value = float(text)
        if value not in (float("inf"), float("-inf")):
            return _float(value)
    return _odd_integer(text)


def _integer(match: re.Match[str]) -> Resolved | None:
    sign, hexadecimal, octal, binary, decimal = match.groups()
    if hexadecimal:
        value = int(hexadecimal, 16)
    elif octal:
        value = int(octal, 8)
    elif binary:
        value = int(binary, 2)
    elif len(decimal) > 20:
        return None
    else:
        value = int(decimal)
    return _sized(-value if sign == "-" else value, unsigned=not sign)


def _sized(value: int, *, unsigned: bool) -> Resolved | None:
    if golang.INT64_MIN <= value <= golang.INT64_MAX:
        return "int", b"%d" % value
    if unsigned and 0 < value < 1 << 64:
        return "uint64", b"%d" % value
    return None


def _odd_integer(text: str) -> Resolved | None:
    """`0b-1` and its like: go-yaml cuts the prefix off and lets the rest carry a sign of its own."""
    match = _match(_ODD)(text)
    if match is None:
        return None
    prefix, sign, digits = match.groups()
    outer = prefix.startswith("-")
    if outer and sign:
        return None
    try:
        value = int(digits, 2 if prefix.endswith("b") else 8)
    except ValueError:
        return None
    return _sized(-value if outer or sign == "-" else value, unsigned=not outer and not sign)


def _time(text: str) -> Resolved | None:
    match = _match(_TIME)(text)
    if match is None:
        return None
    year, month, day, blanks, hour, minute, second, fraction, zone = match.groups()
    if hour is None:
        hour, minute, second, zone = "0", "0", "0", "Z"
    elif (blanks is None) != (zone is not None):
        return None
    stamp = f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}"
    canonical = golang.canonical_time(f"{stamp}{'.' if fraction else ''}{fraction or ''}Z")
    if canonical is None:
        return None
    return _zoned(canonical[:-1], zone or "Z")


def _zoned(stamp: str, zone: str) -> Resolved | None:
    if zone == "Z":
        return "time", f"{stamp}Z".encode()
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > 24 or minutes > 60:
        return None
    hours, minutes = divmod(hours * 60 + minutes, 60)
    if hours > 23:
        raise UnresolvableError("the zone of this time is a whole day or more, which SOPS cannot write")
    suffix = f"{zone[0]}{hours:02d}:{minutes:02d}" if hours or minutes else "Z"
    return "time", f"{stamp}{suffix}".encode()


def resolve_tagged(text: str, tag: str | None, *, plain: bool) -> Resolved:
    """Type a scalar that may be quoted or carry a tag. Raises `UnresolvableError`."""
    if tag is None or tag == "!":
        return resolve(text) if plain else ("str", text.encode())
    if tag == BINARY_TAG:
        return "str", _binary(text)
    if tag.startswith("!!"):
        raise UnresolvableError("a tag written as !<!!...>, which SOPS and other readers take for different tags")
    if tag not in TYPED_TAGS:
        return "str", text.encode()
    name = tag.removeprefix(TAG_PREFIX)
    kind, data = resolve(text, time=name == "timestamp")
    if name == ("timestamp" if kind == "time" else kind):
        return kind, data
    if name == "float" and kind == "int":
        return _float(float(int(data)))
    raise UnresolvableError(f"this value cannot be read as what its tag says, !!{name}")


def _binary(text: str) -> bytes:
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(text.replace("\r", "").replace("\n", ""), strict_mode=True)
    except (Error, ValueError):
        raise UnresolvableError("the base64 after !!binary cannot be read") from None
