"""The `sops` entry of a document: read as a tree, and kept out of the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sopskit.document.model import Timestamp, position
from sopskit.document.yaml import events
from sopskit.document.yaml.layout import LINE_ENDS, Entry, after_line
from sopskit.document.yaml.resolve import STR_TAG, UnresolvableError, resolve_tagged
from sopskit.errors import LimitError, MetadataError

if TYPE_CHECKING:
    from sopskit.document.model import Limits, Raw


def read(text: str, parser: Any, key: Any, shape: int, limits: Limits) -> Entry:
    """Take the events of the entry's value from the parser, whose last event was the key's."""
    builder = _Builder(text, limits)
    event = parser.get_event()
    column = None
    end = key.end_mark.index
    if isinstance(event, events.MappingStartEvent) and not event.flow_style:
        column = parser.peek_event().start_mark.column
    while True:
        end = _stop(event, end)
        builder.add(event)
        if builder.done:
            break
        event = parser.get_event()
    start = key.start_mark.index
    before = text[max(0, start - 2) : start]
    if before in {"? ", "?\t"}:
        start -= 2
    return Entry(start, end, shape, builder.tree, column)


def _stop(event: Any, end: int) -> int:
    """How far an event's text reaches: block collections end where the next token begins, which is not theirs."""
    start, stop = event.start_mark.index, event.end_mark.index
    return int(stop) if start < stop or event.__class__ is events.ScalarEvent else end


def line_after(text: str, end: int) -> int:
    """Where the line behind the entry begins: `end` itself, if the last value took its line end with it."""
    return end if text[end - 1 : end] in LINE_ENDS and end else after_line(text, end)


class _Builder:
    """Builds nested dicts and lists from events."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.tree: Raw = None
        self.done = False
        self._text = text
        self._limits = limits
        self._stack: list[tuple[dict[str, Raw] | list[Raw], str | None]] = []
        self._open: dict[str, Raw] | list[Raw] | None = None
        self._key: str | None = None

    def add(self, event: Any) -> None:
        """Take one event."""
        if getattr(event, "anchor", None) is not None:
            self._fail(event, "anchors and aliases in the sops entry are not supported")
        if isinstance(event, events.ScalarEvent):
            if isinstance(self._open, dict) and self._key is None:
                self._set_key(event)
            else:
                self._put(self._scalar(event))
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            self._enter(event)
        else:
            finished = self._open
            self._open, self._key = self._stack.pop()
            self._put(finished)

    def _enter(self, event: Any) -> None:
        if isinstance(self._open, dict) and self._key is None:
            self._fail(event, "a mapping or list stands where a key must be")
        if len(self._stack) >= self._limits.depth:
            line, column = position(self._text, event.start_mark.index)
            raise LimitError(f"nested deeper than the limit of {self._limits.depth}").at(line=line, column=column)
        self._stack.append((self._open, self._key))  # type: ignore[arg-type]
        self._open = {} if isinstance(event, events.MappingStartEvent) else []
        self._key = None

    def _set_key(self, event: Any) -> None:
        if event.tag not in {None, "!", STR_TAG}:
            self._fail(event, "a key of the sops entry has a tag, which SOPS may read as another name")
        if event.value in self._open:  # type: ignore[operator]
            self._fail(event, "this key stands twice in the sops entry")
        self._key = event.value

    def _put(self, value: Raw) -> None:
        if isinstance(self._open, dict):
            self._open[self._key] = value  # type: ignore[index]
            self._key = None
        elif self._open is not None:
            self._open.append(value)
        else:
            self.tree = value
        self.done = self._open is None

    def _scalar(self, event: Any) -> Raw:
        try:
            kind, data = resolve_tagged(event.value, event.tag, plain=not event.style)
        except UnresolvableError as error:
            message = str(error)
        else:
            return typed(event.value, kind, data)
        return self._fail(event, message)

    def _fail(self, event: Any, message: str) -> NoReturn:
        line, column = position(self._text, event.start_mark.index)
        raise MetadataError(message).at(line=line, column=column)


def typed(text: str, kind: str, data: bytes) -> Raw:
    """A scalar as a Python value."""
    if kind == "str":
        return data.decode("utf-8", "surrogateescape")
    if kind in {"int", "uint64"}:
        return int(data)
    if kind == "float":
        return float(data)
    if kind == "bool":
        return data == b"True"
    return Timestamp(text) if kind == "time" else None
