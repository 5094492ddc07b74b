"""Metadata fields as sops reads them: names matched loosely, scalars converted to what is wanted (SOPS section 6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.golang import canonical_time, format_float
from sopskit.document.model import Timestamp
from sopskit.errors import MetadataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sopskit.document.model import Raw

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"", "0", "f", "F", "FALSE", "false", "False"})
INT64 = range(-(1 << 63), 1 << 63)
KINDS = {bool: "a boolean", int: "an integer", float: "a float", str: "text", list: "a list", dict: "a mapping"}
BASES = {"0x": 16, "0o": 8, "0b": 2}

Place = tuple[str | int, ...]


def pick(tree: Mapping[str, Raw], names: Iterable[str]) -> tuple[dict[str, Raw], dict[str, Raw]]:
    """The fields called `names`, under these names, and the rest. Exact names win over names in other letter case."""
    found: dict[str, Raw] = {}
    rest = dict(tree)
    for name in names:
        key = name if name in rest else _same_but_case(rest, name)
        if key is not None:
            found[name] = rest.pop(key)
    return found, rest


def _same_but_case(tree: Mapping[str, Raw], name: str) -> str | None:
    return next((key for key in tree if len(key) == len(name) and key.casefold() == name), None)


def text(value: Raw, place: Place) -> str:
    """A text; numbers and booleans (`1`, `0`) become one. A YAML time is refused: it has to be quoted."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Timestamp):
        raise MetadataError("expected text, not a time", hint="put the time in quotes").at(key=place)
    raise _wrong("text", value, place)


def integer(value: Raw, place: Place) -> int:
    """An integer; a text may have a base prefix, a float is cut off."""
    if isinstance(value, str):
        number = _parse_integer(value)
    elif isinstance(value, (bool, int)) or value is None:
        number = int(value or 0)
    elif isinstance(value, float) and abs(value) < 1 << 63:
        number = int(value)
    else:
        raise _wrong("an integer", value, place)
    if number is None or number not in INT64:
        raise MetadataError("expected an integer of 64 bits").at(key=place)
    return number


def _parse_integer(text: str) -> int | None:
    """Go's `ParseInt(s, 0, 64)`; the empty text is 0."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    base = BASES.get(digits[:2].lower(), 8 if len(digits) > 1 and digits[0] == "0" else 10)
    # Python wants 0o17, Go takes 017 as well
    body = digits[2:] if digits[:2].lower() in BASES else digits
    if not text:
        return 0
    if len(body) > 80 or not body.isascii() or (not body.replace("_", "").isalnum()):
        return None
    try:
        number = int(body.removeprefix("_") if body is not digits else body, base)
    except ValueError:
        return None
    return -number if text[0] == "-" else number


def boolean(value: Raw, place: Place) -> bool:
    """A boolean; a number is true unless zero, a text is one of Go's `ParseBool` or empty."""
    if isinstance(value, str):
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        raise MetadataError("expected true or false").at(key=place)
    if isinstance(value, (bool, int, float)) or value is None:
        return bool(value)
    raise _wrong("a boolean", value, place)


def mappings(value: Raw, place: Place) -> list[dict[str, Raw]]:
    """A list of mappings. A single mapping counts as a list of one, an empty one as an empty list."""
    if value is None or value == {}:
        return []
    entries = value if isinstance(value, list) else [value]
    return [mapping(entry, (*place, index)) for index, entry in enumerate(entries)]


def mapping(value: Raw, place: Place) -> dict[str, Raw]:
    """A mapping; null counts as an empty one."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise _wrong("a mapping", value, place)


def merged(value: Raw, place: Place) -> dict[str, Raw]:
    """A mapping with names of the user's own; a list of mappings counts as all of them together."""
    if isinstance(value, list):
        entries = [mapping(entry, (*place, index)) for index, entry in enumerate(value)]
        return {name: text for entry in entries for name, text in entry.items()}
    return mapping(value, place)


def time(value: Raw, place: Place) -> str:
    """The text of an RFC 3339 time, as it stands."""
    found = text(value, place)
    if canonical_time(found) is None:
        raise MetadataError("expected a time such as 2006-01-02T15:04:05Z").at(key=place)
    return found


def _wrong(wanted: str, value: Raw, place: Place) -> MetadataError:
    found = KINDS.get(type(value), "a time")
    error = MetadataError(f"expected {wanted}, not {found}")
    error.at(key=place)
    return error
