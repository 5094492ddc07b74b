"""Where things stand in JSON text, and what to edit to add, replace or take away a member.

Functions here compute edits; they change nothing themselves.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, cast

from sopskit.document.json.scanner import BLANK, Entry, Node, scan
from sopskit.document.json.spelling import GO, MINIMAL, Layout, habit_of, quote
from sopskit.document.model import Block, Document, Edit, Leaf, position
from sopskit.document.scalars import read_number
from sopskit.errors import Location, NotEncryptedError, PathNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document.json.spelling import Habit
    from sopskit.document.model import Format, Limits, Path, Raw

RESERVED = "sops"
DEFAULT_UNIT = "\t"  # what sops writes
BLANKS = " \t\r\n"


class Places(NamedTuple):
    """The layout of a JSON document: its containers, the span of the `sops` entry's value, the limits it was read with."""

    nodes: list[Node]
    sops: Entry | None
    limits: Limits


class Member(NamedTuple):
    """A member or element: where it begins (a member at its key), and the span of its value. `node` if that is a container."""

    key: str | int
    first: int
    start: int
    end: int
    node: Node | None
    leaf: Leaf | None


def read(text: str, limits: Limits, format: Format) -> Document:
    """Parse `text`."""
    found = scan(text, limits)
    block = None
    if found.sops:
        block = Block(load(text[found.sops.start : found.sops.end]), flat=False, line=position(text, found.sops.key)[0])
    places = Places(found.nodes, found.sops, limits)
    return Document(format, text, found.items, [found.nodes[0].container], block, layout=places)


def load(text: str) -> Raw:
    """The value of JSON text that was scanned before, numbers as SOPS reads them."""
    value: Raw = json.loads(text, parse_int=read_number)
    return value


def places(document: Document) -> Places:
    """The layout that `read` left."""
    return cast("Places", document.layout)


def members(document: Document, node: Node) -> list[Member]:
    """What stands directly in `node`, in order, but for the `sops` entry: no path leads there."""
    spans: list[tuple[int, int, str | int | None, Node | None, Leaf | None]] = [
        (item.start, item.end, item.key, None, item)
        for item in document.items
        if item.parent is node.container and isinstance(item, Leaf)
    ]
    spans += [
        (child.start, child.end, child.container.key, child, None)
        for child in places(document).nodes
        if child.container.parent is node.container
    ]
    spans.sort(key=lambda span: span[0])
    found: list[Member] = []
    before = node.start + 1
    for start, end, key, child, leaf in spans:
        first = document.text.index('"', before) if node.container.is_map else start
        found.append(Member(cast("str | int", key), first, start, end, child, leaf))
        before = end
    return found


def unit_for(indent: int | None) -> str | None:
    """The unit that sops's `--indent` asks for: None where nothing is asked for, 0 line breaks only, -1 a tab."""
    if indent is None:
        return None
    return DEFAULT_UNIT if indent < 0 else " " * indent


def margin_at(text: str, index: int) -> str:
    """The indentation of the line that `index` is on."""
    start = text.rfind("\n", 0, index) + 1
    line = text[start:index]
    return line[: len(line) - len(line.lstrip(" \t"))]


def layout_of(text: str, start: int, end: int, indent: int | None = None) -> Layout:
    """How the members of the container `text[start:end]` are laid out. An empty one shows nothing and gets sops's layout."""
    newline = "\r\n" if "\r\n" in text else "\n"
    asked = unit_for(indent)
    if asked is not None:
        return Layout(asked, newline, typed=True)
    first = after_blanks(text, start + 1)
    if first == end - 1:
        return Layout(DEFAULT_UNIT, newline, typed=True)
    if "\n" not in text[start:first]:
        return Layout(None, newline, typed=True)
    return Layout(margin_at(text, first).removeprefix(margin_at(text, end - 1)), newline, typed=True)


def after_blanks(text: str, index: int) -> int:
    """The next place that is no white space."""
    found = BLANK.match(text, index)
    return found.end() if found else index


def before_blanks(text: str, index: int) -> int:
    """The end of what stands before `index` and the white space before that."""
    while text[index - 1] in BLANKS:
        index -= 1
    return index


# --- the sops entry


def add_block(document: Document, block: Mapping[str, Raw], indent: int | None) -> Edit:
    """The `sops` entry as last member. A file on one line stays on one line.

    A blank always follows the entry's colons: Flux looks for `"mac": "ENC[` to tell an encrypted file.
    """
    text = document.text
    root = places(document).nodes[0]
    layout = layout_of(text, root.start, root.end, indent)
    margin = margin_at(text, root.end - 1) + (layout.unit or "")
    entry = f'"{RESERVED}": {layout.spell(dict(block), margin, GO)}'
    at = before_blanks(text, root.end - 1)
    if at == root.start + 1:
        return Edit(at, at, layout.break_line(margin) + entry)
    return Edit(at, at, f",{layout.break_line(margin) or ' '}{entry}")


