r"""How values are spelled in JSON: strings with their escapes, numbers, whole structures.

A string is escaped where JSON demands it and nowhere else, unless a *habit* says so: writers differ in what else
they escape, and the value alone does not tell. A habit is seen in the source, and kept across encryption:

    ascii   everything that is not ASCII as `\u00e9` (Python's default)
    html    `<`, `>` and `&` as `\u003c`, and U+2028, U+2029 (Go's default, sops among it)
    slash   `/` as `\/` (PHP's default)
    upper   the digits of such escapes in capitals

While a string is encrypted, its habit stands in the token's own spelling: JSON readers see the same token whether
its commas are escaped or not. Lost are mixed habits within one string, and escapes of characters that
need none (`\u0041`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit.document.scalars import json_float
from sopskit.errors import DocumentSyntaxError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from sopskit.document.model import Raw

    Habit: TypeAlias = frozenset[str]

MINIMAL: Habit = frozenset()
GO: Habit = frozenset({"html"})
NAMED = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
MUST = re.compile(r'["\\\x00-\x1f]')
ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
HTML = frozenset("<>&\u2028\u2029")
# the escaped comma before this part of a token says: the string inside has this habit
MARKS = {"html": "iv:", "ascii": "tag:", "slash": "type:"}
COMMA = re.compile(r"\\u002([cC])(iv:|tag:|type:)")
MOST_DEEP = 64


def quote(text: str, habit: Habit = MINIMAL) -> str:
    """A JSON string."""
    if habit:
        return f'"{"".join(_spell(character, habit) for character in text)}"'
    if MUST.search(text):
        return f'"{MUST.sub(lambda found: _escape(found[0], habit), text)}"'
    return f'"{text}"'


def _spell(character: str, habit: Habit) -> str:
    if (
        character in NAMED
        or character < " "
        or ("html" in habit and character in HTML)
        or ("ascii" in habit and character > "~")
    ):
        return _escape(character, habit)
    return "\\/" if character == "/" and "slash" in habit else character


def _escape(character: str, habit: Habit) -> str:
    if character in NAMED:
        return NAMED[character]
    units = character.encode("utf-16-be").hex()
    if "upper" in habit:
        units = units.upper()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def habit_of(source: str) -> Habit:
    """The habit seen in a JSON string as it stands in the file, quotes included."""
    habit: set[str] = set()
    for found in ESCAPES.finditer(source):
        if found[2] == "/":
            habit.add("slash")
        if not found[1]:
            continue
        character = chr(int(found[1], 16))
        if character in HTML and (character < "~" or not source.isascii()):
            habit.add("html")
        elif character > "~":
            habit.add("ascii")
        if found[1] != found[1].lower():
            habit.add("upper")
    return frozenset(habit)


def quote_token(token: str, habit: Habit) -> str:
    """A token as a JSON string that carries the habit of the string inside."""
    comma = "\\u002C" if "upper" in habit else "\\u002c"
    for name, part in MARKS.items():
        if name in habit:
            token = token.replace(f",{part}", f"{comma}{part}", 1)
    return f'"{token}"' if habit else quote(token)


def habit_in_token(source: str) -> Habit:
    """The habit that a token carries: the inverse of `quote_token`."""
    names = {part: name for name, part in MARKS.items()}
    habit: set[str] = set()
    for found in COMMA.finditer(source):
        habit.add(names[found[2]])
        if found[1] == "C":
            habit.add("upper")
    return frozenset(habit)


class Layout:
    """How structures are written: `unit` of indentation per level, None for all on one line.

    sops writes the float 1.0 as `1`, which reads back as an integer; with `typed` it stays `1.0`.
    """

    __slots__ = ("newline", "typed", "unit")

    def __init__(self, unit: str | None, newline: str = "\n", *, typed: bool = False) -> None:
        """Keep all."""
        self.unit = unit
        self.newline = newline
        self.typed = typed

    def break_line(self, margin: str) -> str:
        """What stands before a member whose line starts with `margin`."""
        return "" if self.unit is None else self.newline + margin

    def spell(self, value: Raw, margin: str, habit: Habit) -> str:
        """A JSON value; `margin` is the indentation of the line that it starts on."""
        return "".join(self._spell(value, margin, habit, 0))

    def _spell(self, value: Raw, margin: str, habit: Habit, depth: int) -> Iterator[str]:
        if not isinstance(value, (dict, list)):
            text = spell_scalar(value, habit)
            yield f"{text}.0" if self.typed and isinstance(value, float) and text.lstrip("-").isdigit() else text
            return
        if depth > MOST_DEEP:
            raise LimitError(f"nested deeper than the limit of {MOST_DEEP}")
        first, last = "{}" if isinstance(value, dict) else "[]"
        inner = margin + (self.unit or "")
        separator = first
        for key, item in _members(value):
            yield separator + self.break_line(inner)
            if key is not None:
                yield quote(key, habit) + ": "
            yield from self._spell(item, inner, habit, depth + 1)
            separator = ", " if self.unit is None else ","
        yield first + last if separator == first else self.break_line(margin) + last


def _members(value: Mapping[str, Raw] | list[Raw]) -> Iterator[tuple[str | None, Raw]]:
    if isinstance(value, list):
        return ((None, item) for item in value)
    return iter(value.items())


def spell_scalar(value: Raw, habit: Habit) -> str:
    """A JSON scalar as SOPS writes it, with the escapes of `habit`."""
    if isinstance(value, str):
        return quote(value, habit)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and abs(value) < float("inf"):
        return json_float(value)
    raise DocumentSyntaxError("this kind of value cannot be written in JSON")
