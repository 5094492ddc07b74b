"""What the YAML engine remembers of a text besides its items: where documents begin and end, anchors, the `sops` entry."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    import re

    from sopskit.document.model import Container, Document, Leaf, Limits, Raw

# marks of structure in a `Shape`
MAP, LIST, END, DOCUMENT = 1, 2, 3, 4
# a text without its layout: marks, keys, leaves, and aliases as a tuple of their name
Shape: TypeAlias = "list[str | int | Leaf | tuple[str]]"

LINE_ENDS = "\n\r\x85\u2028\u2029"


class Properties(NamedTuple):
    """`Leaf.extra` of a leaf with a tag or an anchor."""

    tag: str | None
    anchor: str | None


class AliasPart(NamedTuple):
    """`Leaf.extra` of a leaf below an alias: which alias of the file, and the leaf that is repeated (None: a key)."""

    alias: int
    target: Leaf | None


class Alias(NamedTuple):
    """An alias in the text. `key` tells that it stands as a mapping key, whose text is `text`."""

    start: int
    end: int
    name: str
    is_key: bool = False
    text: str = ""
    target: Leaf | None = None


class Entry(NamedTuple):
    """The `sops` entry of one document: from its key to the end of its value, and its place in the shape."""

    start: int
    end: int
    shape: int
    tree: Raw
    column: int | None  # of the keys below `sops`, where they stand in lines of their own


class Region:
    """One YAML document of the file.

    `start` is behind `---`, `end` where the next one or the end begins; `close` where the root mapping ends,
    in flow style the position of its brace. `null` is the span of an explicit null that stands for a mapping.
    `shape_end` is the index in the shape of the root mapping's end, or of the null's text.
    """

    __slots__ = ("close", "end", "entry", "null", "root", "shape_end", "start")

    def __init__(self, root: Container, start: int) -> None:
        """Begin a document at `start`."""
        self.root = root
        self.start = start
        self.end = start
        self.close = -1
        self.entry: Entry | None = None
        self.null: tuple[int, int] | None = None
        self.shape_end = 0

    def line_start(self, text: str, index: int) -> int:
        """Where the line of `index` begins, which is in this document; documents that came before cost nothing."""
        return line_start(text, index, self.start if self.is_explicit(text) else 0)

    def is_explicit(self, text: str) -> bool:
        """Whether it begins with `---`."""
        return text.endswith("---", 0, self.start)


class Layout(NamedTuple):
    """`Document.layout` of a YAML file. `steps` are the indentations met between a block mapping and one in it."""

    regions: list[Region]
    shape: Shape
    aliases: list[Alias]
    steps: frozenset[int]
    limits: Limits


def layout_of(document: Document) -> Layout:
    """The layout that reading left."""
    return cast("Layout", document.layout)


def line_end(text: str) -> str:
    """The file's own line end: that of its first line."""
    index = text.find("\n")
    if index > 0 and text[index - 1] == "\r":
        return "\r\n"
    return "\r" if index < 0 and "\r" in text else "\n"


@cache
def _line_end_pattern() -> re.Pattern[str]:
    import re

    return re.compile(f"[{LINE_ENDS}]")


def line_start(text: str, index: int, floor: int = 0) -> int:
    """Where the line of `index` begins; not before `floor`, which is in that line or an earlier one."""
    start = text.rfind("\n", floor, index) + 1 or floor
    for character in "\r" if text.isascii() else "\r\x85\u2028\u2029":
        start = max(start, text.rfind(character, start, index) + 1)
    return start


def line_stop(text: str, index: int) -> int:
    """Where the line of `index` ends, before its line end."""
    found = _line_end_pattern().search(text, index)
    return found.start() if found else len(text)


def after_line(text: str, index: int) -> int:
    """Where the line after that of `index` begins."""
    stop = line_stop(text, index)
    return min(len(text), stop + (2 if text.startswith("\r\n", stop) else 1))


def next_token(text: str, index: int) -> int:
    """The next place that is neither blank, nor line end, nor comment."""
    while index < len(text):
        if text[index] == "#":
            index = line_stop(text, index)
        elif text[index] in " \t\ufeff" or text[index] in LINE_ENDS:
            index += 1
        else:
            break
    return index
