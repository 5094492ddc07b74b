"""One value set, added or taken away; every other byte of the file stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document.model import Leaf
from sopskit.document.yaml import aliases, block, emit
from sopskit.document.yaml.layout import (
    LINE_ENDS,
    AliasPart,
    after_line,
    layout_of,
    line_end,
    line_start,
    line_stop,
    next_token,
)
from sopskit.document.yaml.opening import Opening
from sopskit.document.yaml.outline import MAPPING, SCALAR, Child, Node, Outline, child_at, not_found
from sopskit.document.yaml.properties import BLANKS, property_spans
from sopskit.document.yaml.reader import read
from sopskit.document.yaml.sealing import last_block_edits
from sopskit.document.yaml.unread import UnreadDocument
from sopskit.document.yaml.verify import Edits, expected_shape, signature, splice
from sopskit.errors import RefusedError

if TYPE_CHECKING:
    from sopskit.document.model import Document, Path, Raw

RESERVED = "sops"


class Owner(NamedTuple):
    """The collection that a node stands in, and its child there."""

    node: Node
    child: Child


class Place(NamedTuple):
    """How far a path leads: to `node`, with `rest` of the path left."""

    node: Node
    owners: list[Owner]
    rest: Path


def assign(document: Document, path: Path, value: Raw) -> Document:
    """See `Format.assign`."""
    if not path or path[0] == RESERVED:
        raise RefusedError("the key sops is reserved, and the document itself cannot be set").at(key=path)
    _refuse_halves(path, value)
    change = _Change(document)
    place = change.follow(path)
    held = change.holds(place)
    if held:
        return assign(change.written_out(held), path, value)
    return change.assign(place, value)


def remove(document: Document, path: Path) -> Document:
    """See `Format.remove`."""
    if not path or path[0] == RESERVED:
        raise not_found(path)
    change = _Change(document)
    place = change.follow(path)
    held = change.holds(place)
    if held:
        return remove(change.written_out(held), path)
    if place.rest:
        raise not_found(path)
    return change.remove(place)


def nested(path: Path, value: Raw) -> Raw:
    """`value` below new mappings for the keys of `path` and new one-element lists for its positions."""
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


def _refuse_halves(path: Path, value: Raw) -> None:
    """Half of a surrogate pair is no character, and no text can hold it."""
    strings = [part for part in path if isinstance(part, str)]
    _gather(value, strings)
    try:
        "".join(strings).encode()
    except UnicodeEncodeError:
        raise RefusedError("the key or value holds half of a surrogate pair, which is no character") from None


def _gather(value: Raw, strings: list[str]) -> None:
    if isinstance(value, str):
        strings.append(value)
    elif isinstance(value, dict):
        strings += value
        for item in value.values():
            _gather(item, strings)
    elif isinstance(value, list):
        for item in value:
            _gather(item, strings)


class _Change:
    """One change to the first document of a text."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = document.text
        self.layout = layout_of(document)
        self.newline = line_end(self.text)
        self.style = emit.Style(block.own_step(self.layout), self.newline)
        self.outline = Outline(self.text)
        self.before = signature(self.text)
        self.edits: Edits = []

    def follow(self, path: Path) -> Place:
        """Go along `path` as far as it leads. Raises `PathNotFoundError` where it cannot lead on."""
        if not self.outline.roots:
            raise not_found(path, "the file has no document")
        node = self.outline.roots[0]
        if not isinstance(path[0], str):
            raise not_found(path[:1], "the document is a mapping, which has keys and no positions")
        owners: list[Owner] = []
        for depth in range(len(path)):
            if node.kind == SCALAR or node.target is not None:
                return Place(node, owners, path[depth:])
            child = child_at(node, path, depth)
            if child is None:
                return Place(node, owners, path[depth:])
            owners.append(Owner(node, child))
            node = child.node
        return Place(node, owners, ())

    def holds(self, place: Place) -> set[int]:
        """The aliases that a change there would change too, and one that the path leads through."""
        node = place.node
        found = {
            number
            for number, alias in enumerate(self.outline.aliases)
            if alias.target is not None and (alias.target.covers(node) or node.covers(alias.target))
        }
        if node.target is not None and place.rest:
            found.add(node.alias)
        return found

    def written_out(self, numbers: set[int]) -> Document:
        """The document with some aliases replaced by copies of what they stand for."""
        edits: Edits = []
        patches = aliases.write_out(
            self.text,
            self.layout,
            self.document.items,
            edits,
            stays=lambda number, _, __: number not in numbers,
            spelled=aliases.flow_scalar,
        )
        text = splice(self.text, edits)
        if signature(text) != expected_shape(self.layout.shape, {}, patches):
            raise AssertionError("the text with its aliases written out does not read as it was meant")
        return read(self.document.format, text, self.layout.limits, bom=self.document.bom)

    def _finished(self, meant: list[object]) -> Document:
        text = splice(self.text, self.edits)
        if signature(text) != meant:
            raise AssertionError("the changed text does not read as it was meant")
        return UnreadDocument(self.document.format, text, self.layout.limits, bom=self.document.bom)

    # ------------------------------------------------------------------ setting

    def assign(self, place: Place, value: Raw) -> Document:
        """Replace a node, or add a child to a collection that has some."""
        meant = self._set(place, value)
        if signature(splice(self.text, self.edits)) != meant:
            # what follows would become part of a block: quote it
            self.style = emit.Style(self.style.step, self.newline, blocks=False)
            self.edits.clear()
            meant = self._set(place, value)
        return self._finished(meant)

    def _set(self, place: Place, value: Raw) -> list[object]:
        node, before = place.node, self.before
        if place.rest and node.children:
            value = nested(place.rest[1:], value)
            self._add(node, place.rest[0], value)
            added = [*([place.rest[0]] if node.kind == MAPPING else []), *emit.shape(value, self.style)]
            return [*before[: node.shape_end - 1], *added, *before[node.shape_end - 1 :]]
        value = nested(place.rest, value)
        self._replace(node, place.owners[-1] if place.owners else None, value)
        return [*before[: node.shape], *emit.shape(value, self.style), *before[node.shape_end :]]

    def _add(self, node: Node, key: str | int, value: Raw) -> None:
        last = node.children[-1]
        if node.flow:
            text = emit.flow_value(value, self.style)
            member = f"{emit.key_text(key, flow=True)} {text}" if isinstance(key, str) else text
            self.edits.append((last.node.end, last.node.end, f", {member}"))
            return
        text = emit.block_value(value, node.column, self.style, in_list=not isinstance(key, str))
        head = emit.key_text(key, newline=self.newline + " " * node.column) if isinstance(key, str) else "-"
        stop = line_stop(self.text, node.end)
        if stop == len(self.text):
            self.edits += last_block_edits(self.document)
        self.edits.append((stop, stop, f"{self.newline}{' ' * node.column}{head}{text}"))

    def _replace(self, node: Node, owner: Owner | None, value: Raw) -> None:
        if owner is None:
            self._replace_root(node, value)  # type: ignore[arg-type]  # the path begins with a key
        elif owner.child.behind < 0 and not owner.node.flow:
            self._add_value(node, owner, value)
        elif owner.node.flow:
            self._replace_in_flow(node, owner.child, value)
        elif not self._respell(node, value):
            self._replace_in_block(node, owner, value)

    def _respell(self, node: Node, value: Raw) -> bool:
        """A scalar for a scalar keeps its quoting style where it can."""
        if node.kind != SCALAR or node.target is not None or node.start == node.end:
            return False
        if isinstance(value, (dict, list)):
            return False
        leaf = next(
            item
            for item in self.document.items
            if isinstance(item, Leaf) and item.start == node.start and not isinstance(item.extra, AliasPart)
        )
        opening = Opening(self.document, frozenset() if self.style.blocks else None)
        opening.put(leaf, value if isinstance(value, str) else None, emit.scalar_text(value))
        self.edits += opening.edits
        return True

    def _replace_root(self, node: Node, value: dict[str, Raw]) -> None:
        """A root that is null or empty. It may share its line with `---` or a comment, where no mapping can begin."""
        text = self.text
        mapping = emit.block_mapping(value, 0, self.style)
        if (
            node.start < node.end
            and line_start(text, node.start) == node.start
            and line_stop(text, node.end) == node.end
        ):
            self.edits.append((node.start, node.end, mapping))
            return
        end = self.layout.regions[0].end
        self.edits.append((node.start, node.end, ""))
        before = self.newline if end and text[end - 1] not in LINE_ENDS else ""
        self.edits.append((end, end, before + mapping + self.newline))

    def _replace_in_flow(self, node: Node, child: Child, value: Raw) -> None:
        if self._respell(node, value):
            return
        text = emit.flow_value(value, self.style)
        if child.behind < 0:
            text = ": " + text
        elif node.start == child.behind and self.text[node.start - 1] == ":":
            text = " " + text
        self.edits.append((node.start, node.end, text))

    def _add_value(self, node: Node, owner: Owner, value: Raw) -> None:
        """A value for a key with a question mark and no colon."""
        column, stop = owner.node.column, line_stop(self.text, node.end)
        text = emit.block_value(value, column, self.style, in_list=False)
        self.edits.append((stop, stop, f"{self.newline}{' ' * column}:{text}"))

    def _replace_in_block(self, node: Node, owner: Owner, value: Raw) -> None:
        """Anything for anything: what the first line holds goes behind the colon or dash, the rest below that line.

        So a comment on the line stays where it is.
        """
        behind = owner.child.behind
        new = emit.block_value(value, owner.node.column, self.style, in_list=owner.node.kind != MAPPING)
        head, newline, below = new.partition(self.newline)
        stop = line_stop(self.text, behind)
        if node.kind != SCALAR and node.target is None and not node.flow and node.inner > stop:
            properties = property_spans(self.text, behind, min(stop, node.inner))
            self.edits.append((behind, properties[-1][1] if properties else behind, head))
            self.edits.append((stop, node.end, newline + below))
            return
        end = line_stop(self.text, node.end)
        self.edits.append((behind, node.end, head))
        self.edits.append((end, end, newline + below))

    # ------------------------------------------------------------------ taking away

    def remove(self, place: Place) -> Document:
        """Take the node away with its key or dash."""
        owner, before = place.owners[-1], self.before
        child = owner.child
        if len(owner.node.children) == 1:
            empty: Raw = {} if owner.node.kind == MAPPING else []
            self._empty(owner.node, place.owners[-2] if len(place.owners) > 1 else None, empty)
            return self._finished([*before[: owner.node.shape + 1], *before[owner.node.shape_end - 1 :]])
        meant = [*before[: child.shape], *before[child.node.shape_end :]]
        start, end = self._span(owner)
        if signature(self.text[:start] + self.text[end:]) != meant:
            # a block before it would take the blank lines or comments behind it for its own
            end = max(end, line_start(self.text, next_token(self.text, end)))
        self.edits.append((start, end, ""))
        return self._finished(meant)

    def _empty(self, node: Node, owner: Owner | None, empty: Raw) -> None:
        if node.flow:
            self.edits.append((node.inner + 1, node.end - 1, ""))
        elif owner is None:
            self.edits.append((node.children[0].first, node.end, "{}"))
        else:
            self._replace_in_block(node, owner, empty)

    def _span(self, owner: Owner) -> tuple[int, int]:
        """What to cut out for a child that has siblings."""
        text, child, siblings = self.text, owner.child, owner.node.children
        index = siblings.index(child)
        following = siblings[index + 1] if index + 1 < len(siblings) else None
        if owner.node.flow:
            if following is not None:
                return child.first, following.first
            return siblings[index - 1].node.end, child.node.end
        start = line_start(text, child.first)
        if text[start : child.first].strip(BLANKS + "\ufeff"):
            return child.first, following.first if following is not None else child.node.end
        return start, after_line(text, max(child.node.end, child.behind))
