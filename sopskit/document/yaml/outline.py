"""Where every node of a document stands: for `set`, `unset` and `--extract`, which follow a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.document.yaml import events
from sopskit.document.yaml.blockscalar import BLOCK_STYLES, BlockSpan
from sopskit.document.yaml.layout import line_start, next_token
from sopskit.document.yaml.properties import content_start
from sopskit.errors import Location, PathNotFoundError

if TYPE_CHECKING:
    from sopskit.document.model import Path

SCALAR, MAPPING, SEQUENCE = "scalar", "mapping", "list"


class Node:
    """A scalar or collection, with the span of its text (tag and anchor included, blank lines behind it not).

    `inner` is where a collection begins behind its tag and anchor. `shape` and `shape_end` are its place in the text's `signature`. `alias` is the number of the alias that
    stands there in place of it, else -1; then `target` is what it names.
    """

    __slots__ = (
        "alias", "children", "column", "end", "flow", "inner", "kind", "shape", "shape_end", "start", "style", "tag", "target",
        "value",
    )  # fmt: skip

    def __init__(self, kind: str, start: int, end: int, shape: int) -> None:
        """An empty node."""
        self.kind = kind
        self.start = start
        self.end = end
        self.shape = shape
        self.shape_end = shape + 1
        self.flow = False
        self.inner = start
        self.column = 0
        self.style = ""
        self.tag: str | None = None
        self.value = ""
        self.children: list[Child] = []
        self.alias = -1
        self.target: Node | None = None

    @property
    def resolved(self) -> Node:
        """What stands there, an alias followed."""
        return self if self.target is None else self.target

    def covers(self, other: Node) -> bool:
        """Whether `other` stands in it."""
        return self.shape <= other.shape and other.shape_end <= self.shape_end


class Child:
    """A member or element: where it begins (its key, or its dash), where its colon or dash ends, and its value.

    `behind` is -1 for a key of a flow mapping without a colon.
    """

    __slots__ = ("behind", "first", "key", "node", "shape")

    def __init__(self, key: str | int, first: int, behind: int, node: Node, shape: int) -> None:
        """Hold the parts."""
        self.key = key
        self.first = first
        self.behind = behind
        self.node = node
        self.shape = shape


class Outline:
    """The roots of all documents of a text, and its aliases in order. `extra` ends with each document's start."""

    def __init__(self, text: str) -> None:
        """Read `text`, which is known to be right."""
        self.text = text
        self.roots: list[Node] = []
        self.aliases: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._shape = 0
        self._parser = events.Parser(text)
        self._read()

    def _read(self) -> None:
        stack: list[tuple[Node, tuple[Node, Any] | None]] = []  # open collections, each with the key it stands under
        key: tuple[Node, Any] | None = None
        starts = (events.MappingStartEvent, events.SequenceStartEvent)
        while not isinstance(event := self._parser.get_event(), events.StreamEndEvent):
            if isinstance(event, events.DocumentStartEvent):
                self._anchors.clear()
                self._shape += 1
            elif isinstance(event, (events.MappingEndEvent, events.SequenceEndEvent)):
                node, key = stack.pop()
                self._close(node, event)
                self._attach(stack[-1][0] if stack else None, key, node)
                key = None
            elif isinstance(event, (events.ScalarEvent, events.AliasEvent, *starts)):
                node = self._node(event)
                if stack and stack[-1][0].kind == MAPPING and key is None:
                    key = (node, event)
                elif isinstance(event, starts):
                    stack.append((node, key))
                    key = None
                else:
                    self._attach(stack[-1][0] if stack else None, key, node)
                    key = None

    def _attach(self, parent: Node | None, key: tuple[Node, Any] | None, node: Node) -> None:
        """Put a finished value into its collection."""
        if parent is None:
            self.roots.append(node)
        elif key is not None:
            parent.children.append(self._member(*key, node))
        else:
            parent.children.append(self._element(parent, node))

    def _node(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        node = Node(SCALAR, start, end, self._shape)
        self._shape += 1
        kind = event.__class__
        if kind is events.AliasEvent:
            node.alias = len(self.aliases)
            node.target = self._anchors[event.anchor].resolved
            node.kind = node.target.kind
            self.aliases.append(node)
            return node
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        node.tag = event.tag
        if kind is events.ScalarEvent:
            node.style, node.value = event.style, event.value
            if event.style in BLOCK_STYLES:
                node.end = BlockSpan.of(
                    self.text, end, content_start(self.text, start, end, event), event.value
                ).last_end
        else:
            node.kind = MAPPING if isinstance(event, events.MappingStartEvent) else SEQUENCE
            node.flow = bool(event.flow_style)
            node.inner = content_start(self.text, start, len(self.text), event)
        return node

    def _close(self, node: Node, event: Any) -> None:
        self._shape += 1
        node.shape_end = self._shape
        if node.flow:
            node.end = event.end_mark.index
        else:
            last = node.children[-1]
            node.end = max(last.node.end, last.behind)
            first = node.children[0].first
            node.column = first - line_start(self.text, first)

    def _member(self, key: Node, event: Any, node: Node) -> Child:
        text, first = self.text, key.start
        if text[max(0, first - 2) : first] in {"? ", "?\t"}:
            first -= 2
        name = event.value if isinstance(event, events.ScalarEvent) else key.resolved.value
        colon = next_token(text, key.end)
        behind = colon + 1 if text[colon : colon + 1] == ":" else -1
        if behind < 0:
            node.start = node.end = key.end
        return Child(name, first, behind, node, key.shape)

    def _element(self, parent: Node, node: Node) -> Child:
        position = len(parent.children)
        if parent.flow:
            return Child(position, node.start, node.start, node, node.shape)
        dash = next_token(self.text, parent.children[-1].node.end if position else parent.inner)
        return Child(position, dash, dash + 1, node, node.shape)


def not_found(path: Path, message: str = "there is no such key or list position") -> PathNotFoundError:
    """The error for a path that leads nowhere."""
    return PathNotFoundError(message, location=Location(key=path))


def child_at(node: Node, path: Path, depth: int) -> Child | None:
    """The child of `node` that `path[depth]` names; None if there is none. Raises `PathNotFoundError` if there cannot be one."""
    part = path[depth]
    if node.kind == MAPPING and isinstance(part, str):
        return next((child for child in node.children if child.key == part), None)
    if node.kind == SEQUENCE and isinstance(part, int):
        return node.children[part] if part < len(node.children) else None
    if node.kind == SCALAR:
        raise not_found(path[: depth + 1], "there is a scalar in the way")
    kind = (
        "a list, which has positions and no keys"
        if node.kind == SEQUENCE
        else "a mapping, which has keys and no positions"
    )
    raise not_found(path[: depth + 1], f"there is {kind}")
