"""Read a written text again, lightly: only its structure and scalars, to compare with what was meant."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from sopskit.document.model import Leaf
from sopskit.document.yaml import events
from sopskit.document.yaml.layout import DOCUMENT, END, LIST, MAP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.document.yaml.layout import Shape

Edits = list[tuple[int, int, str]]


class Patch(NamedTuple):
    """Other parts in the place of a piece of a shape."""

    start: int
    end: int
    parts: Sequence[object]


def expected_shape(shape: Shape, values: Mapping[int, str], patches: Sequence[Patch]) -> list[object]:
    """What `signature` must give: `shape` with new texts for some leaves (by id), and with `patches`."""
    get = values.get
    parts: list[object] = [get(id(part), part.value) if part.__class__ is Leaf else part for part in shape]
    if not patches:
        return parts
    out: list[object] = []
    last = 0
    for start, end, new in sorted(patches, key=lambda patch: patch[:2]):
        out += parts[last:start]
        out += new
        last = end
    out += parts[last:]
    return out


def splice(text: str, edits: Edits) -> str:
    """Put `edits` into `text`; they must not overlap. At one place, insertions go first, in the order given."""
    edits.sort(key=itemgetter(0, 1))
    out: list[str] = []
    add = out.append
    last = 0
    for start, end, new in edits:
        if start < last:
            raise AssertionError("edits overlap")
        add(text[last:start])
        add(new)
        last = end
    add(text[last:])
    return "".join(out)


def signature(text: str) -> list[object]:
    """The shape of a text with the scalars' own texts in it; empty if it cannot be read."""
    marks: dict[type, int] = {
        events.MappingStartEvent: MAP,
        events.SequenceStartEvent: LIST,
        events.MappingEndEvent: END,
        events.SequenceEndEvent: END,
        events.DocumentStartEvent: DOCUMENT,
    }
    out: list[object] = []
    add, get, scalar = out.append, events.Parser(text).get_event, events.ScalarEvent
    try:
        while True:
            event = get()
            kind = event.__class__
            if kind is scalar:
                add(event.value)
            elif kind in marks:
                add(marks[kind])
            elif kind is events.AliasEvent:
                add((event.anchor,))
            elif event is None or kind is events.StreamEndEvent:
                return out
    except events.YAMLError:
        return []
