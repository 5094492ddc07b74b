"""One pass over JSON text: leaves with their spans, and where containers and the `sops` entry stand.

The grammar is RFC 8259, as Go reads it, and strict where sops loses data without a word: text behind the
object, cut-off text, repeated keys and invalid Unicode are refused (SOPS section 7.2). The scanner keeps its
own stack, so depth costs no recursion, and each regular expression matches one token.
"""

from __future__ import annotations

import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from sopskit.document.golang import format_float
from sopskit.document.model import Container, Leaf, position
from sopskit.document.scalars import read_number
from sopskit.errors import DocumentSyntaxError, LimitError, MetadataError

if TYPE_CHECKING:
    from sopskit.document.model import Comment, Limits
    from sopskit.errors import SopskitError

BLANK = re.compile(r"[ \t\n\r]*")
COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
NEXT = re.compile(r"[ \t\n\r]*([,}\]])[ \t\n\r]*")
# a key without escapes, up to its value
KEY = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
STRING, NUMBER, WORD, BRACKET = 1, 2, 3, 4  # the groups of VALUE; a string with escapes is none of them
VALUE = re.compile(
    r'"([^"\\\x00-\x1f]*)"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null)|([\[{])'
)
SURROGATE = re.compile("[\ud800-\udfff]")
WORDS = {"true": ("bool", b"True"), "false": ("bool", b"False"), "null": ("null", b"")}
INFINITE = frozenset((float("inf"), float("-inf")))


class Node:
    """A container's place in the text: `text[start:end]`, brackets included."""

    __slots__ = ("container", "end", "index", "keys", "start")

    def __init__(self, container: Container, start: int) -> None:
        """Open a container at `start`; `keys` and `index` are what was read of it so far."""
        self.container = container
        self.start = start
        self.end = start
        self.keys: set[str] = set()
        self.index = 0


class Entry(NamedTuple):
    """The `sops` entry: where its key begins, and the span of its value."""

    key: int
    start: int
    end: int


class Scan(NamedTuple):
    """What the scanner found, without what is in the `sops` entry.

    `nodes` are in the order of their opening brackets, the root's first.
    """

    items: list[Leaf | Comment]
    nodes: list[Node]
    sops: Entry | None


def scan(text: str, limits: Limits) -> Scan:
    """Read JSON text. Raises `DocumentSyntaxError`, `LimitError`, and `MetadataError` for two `sops` entries."""
    scanner = _Scanner(text, limits)
    scanner.run()
    if scanner.sops is None:
        return Scan(scanner.items, scanner.nodes, None)
    _, start, end = scanner.sops
    return Scan(
        [item for item in scanner.items if not start <= item.start < end],
        [node for node in scanner.nodes if not start <= node.start < end],
        scanner.sops,
    )


