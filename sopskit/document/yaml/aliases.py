"""Anchors and aliases: what an anchor names, and copies of its containers for the place of an alias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.document.model import Container, Leaf
from sopskit.document.yaml import emit, spell
from sopskit.document.yaml.layout import END, LIST, MAP, AliasPart
from sopskit.document.yaml.verify import Patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.document.model import Comment
    from sopskit.document.yaml.layout import Alias, Layout
    from sopskit.document.yaml.verify import Edits


class Anchor:
    """What an anchor names: a scalar (`container` None), or a collection with the items from `first` to before `last`.

    `last` is -1 while the collection is open. `nodes` counts the events in it, those that aliases added included;
    `depth` the collections inside each other, once it is closed. `deepest` is the reader's, kept meanwhile.
    """

    __slots__ = ("_began", "container", "data", "deepest", "depth", "first", "kind", "last", "leaf", "nodes", "text")

    def __init__(self, container: Container | None, first: int, began: int) -> None:
        """Open an anchor."""
        self.container = container
        self.first = first
        self.last = -1
        self._began = began
        self.nodes = 1
        self.depth = 0
        self.deepest = 0
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

    def close(self, last: int, ended: int, deepest: int) -> None:
        """The collection ended; `depth` was that of its place until now."""
        self.last = last
        self.depth = deepest - self.depth
        self.nodes = ended - self._began


class Copies:
    """Copies of the containers below an anchor, made once each."""

    __slots__ = ("_copies",)

    def __init__(self, original: Container, copy: Container) -> None:
        """`copy` stands for `original`."""
        self._copies = {id(original): copy}

    def of(self, container: Container) -> Container:
        """The copy of a container below the original."""
        missing: list[Container] = []
        while id(container) not in self._copies:
            missing.append(container)
            container = container.parent  # type: ignore[assignment]  # ends at the original at the latest
        copy = self._copies[id(container)]
        for original in reversed(missing):
            copy = Container(copy, original.key, is_map=original.is_map, flow=copy.flow, column=copy.column)
            self._copies[id(original)] = copy
        return copy


def nodes(text: str) -> list[Node]:
    """What every alias of the text stands for, in their order (those that are keys included)."""
    from sopskit.document.yaml import events

    get = events.Parser(text).get_event
    anchors: dict[str, Node] = {}
    found: list[Node] = []
    stack: list[Node] = []
    while not isinstance(event := get(), events.StreamEndEvent):
        if isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
            stack.pop()
            continue
        kind = event.__class__
        if kind is events.AliasEvent:
            node = anchors[event.anchor]
            found.append(node)
        elif isinstance(event, events.ScalarEvent):
            node = Node(event.value, None, is_map=False)
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            node = Node("", [], is_map=isinstance(event, events.MappingStartEvent))
        else:
            continue
        if stack:
            stack[-1].children.append(node)  # type: ignore[union-attr]
        if kind is not events.AliasEvent and event.anchor is not None:
            anchors[event.anchor] = node
        if node.children is not None and not isinstance(event, events.AliasEvent):
            stack.append(node)
    return found


class Node:
    """A scalar, or a collection with its children: a mapping's keys and values in turn."""

    __slots__ = ("children", "is_map", "text")

    def __init__(self, text: str, children: list[Node] | None, *, is_map: bool) -> None:
        """`children` is None for a scalar."""
        self.text = text
        self.children = children
        self.is_map = is_map


class FlowCopy:
    """An alias written out on one line, in flow style, which is legal wherever an alias is.

    `leaves` are the texts of its scalars in walk order with what they read as.
    """

    def __init__(self, node: Node, leaves: list[tuple[str, str]]) -> None:
        """Write `node` out."""
        self._leaves = iter(leaves)
        self.shape: list[object] = []
        self.text = self._write(node)

    def _write(self, node: Node) -> str:
        if node.children is None:
            text, value = next(self._leaves)
            self.shape.append(value)
            return text
        self.shape.append(MAP if node.is_map else LIST)
        if node.is_map:
            parts = [self._pair(key, node.children[2 * number + 1]) for number, key in enumerate(node.children[::2])]
        else:
            parts = [self._write(child) for child in node.children]
        self.shape.append(END)
        return f"{{{', '.join(parts)}}}" if node.is_map else f"[{', '.join(parts)}]"

    def _pair(self, key: Node, value: Node) -> str:
        self.shape.append(key.text)
        text = key.text if key.text == "<<" else spell.double_quoted(key.text)
        return f"{text}: {self._write(value)}"


def flow_scalar(leaf: Leaf) -> tuple[str, str]:
    """A clear leaf as text for a flow collection, and what that reads as."""
    if leaf.kind != "str":
        text = leaf.value or "null"
        return text, text
    return flow_string(leaf.data.decode("utf-8", "surrogateescape"))


def flow_string(value: str) -> tuple[str, str]:
    """A string as text for a flow collection, and what that reads as."""
    text = emit.string_text(value)
    if text.startswith(emit.BINARY):
        return text, text.removeprefix(emit.BINARY)
    return spell.double_quoted(value), value


def write_out(
    text: str,
    layout: Layout,
    items: list[Leaf | Comment],
    edits: Edits,
    *,
    stays: Callable[[int, Alias, list[Leaf]], bool],
    spelled: Callable[[Leaf], tuple[str, str]],
) -> list[Patch]:
    """Replace aliases by flow copies; gives what that does to the shape.

    `stays` decides by an alias's number and the leaves below it (none for a key). `spelled` gives a leaf's
    text and what that reads as.
    """
    if not layout.aliases:
        return []
    below: dict[int, list[Leaf]] = {}
    for item in items:
        if isinstance(item, Leaf) and isinstance(item.extra, AliasPart):
            below.setdefault(item.extra.alias, []).append(item)
    places = (index for index, part in enumerate(layout.shape) if part.__class__ is tuple)
    found: list[Node] = []
    patches: list[Patch] = []
    for number, (alias, place) in enumerate(zip(layout.aliases, places, strict=True)):
        leaves = below.get(number, [])
        if stays(number, alias, leaves):
            continue
        if alias.is_key:
            edits.append((alias.start, alias.end, spell.double_quoted(alias.text)))
            patches.append(Patch(place, place + 1, [alias.text]))
            continue
        found = found or nodes(text)
        copy = FlowCopy(found[number], [spelled(leaf) for leaf in leaves])
        edits.append((alias.start, alias.end, copy.text))
        patches.append(Patch(place, place + 1, copy.shape))
    return patches


def repeated(leaf: Leaf) -> Leaf | None:
    """The leaf that a leaf below an alias repeats (None: a key's text)."""
    return leaf.extra.target if isinstance(leaf.extra, AliasPart) else None
