"""Sentences with `{placeholders}`: the words are ours, what fills them came out of the repository."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLACEHOLDER = re.compile(r"\{(\w+)\}")
COMMAND = re.compile(r"(?:sopskit|sops|git|kubectl)\b")
ELLIPSIS = "…"


def pieces(text: str, args: Mapping[str, int | str]) -> Iterator[tuple[str, bool]]:
    """The sentence in pieces, each with whether it may have come out of the repository. Nothing is escaped yet.

    A placeholder without an argument stays as it is. What fills one is not looked at for placeholders again.
    """
    end = 0
    for match in PLACEHOLDER.finditer(text):
        if match[1] in args:
            if text[end : match.start()]:
                yield text[end : match.start()], False
            value = args[match[1]]
            yield str(value), isinstance(value, str)
            end = match.end()
    if text[end:]:
        yield text[end:], False


def capital(template: str) -> str:
    """A sentence with a capital first letter, before its placeholders are filled: names and commands keep their own."""
    return template if COMMAND.match(template) else template[:1].upper() + template[1:]