class _Scanner:
    __slots__ = ("items", "limits", "nodes", "sops", "sops_key", "stack", "text")

    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.limits = limits
        self.items: list[Leaf | Comment] = []
        self.nodes: list[Node] = []
        self.stack: list[Node] = []
        self.sops: Entry | None = None
        self.sops_key = 0

    def run(self) -> None:
        """Read the whole text: one turn of the loop is one value, with its key and what follows it."""
        text, add, match_value = self.text, self.items.append, VALUE.match
        at = self._after_blanks(0)
        if text[at : at + 1] != "{":
            self._fail("the file is empty" if at == len(text) else "the top level must be an object", at)
        at = self._open(Container(None, None, is_map=True), at)
        node = self.stack[-1]
        if text[at] == "}":
            at = self._leave(at)
        while self.stack:
            container = node.container
            key: str | int
            if container.is_map:
                key, at = self._key(node, at)
            else:
                key = node.index
                node.index += 1
            start = at
            found = match_value(text, at)
            group = found.lastindex if found else None
            if found and group == STRING:
                at = found.end()
                value = found[1]
                add(Leaf(start, at, value, "str", value.encode(), container, key, '"', None))
            elif group == BRACKET:
                at = self._open(Container(container, key, is_map=text[at] == "{"), at)
                node = self.stack[-1]
                if text[at] not in "}]":
                    continue
            elif found:
                at = found.end()
                add(self._scalar(found, container, key))
            else:
                at = self._escaped(container, key, at)
            if key == "sops" and container.parent is None and group != BRACKET:
                self.sops = Entry(self.sops_key, start, at)
            at = self._leave(at)
            if self.stack:
                node = self.stack[-1]

    def _open(self, container: Container, at: int) -> int:
        """Enter a container; gives the place of its first member or of its closing bracket."""
        if len(self.stack) >= self.limits.depth:
            raise self._at(LimitError(f"nested deeper than the limit of {self.limits.depth}"), at)
        node = Node(container, at)
        self.stack.append(node)
        self.nodes.append(node)
        at = self._after_blanks(at + 1)
        if at == len(self.text):
            self._fail("the text ends inside an object or list", at)
        return at

    def _leave(self, at: int) -> int:
        """From a value's end over closing brackets to the next member; at the end of the object, to the end."""
        while True:
            found = NEXT.match(self.text, at)
            if not found:
                at = self._after_blanks(at)
                self._fail(
                    "the text ends inside an object or list"
                    if at == len(self.text)
                    else "expected , or the closing bracket",
                    at,
                )
            if found[1] == ",":
                return found.end()
            node = self.stack.pop()
            if node.container.is_map != (found[1] == "}"):
                self._fail("the wrong closing bracket", found.start(1))
            node.end = at = found.start(1) + 1
            if not self.stack:
                if found.end() != len(self.text):
                    self._fail("there is more text behind the top-level object", found.end())
                return at
            if len(self.stack) == 1 and node.container.key == "sops":
                self.sops = Entry(self.sops_key, node.start, at)

    def _key(self, node: Node, at: int) -> tuple[str, int]:
        found = KEY.match(self.text, at)
        if found:
            key, end = found[1], found.end()
        else:
            key, end = self._string(at, "expected a key in double quotes")
            colon = COLON.match(self.text, end)
            if not colon:
                self._fail("expected a colon after the key", end)
            end = colon.end()
        if key == "sops" and node.container.parent is None:
            if key in node.keys:
                raise self._at(MetadataError("found duplicate sops entry"), at)
            self.sops_key = at
        if key in node.keys:
            error = DocumentSyntaxError("this key stands twice in one object")
            raise self._at(error, at).at(key=(*node.container.path, key))
        node.keys.add(key)
        return key, end

    def _string(self, at: int, expected: str) -> tuple[str, int]:
        """A string in its slow form. The decoder's own error is dropped: it carries the whole text."""
        if self.text[at : at + 1] != '"':
            self._fail("the text ends inside an object or list" if at == len(self.text) else expected, at)
        try:
            value, end = scanstring(self.text, at + 1, True)
        except ValueError:
            value, end = "", 0
        if not end:
            self._fail("this string is cut off, or holds a control character or a broken escape", at)
        if SURROGATE.search(value):
            self._fail("this string holds half of a surrogate pair, which is no character", at)
        return value, end

    def _escaped(self, container: Container, key: str | int, at: int) -> int:
        value, end = self._string(at, "expected a value")
        self.items.append(Leaf(at, end, value, "str", value.encode(), container, key, '"', None))
        return end

    def _scalar(self, found: re.Match[str], container: Container, key: str | int) -> Leaf:
        text = found[0]
        if found.lastindex == WORD:
            kind, data = WORDS[text]
        else:
            number = read_number(text)
            if isinstance(number, int):
                kind, data = "int", b"%d" % number
            elif number in INFINITE:
                self._fail("this number is too large", found.start())
            else:
                kind, data = "float", format_float(number).encode()
        return Leaf(found.start(), found.end(), text, kind, data, container, key, "", None)

    def _after_blanks(self, at: int) -> int:
        found = BLANK.match(self.text, at)
        return found.end() if found else at

    def _at(self, error: SopskitError, at: int) -> SopskitError:
        line, column = position(self.text, at)
        return error.at(line=line, column=column)

    def _fail(self, message: str, at: int) -> NoReturn:
        raise self._at(DocumentSyntaxError(message), at)
