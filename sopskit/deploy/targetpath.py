"""One value put at a path of Helm values, as `valuesFrom.targetPath` of a HelmRelease means it: the rules of `helm --set`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sopskit.errors import RefusedError

if TYPE_CHECKING:
    from typing import TypeAlias

    from sopskit.deploy.objects import Plain

    Step: TypeAlias = str | int

# as Helm has them (strvals.MaxIndex, MaxNestedNameLevel)
MOST_ITEMS = 65_536
DEEPEST = 30
INDEX = re.compile(r"\[([0-9]{1,5})\]")
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
INTEGER = re.compile(r"0|[-+]?[1-9][0-9]*|[-+]0[0-9]*")
RANGE = range(-(2**63), 2**63)
QUOTES = "'\""
PLAIN_HINT = "commas, braces and backslashes have a meaning there; literal: true takes a value as it is"


def assign(values: dict[str, Plain], path: str, text: str, *, literal: bool = False) -> None:
    """Put a text at `path`, in place. It becomes a boolean, null or an integer if it reads as one, unless it is quoted.

    `literal` takes it as it is. Raises `RefusedError` for a path that is none, or leads through a scalar, and for a
    value with more than one assignment in it, which Helm would carry out.
    """
    steps = _steps(path)
    _put(values, steps, text if literal else _value(text))


def _value(text: str) -> Plain:
    if len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES and text[0] == text[-1]:
        return _unescape(text.strip(QUOTES))
    plain = _unescape(text)
    if plain.lower() in WORDS:
        return WORDS[plain.lower()]
    if INTEGER.fullmatch(plain) and int(plain) in RANGE:
        return int(plain)
    return plain


def _unescape(text: str) -> str:
    """The text without backslashes. Raises `RefusedError` where Helm would see a list or a second assignment."""
    found: list[str] = []
    escaped = False
    for char in text:
        if not escaped and (char == "," or (char == "{" and not found)):
            raise RefusedError("the value cannot be put at a targetPath as it is", hint=PLAIN_HINT)
        escaped = char == "\\" and not escaped
        if not escaped:
            found.append(char)
    return "".join(found)


def _steps(path: str) -> list[Step]:
    """Keys and indexes of a path such as `a.b[0].c`; a backslash makes a dot part of a key."""
    steps: list[Step] = []
    for part in re.split(r"(?<!\\)\.", path):
        name, bracket, rest = part.partition("[")
        indexes = INDEX.findall(bracket + rest)
        if not name or "".join(f"[{number}]" for number in indexes) != bracket + rest or set(name) & set(",={}"):
            raise RefusedError("the targetPath is no path of keys", hint="such as database.password or hosts[0].name")
        steps.append(name.replace("\\", ""))
        steps += [int(number) for number in indexes]
    if len(steps) > DEEPEST:
        raise RefusedError(f"the targetPath has more than {DEEPEST} steps")
    return steps


def _put(place: Any, steps: list[Step], value: Plain) -> Any:
    """Put a value below a mapping or list, in place. Gives the container: a list that must grow is a new one, as in Go."""
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        place.setdefault(step, None)
    elif step >= MOST_ITEMS:
        raise RefusedError(f"the targetPath has an index above {MOST_ITEMS}")
    elif step >= len(place):
        place = [*place, *[None] * (step + 1 - len(place))]
    if rest:
        kind = list if isinstance(rest[0], int) else dict
        inner = kind() if place[step] is None else place[step]
        if not isinstance(inner, kind):
            raise RefusedError("the targetPath leads through a value that is no mapping or list of that kind")
        value = _put(inner, rest, value)
    place[step] = value
    return place
