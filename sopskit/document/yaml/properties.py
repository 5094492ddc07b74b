"""Tags and anchors: they are part of a value's span, before its own text, and comments may stand between."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from sopskit.document.yaml.layout import LINE_ENDS, Properties, next_token
from sopskit.document.yaml.resolve import TYPED_TAGS

if TYPE_CHECKING:
    from sopskit.document.model import Leaf
    from sopskit.document.yaml.verify import Edits

BLANKS = " \t"


@cache
def _pattern() -> re.Pattern[str]:
    ends = LINE_ENDS
    return re.compile(f"(?:[&!][^ \\t{ends}]*(?:[ \\t]+#[^{ends}]*|[ \\t{ends}])*)*")


def content_start(text: str, start: int, end: int, event: Any) -> int:
    """Where in the span `start:end` a value's own text begins, behind its tag and anchor.

    `event` may be a leaf's `Properties`. For a collection, whose start event ends early, `end` is the text's end.
    """
    if event.tag is None and event.anchor is None:
        return start
    match = _pattern().match(text, start, end)
    return match.end() if match else start


def body_start(text: str, leaf: Leaf) -> int:
    """Where a leaf's own text begins."""
    if not isinstance(leaf.extra, Properties):
        return leaf.start
    return content_start(text, leaf.start, leaf.end, leaf.extra)


def property_spans(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    """The spans of the tag and the anchor that begin at `start`, before `stop`."""
    spans = []
    index = next_token(text, start)
    while index < stop and text[index] in "&!":
        end = index
        while end < stop and text[end] not in BLANKS and text[end] not in LINE_ENDS:
            end += 1
        spans.append((index, end))
        index = next_token(text, end)
    return spans


def tag_edits(text: str, leaf: Leaf, *, every: bool = False) -> Edits:
    """Take away a tag under which no token may stand, or with `every` any tag. What follows on its line moves up.

    A bare `!` stays: go-yaml does not take it for a tag.
    """
    if not isinstance(leaf.extra, Properties) or leaf.extra.tag in {None, "!"}:
        return []
    if not every and leaf.extra.tag not in TYPED_TAGS:
        return []
    edits: Edits = []
    body = body_start(text, leaf)
    for start, end in property_spans(text, leaf.start, body):
        if text[start] == "!":
            behind = text[end:body]
            edits.append((start, end + len(behind) - len(behind.lstrip(BLANKS)), ""))
    return edits