def replace_block(document: Document, block: Mapping[str, Raw], indent: int | None) -> Edit:
    """Another value for the `sops` entry, laid out like the one there."""
    text = document.text
    sops = _entry(document)
    layout = layout_of(text, sops.start, sops.end, indent)
    return Edit(sops.start, sops.end, layout.spell(dict(block), margin_at(text, sops.key), GO))


def drop_block(document: Document) -> Edit:
    """Take the `sops` entry away, with one comma: the inverse of `add_block`."""
    text = document.text
    sops = _entry(document)
    before = before_blanks(text, sops.key)
    if text[before - 1] == ",":
        return Edit(before_blanks(text, before - 1), sops.end, "")
    after = after_blanks(text, sops.end)
    if text[after] == ",":
        return Edit(sops.key, after_blanks(text, after + 1), "")
    return Edit(before, sops.end, "")


def _entry(document: Document) -> Entry:
    sops = places(document).sops
    if not sops:
        raise NotEncryptedError("the file has no sops entry")
    return sops


# --- paths


def find(document: Document, path: Path) -> tuple[Node, list[Member], int]:
    """The container of what stands at `path`, its members, and which of them it is. Raises `PathNotFoundError`."""
    node = places(document).nodes[0]
    for depth, part in enumerate(path, 1):
        present = members(document, node)
        index = _index(node, present, part, path[:depth])
        if index is None:
            raise not_found(path[:depth])
        if depth == len(path):
            return node, present, index
        inner = present[index].node
        if inner is None:
            raise not_found(path[: depth + 1], "there is a scalar in the way")
        node = inner
    raise not_found(path, "the path is empty")


def not_found(path: Path, message: str = "there is no such key or list position") -> PathNotFoundError:
    """The error for a path that leads nowhere."""
    return PathNotFoundError(message, location=Location(key=path))


def _index(node: Node, present: list[Member], part: str | int, path: Path) -> int | None:
    """Which member `part` names; None if it could be added. Raises `PathNotFoundError` where it cannot."""
    if node.container.is_map:
        if isinstance(part, int):
            raise not_found(path, "a list position does not fit an object")
        return next((index for index, member in enumerate(present) if member.key == part), None)
    if isinstance(part, str):
        raise not_found(path, "a key does not fit a list")
    if part < 0:
        raise not_found(path, "a list position cannot be negative")
    return part if part < len(present) else None


def assignment(document: Document, path: Path, value: Raw) -> Edit:
    """What to edit so that `value` stands at `path`; missing objects and lists are made, as sops's `set` does."""
    node = places(document).nodes[0]
    for depth, part in enumerate(path, 1):
        present = members(document, node)
        index = _index(node, present, part, path[:depth])
        if index is None:
            return _addition(document, node, present, part, nested(path[depth:], value))
        member = present[index]
        if member.node is None or depth == len(path):
            return _replacement(document, node, member, nested(path[depth:], value))
        node = member.node
    raise not_found(path, "the path is empty")


def nested(path: Path, value: Raw) -> Raw:
    """`value` inside the objects and one-element lists that `path` names."""
    if any(isinstance(part, int) and part < 0 for part in path):
        raise not_found(path, "a list position cannot be negative")
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def _replacement(document: Document, node: Node, member: Member, value: Raw) -> Edit:
    text = document.text
    habit: Habit = MINIMAL
    if member.leaf is not None and member.leaf.kind == "str":
        habit = habit_of(text[member.start : member.end])
    layout = layout_of(text, node.start, node.end)
    return Edit(member.start, member.end, layout.spell(value, margin_at(text, member.first), habit))


def _addition(document: Document, node: Node, present: list[Member], key: str | int, value: Raw) -> Edit:
    text = document.text
    root = places(document).nodes[0]
    if present:
        last = present[-1]
        layout = layout_of(text, node.start, node.end)
        gap = text[present[-2].end if len(present) > 1 else node.start + 1 : last.first]
        gap = gap.partition(",")[2] if "," in gap else gap
        if len(present) == 1 and not gap:
            gap = layout.break_line(margin_at(text, last.first)) or " "
        label = ""
        if isinstance(key, str):
            between = text[last.first : last.start]
            label = quote(key) + between[len(between.rstrip(BLANKS + ":")) :]
        return Edit(last.end, last.end, f",{gap}{label}{layout.spell(value, margin_at(text, last.first), MINIMAL)}")
    layout = layout_of(text, root.start, root.end)
    structure: Raw = {key: value} if isinstance(key, str) else [value]
    return Edit(node.start, node.end, layout.spell(structure, margin_at(text, node.start), MINIMAL))


def removal(document: Document, path: Path) -> Edit:
    """What to edit so that what stands at `path` is gone, with one comma. Raises `PathNotFoundError`."""
    node, present, index = find(document, path)
    if index > 0:
        return Edit(present[index - 1].end, present[index].end, "")
    if len(present) > 1:
        return Edit(present[0].first, present[1].first, "")
    return Edit(node.start + 1, node.end - 1, "")
