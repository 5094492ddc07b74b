"""One value set, added or taken away; every other byte of the file stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.model import Comment, Leaf
from sopskit.document.yaml import aliases, block, emit
from sopskit.document.yaml.layout import LINE_ENDS, AliasPart, Layout, after_line, line_end, line_start, line_stop
from sopskit.document.yaml.opening import Opening
from sopskit.document.yaml.outline import MAPPING, SCALAR, Child, Node, Outline, child_at, not_found
from sopskit.document.yaml.reader import UnreadDocument
from sopskit.document.yaml.sealing import last_block_edits
from sopskit.document.yaml.verify import Edits, signature, splice
from sopskit.errors import RefusedError

if TYPE_CHECKING:
    from sopskit.document.model import Document, Path, Raw

RESERVED = "sops"
BLANKS = " \t"


def assign(document: Document, path: Path, value: Raw) -> Document:
    """See `Format.assign`."""
    if path[:1] == (RESERVED,) or (not path and isinstance(value, dict) and RESERVED in value):
        raise RefusedError("the key sops is reserved for SOPS metadata").at(key=path)
    _refuse_halves(path, value)
    return _Change(document).assign(path, value)


def remove(document: Document, path: Path) -> Document:
    """See `Format.remove`."""
    if not path or path[:1] == (RESERVED,):
        raise not_found(path)
    return _Change(document).remove(path)


def _refuse_halves(path: Path, value: Raw) -> None:
    """Half of a surrogate pair is no character, and no text can hold it."""
    try:
        repr_of = [part for part in path if isinstance(part, str)]
        _all_strings(value, repr_of)
        "".join(repr_of).encode()
    except UnicodeEncodeError:
        raise RefusedError("the key or value holds half of a surrogate pair, which is no character").at(
            key=[part for part in path if isinstance(part, int)]
        ) from None


def _all_strings(value: Raw, into: list[str]) -> None:
    if isinstance(value, str):
        into.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            into.append(key)
            _all_strings(item, into)
    elif isinstance(value, list):
        for item in value:
            _all_strings(item, into)


class _Change:
    """One change to the first document of a text."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.text = document.text
        self.layout: Layout = document.layout  # type: ignore[assignment]
        self.style = emit.Style(block.own_step(self.layout), line_end(self.text))
        self.outline = Outline(self.text)
        self.edits: Edits = []

    # ------------------------------------------------------------------ setting

    def assign(self, path: Path, value: Raw) -> Document:
        """Set what stands at `path`."""
        if not self.outline.roots:
            raise not_found(path, "the file has no document")
        node, owner, depth = self.outline.roots[0], None, 0
        while depth < len(path) and node.target is None and (node.kind != SCALAR and (node.children or not node.flow)):
            child = child_at(node, path, depth)
            if child is None:
                return self._add(node, owner, path, depth, value)
            owner, node, depth = (node, child), child.node, depth + 1
        if node.target is not None and depth < len(path):
            return self._written_out([node]).assign(path, value)
        value = nested(path[depth:], value)
        if (again := self._free(node)) is not None:
            return again.assign(path, nested((), value) if depth == len(path) else _inner(value, len(path) - depth))
        before = signature(self.text)
        self._replace(node, owner, path[:depth], value)
        meant = [*before[: node.shape], *emit.shape(value, self.style), *before[node.shape_end :]]
        return self._finished(meant)

    def _finished(self, meant: list[object]) -> Document:
        text = splice(self.text, self.edits)
        if signature(text) != meant:
            raise AssertionError("the changed text does not read as it was meant")
        return UnreadDocument(self.document.format, text, self.layout.limits, bom=self.document.bom)
