"""Whether a file has more values than a review looks at one by one, told without making a leaf of each.

A leaf costs 35 microseconds and 2 kB. An encrypted file is worth that; a lock file, a dump or a bundle of schemas is not.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 50_000  # leaves of a file that is not encrypted
# what ends a line in YAML 1.1, LF, CR, NEL, LS and PS, and parts the elements of a collection on one line
BREAKS = (b"\n", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
COMMENT = re.compile(rb"^[ \t]*#", re.MULTILINE)
# a string is passed over as a whole, also one that does not end, so that no comma in it counts
JSON_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*+"?|(?P<comma>,)', re.DOTALL)


def has_too_many(data: bytes, format: str) -> bool:
    """Whether there are more than `MOST` leaves or comments, about. `format` is a format's name; a binary file has one."""
    if format == "binary":
        return False
    lines = sum(data.count(mark) for mark in BREAKS)
    commas = data.count(b",") if format in {"yaml", "json"} else 0
    if format == "json":
        return commas > MOST and _reaches(_json_commas(data), MOST)
    if lines + commas <= MOST:
        return False
    return format != "yaml" or _reaches(COMMENT.finditer(data), MOST) or _reaches(_values(data), MOST)


def _reaches(found: Iterator[object], most: int) -> bool:
    """Whether there are more than `most`; the rest is not looked for."""
    return next(islice(found, most, None), None) is not None


def _json_commas(data: bytes) -> Iterator[object]:
    return (match for match in JSON_COMMA.finditer(data) if match["comma"])


def _values(data: bytes) -> Iterator[object]:
    """The scalars of a YAML text that are no keys, up to where it cannot be read any more."""
    from sopskit.document.yaml import events

    starts, ends = (
        (events.MappingStartEvent, events.SequenceStartEvent),
        (events.MappingEndEvent, events.SequenceEndEvent),
    )
    around: list[bool | None] = []  # for each collection whether a key comes next; None in a list
    try:
        get = events.Parser(data.decode("utf-8", "replace")).get_event
        while (event := get()) is not None and not isinstance(event, events.StreamEndEvent):
            if isinstance(event, ends):
                around.pop()
                continue
            is_key = bool(around and around[-1])
            if around and around[-1] is not None:
                around[-1] = not is_key
            if isinstance(event, starts):
                around.append(True if isinstance(event, events.MappingStartEvent) else None)
            elif isinstance(event, events.ScalarEvent) and not is_key:
                yield event
    except events.YAMLError:
        return
