"""Key paths as sops's commands write them: `["data"]["list"][0]` (SOPS section 10.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import UsageError

if TYPE_CHECKING:
    from sopskit.document import Path

HINT = 'a path looks like ["data"]["list"][0]; put it in single quotes for the shell'


def parse_path(text: str) -> Path:
    """Take a path apart; the empty text is the whole document. Raises `UsageError`.

    As in sops, a key stands in single or double quotes without escapes, and cannot hold a `[`.
    """
    parts: list[str | int] = []
    for part in text.split("["):
        if not part:
            continue
        if not part.endswith("]"):
            raise UsageError("a part of the key path does not end with ]", hint=HINT)
        parts.append(_part(part[:-1]))
    return tuple(parts)


def _part(part: str) -> str | int:
    if part[:1] in ('"', "'"):
        if len(part) < 2:
            raise UsageError("a key of the path is not closed by a quote", hint=HINT)
        return part[1:-1]
    if not part.removeprefix("-").isdecimal() or not part.isascii():
        raise UsageError("a part of the key path is neither a quoted key nor a number", hint=HINT)
    position = int(part[:20])
    if position < 0:
        raise UsageError("a list position of the key path is negative", hint=HINT)
    return position
