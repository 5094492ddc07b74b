"""Anchors and aliases: what an anchor names, and copies of its containers for the place of an alias."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from sopskit.document.model import Container
from sopskit.document.yaml.layout import LINE_ENDS, line_stop
from sopskit.errors import LimitError

if TYPE_CHECKING:
    from sopskit.document.model import Leaf


class Anchor:
    """What an anchor names: a scalar (`container` None), or a collection with the items from `first` to before `last`.

    `last` is -1 while the collection is open. `nodes` counts the events in it, those that aliases added included.
    """

    __slots__ = ("_began", "container", "data", "first", "kind", "last", "leaf", "nodes", "text")

    def __init__(self, container: Container | None, first: int, began: int) -> None:
        """Open an anchor."""
        self.container = container
        self.first = first
        self.last = -1
        self._began = began
        self.nodes = 1
        self.leaf: Leaf | None = None
        self.text = ""
        self.kind = "str"
        self.data = b""

    @classmethod
    def of_leaf(cls, leaf: Leaf) -> Anchor:
        """The anchor of a value."""
        anchor = cls(None, 0, 0)
        anchor.last = 0
        anchor.leaf, anchor.text, anchor.kind, anchor.data = leaf, leaf.value, leaf.kind, leaf.data
        return anchor

    @classmethod
    def of_key(cls, event: Any) -> Anchor:
        """The anchor of a mapping key."""
        anchor = cls(None, 0, 0)
        anchor.last = 0
        anchor.text, anchor.data = event.value, event.value.encode()
        return anchor

    def close(self, last: int, ended: int) -> None:
        """The collection ended."""
        self.last = last
        self.nodes = ended - self._began

    def shift(self, index: int) -> None:
        """An item was inserted at `index`."""
        if self.first > index:
            self.first += 1
        if self.last > index:
            self.last += 1


class Copies:
    """Copies of the containers below an anchor, made once each."""

    __slots__ = ("_copies", "_depth")

    def __init__(self, original: Container, copy: Container, depth: int) -> None:
        """`copy` stands for `original`; paths longer than `depth` are refused."""
        self._copies = {id(original): copy}
        self._depth = depth

    def of(self, container: Container) -> Container:
        """The copy of a container below the original."""
        missing: list[Container] = []
        while id(container) not in self._copies:
            missing.append(container)
            container = container.parent  # type: ignore[assignment]  # ends at the original at the latest
        copy = self._copies[id(container)]
        for original in reversed(missing):
            copy = Container(copy, original.key, is_map=original.is_map, flow=copy.flow, column=copy.column)
            if len(copy.path) > self._depth:
                raise LimitError(f"aliases nest deeper than the limit of {self._depth}")
            self._copies[id(original)] = copy
        return copy


@cache
def _properties() -> re.Pattern[str]:
    ends = LINE_ENDS
    return re.compile(f"(?:[&!][^ \\t{ends}]*(?:[ \\t]+#[^{ends}]*|[ \\t{ends}])*)*")


def content_start(text: str, start: int, event: Any) -> int:
    """Where a scalar's own text begins, behind its tag and anchor (`event` may be a leaf's `Properties`)."""
    if event.tag is None and event.anchor is None:
        return start
    match = _properties().match(text, start)
    return match.end() if match else start


def header_stop(text: str, content: int, end: int) -> int:
    """Where the header line of a block scalar ends, whose `|` or `>` is at `content`."""
    return min(end, line_stop(text, content))
