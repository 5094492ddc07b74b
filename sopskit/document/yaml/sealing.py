"""Tokens into the text: each one goes in the place of its value, with the value's quoting kept around it.

The quotes or block header around the token carry the style, so that opening the file gives back what stood there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.model import Leaf
from sopskit.document.yaml import aliases, block, spell
from sopskit.document.yaml.blockscalar import BLOCK_STYLES, BlockSpan
from sopskit.document.yaml.layout import END, LINE_ENDS, MAP, Alias, Layout, Region, layout_of
from sopskit.document.yaml.properties import body_start, tag_edits
from sopskit.document.yaml.unread import UnreadDocument
from sopskit.document.yaml.verify import Edits, Patch, expected_shape, signature, splice
from sopskit.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from sopskit.document.model import Comment, Document, Path, Raw


class Sealing:
    """The edits that put tokens into one document."""

    def __init__(self, document: Document, one_line: frozenset[tuple[int, Path]]) -> None:
        """Nothing is changed yet."""
        self.text = document.text
        self.items = document.items
        self.layout = layout_of(document)
        self.edits: Edits = []
        self.sealed: dict[int, str] = {}  # id of a leaf -> its token
        self._one_line = one_line

    def add(self, tokens: Sequence[tuple[Leaf | Comment, str]]) -> None:
        """Edit the values; those below aliases are only remembered."""
        add, sealed = self.edits.append, self.sealed
        for item, token in tokens:
            if item.__class__ is not Leaf:
                add((item.start, item.end, token))
                continue
            sealed[id(item)] = token
            if not item.style and item.extra is None and not item.parent.flow:
                add((item.start, item.end, token))
            elif item.style != "*":
                self._add_styled(item, token)

    def _add_styled(self, leaf: Leaf, token: str) -> None:
        bare = self._one_line and (leaf.parent.document, leaf.path) in self._one_line and not leaf.parent.flow
        start = body_start(self.text, leaf)
        self.edits += tag_edits(self.text, leaf)
        if leaf.style in BLOCK_STYLES:
            self._add_block(BlockSpan.of(self.text, leaf.end, start, leaf.value), token, bare=bool(bare))
            return
        quote = "" if bare else leaf.style or ("'" if leaf.parent.flow else "")
        self.edits.append((start, leaf.end, f"{quote}{token}{quote}"))

    def _add_block(self, span: BlockSpan, token: str, *, bare: bool) -> None:
        """Header and content apart: a comment may stand between them (SOPS puts it before the value)."""
        if bare or span.indent is None:
            self.edits.append((span.start, span.indicators_end, token if bare else spell.double_quoted(token)))
            self.edits.append((span.header_end, span.last_end, ""))
            return
        self.edits.append((span.start, span.indicators_end, span.header(span.style, "-")))
        self.edits.append((span.content, span.last_end, " " * span.indent + token))

    def write_aliases(self) -> list[Patch]:
        """Write out the aliases that cannot stay; gives what that does to the shape.

        The path is authenticated, so a token is good in one place only: an alias stays if every value
        below it is clear, both where it stands and where its anchor is.
        """
        return aliases.write_out(
            self.text, self.layout, self.items, self.edits, stays=self._alias_stays, spelled=self._copied
        )

    def _alias_stays(self, _: int, alias: Alias, leaves: list[Leaf]) -> bool:
        sealed = self.sealed
        if alias.is_key:
            return id(alias.target) not in sealed
        return not any(id(leaf) in sealed or id(aliases.repeated(leaf)) in sealed for leaf in leaves)

    def _copied(self, leaf: Leaf) -> tuple[str, str]:
        token = self.sealed.get(id(leaf))
        return aliases.flow_scalar(leaf) if token is None else (f"'{token}'", token)


def last_block_edits(document: Document, edited: Container[int] = frozenset()) -> Edits:
    """A block at the very end, without a line end, would gain one from what is put behind it: tell its header.

    Leaves with an id in `edited` are looked after already.
    """
    text = document.text
    last = next((item for item in reversed(document.items) if item.__class__ is Leaf), None)
    if not isinstance(last, Leaf) or last.style not in BLOCK_STYLES or id(last) in edited:
        return []
    if text[last.end :].strip(" ") or text[-1] in LINE_ENDS or last.value.endswith("\n"):
        return []
    span = BlockSpan.of(text, last.end, body_start(text, last), last.value)
    return [(span.start, span.indicators_end, span.header(span.style, "-"))]


def seal(
    document: Document,
    tokens: Sequence[tuple[Leaf | Comment, str]],
    tree: Mapping[str, Raw],
    indent: int | None,
    one_line: frozenset[tuple[int, Path]],
) -> Document:
    """See `Format.seal`."""
    layout = layout_of(document)
    for region in layout.regions:
        if region.entry is not None:
            raise RefusedError("a document of this file has a top-level entry called sops", hint="rename it")
    sealing = Sealing(document, one_line)
    sealing.add(tokens)
    sealing.edits += last_block_edits(document, sealing.sealed)
    copies = sealing.write_aliases()
    entry = block.EntryText(document.text, layout, tree, indent)
    for region in layout.regions:
        block.insert(document, region, entry, sealing.edits)
    text = splice(document.text, sealing.edits)
    patches = [*copies, *(entry_patch(layout, region, entry.shape) for region in layout.regions)]
    if signature(text) != expected_shape(layout.shape, sealing.sealed, patches):
        raise AssertionError("the sealed text does not read as it was meant")
    return UnreadDocument(document.format, text, layout.limits, bom=document.bom)


def entry_patch(layout: Layout, region: Region, entry: list[object]) -> Patch:
    """The shape's change when the entry is appended to a document."""
    end = region.shape_end
    if layout.shape[end] == END:
        return Patch(end, end, entry)
    return Patch(end, end + 1, [MAP, *entry, END])


def reblock(document: Document, tree: Mapping[str, Raw], indent: int | None) -> Document:
    """See `Format.reblock`."""
    layout = layout_of(document)
    entry = block.EntryText(document.text, layout, tree, indent)
    edits: Edits = []
    patches: list[Patch] = []
    for region in layout.regions:
        block.replace(document, region, entry, edits)
        if region.entry is None:
            patches.append(entry_patch(layout, region, entry.shape))
        else:
            patches.append(Patch(region.entry.shape, region.entry.shape, entry.shape))
    text = splice(document.text, edits)
    if signature(text) != expected_shape(layout.shape, {}, patches):
        raise AssertionError("the text with its new sops entry does not read as it was meant")
    return UnreadDocument(document.format, text, layout.limits, bom=document.bom)
