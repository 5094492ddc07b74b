"""Plaintexts into the text: the inverse of `sealing`, and the best text for what sops itself has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.model import Leaf
from sopskit.document.yaml import aliases, block, emit, spell
from sopskit.document.yaml.blockscalar import BLOCK_STYLES, BlockSpan
from sopskit.document.yaml.layout import (
    END,
    LINE_ENDS,
    LIST,
    MAP,
    Alias,
    AliasPart,
    Entry,
    Properties,
    Region,
    layout_of,
    line_end,
    line_stop,
)
from sopskit.document.yaml.properties import BLANKS, body_start, tag_edits
from sopskit.document.yaml.resolve import UnresolvableError, resolve
from sopskit.document.yaml.unread import UnreadDocument
from sopskit.document.yaml.verify import Edits, Patch, expected_shape, signature, splice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.document.model import Comment, Container, Document, Plain

STR = "str"
TRUE_WORDS = frozenset((b"true", b"TRUE"))
FALSE_WORDS = frozenset((b"false", b"FALSE"))
STARTS: frozenset[object] = frozenset((MAP, LIST))


class Opening:
    """The edits that put plaintexts into one document."""

    def __init__(self, document: Document, forced: frozenset[int] | None) -> None:
        """`forced` are ids of leaves to write in double quotes (None: all of them)."""
        self.text = document.text
        self.layout = layout_of(document)
        self.edits: Edits = []
        self.opened: dict[int, str] = {}  # id of a leaf -> what it will read as
        self._items = document.items
        self._strings: set[int] = set()  # leaves below aliases that opened to strings
        self.comments: dict[int, Leaf] = {}  # list elements that are comments
        self._forced = forced
        self._newline = line_end(self.text)
        self._style = emit.Style(block.own_step(self.layout))

    def add(self, values: Sequence[tuple[Leaf | Comment, Plain]]) -> None:
        """Edit values and comments."""
        add, opened = self.edits.append, self.opened
        quick = self._forced == frozenset()
        for item, plain in values:
            if item.__class__ is not Leaf:
                self._add_comment(item, plain)  # type: ignore[arg-type]
                continue
            # most values are ordinary ones, and a call each would cost a tenth of the whole
            if quick and item.extra is None and not item.parent.flow:
                style, (kind, data, spelling) = item.style, plain
                if kind == STR:
                    value = text = data.decode("utf-8", "surrogateescape")
                    if style == '"' and value.isascii():
                        text = spell.double_quoted(value)
                    elif style or not spell.is_plain(value, flow=False):
                        self._add_string(item, value)
                        continue
                    opened[id(item)] = value
                    add((item.start, item.end, text))
                    continue
                if kind != "comment" and not style:
                    opened[id(item)] = text = scalar_text(kind, data, spelling)
                    add((item.start, item.end, text))
                    continue
            self._add_leaf(item, plain)

    def _add_comment(self, comment: Comment, plain: Plain) -> None:
        text = spell.comment_text(plain.data.decode("utf-8", "surrogateescape"))
        if text is not None:
            self.edits.append((comment.start, comment.end, text))

    def _add_leaf(self, leaf: Leaf, plain: Plain) -> None:
        if isinstance(leaf.extra, AliasPart):
            self._add_below_alias(leaf, plain)
        elif plain.kind == "comment" and not leaf.parent.is_map:
            self._add_element(leaf, plain)
        elif plain.kind in {STR, "comment"}:
            self._add_string(leaf, plain.data.decode("utf-8", "surrogateescape"))
        else:
            text = scalar_text(*plain)
            self.opened[id(leaf)] = text
            self._add_one_line(leaf, text, drop_tag=True)

    def _add_below_alias(self, leaf: Leaf, plain: Plain) -> None:
        if plain.kind in {STR, "comment"}:
            self._strings.add(id(leaf))
            self.opened[id(leaf)] = plain.data.decode("utf-8", "surrogateescape")
        else:
            self.opened[id(leaf)] = scalar_text(*plain)

    def put(self, leaf: Leaf, string: str | None, text: str) -> None:
        """Write another value in a leaf's place: a string in the leaf's style, or (None) the `text` of something else."""
        if string is None:
            self._add_one_line(leaf, text, drop_tag=True)
        else:
            self._add_string(leaf, string)

    def _add_one_line(self, leaf: Leaf, text: str, *, drop_tag: bool = False) -> None:
        """Put `text` in the place of the value, whatever its style was."""
        start = body_start(self.text, leaf)
        self.edits += tag_edits(self.text, leaf, every=drop_tag)
        if leaf.style in BLOCK_STYLES:
            span = BlockSpan.of(self.text, leaf.end, start, leaf.value)
            self.edits.append((span.start, span.indicators_end, text))
            self.edits.append((span.header_end, span.last_end, ""))
        else:
            # a tag or anchor of an empty value has no blank behind it
            blank = " " if start == leaf.end and self.text[start - 1] not in BLANKS else ""
            self.edits.append((start, leaf.end, blank + text))

    def _add_string(self, leaf: Leaf, value: str) -> None:
        self.opened[id(leaf)] = value
        try:
            value.encode()
        except UnicodeEncodeError:
            text = emit.binary_text(value.encode("utf-8", "surrogateescape"))
            self.opened[id(leaf)] = text.removeprefix(emit.BINARY)
            self._add_one_line(leaf, text, drop_tag=True)
            return
        if self._forced is None or id(leaf) in self._forced:
            self._add_one_line(leaf, spell.double_quoted(value))
        elif leaf.style in BLOCK_STYLES:
            self._add_block(leaf, value)
        elif not leaf.style and "\n" in value and self._add_new_block(leaf, value):
            return
        else:
            self._add_one_line(leaf, _one_line(leaf, value))

    def _add_block(self, leaf: Leaf, value: str) -> None:
        """Header and lines of a block that was there, each in its place."""
        span = BlockSpan.of(self.text, leaf.end, body_start(self.text, leaf), leaf.value)
        blank_below = bool(self.text[span.last_end : leaf.end].strip(" \r\n")) or span.last_end + 2 < leaf.end
        if (
            span.indent is None
            or not spell.is_literal(value, digit=bool(span.digit), as_written=True)
            or (value.endswith("\n\n") and blank_below)
        ):
            self._add_one_line(leaf, spell.double_quoted(value))
            return
        folded = spell.folded_lines(value) if span.style == ">" else None
        style = "|" if folded is None else ">"
        newline = self.text[span.header_end : span.content]
        lines = spell.block_lines(value) if folded is None else folded
        lead = " " * span.indent
        content = newline.join(lead + line if line else "" for line in lines)
        self.edits += tag_edits(self.text, leaf)
        self.edits.append((span.start, span.indicators_end, span.header(style, spell.chomping(value))))
        self.edits.append((span.content, span.last_end, content))

    def _add_new_block(self, leaf: Leaf, value: str) -> bool:
        """A literal block where sops wrote a bare token; its lines go below the token's line."""
        if leaf.parent.flow or not spell.is_literal(value) or "\n" in self.text[leaf.start : leaf.end]:
            return False
        stop = line_stop(self.text, leaf.end)
        newline = self._newline
        if value.endswith("\n\n") and not self.text[stop : stop + 2 * len(newline)].strip("\r\n"):
            return False
        self.edits += tag_edits(self.text, leaf)
        column = leaf.parent.column
        lead = " " * (self._style.below(column) if leaf.parent.is_map else column + 2)
        lines = "".join(newline + (lead + line if line else "") for line in spell.block_lines(value))
        if stop == len(self.text) and value.endswith("\n"):
            lines += newline
        self.edits.append((body_start(self.text, leaf), leaf.end, "|" + spell.chomping(value)))
        self.edits.append((stop, stop, lines))
        return True

    # ------------------------------------------------------------------ comments that sops wrote as list elements

    def _add_element(self, leaf: Leaf, plain: Plain) -> None:
        """An element that is a comment becomes a comment line; one that no comment can hold stays a token in it."""
        text = spell.comment_text(plain.data.decode("utf-8", "surrogateescape"))
        comment = "#" + (leaf.value if text is None else text)
        self.comments[id(leaf)] = leaf
        if leaf.parent.flow:
            self._add_flow_element(leaf, comment)
            return
        dash = self.text.rfind("-", 0, leaf.start)
        self.edits.append((dash, leaf.end, comment))

    def _add_flow_element(self, leaf: Leaf, comment: str) -> None:
        end = leaf.end
        while self.text[end] in " \t" + LINE_ENDS:
            end += 1
        end = end + 1 if self.text[end] == "," else leaf.end
        self.edits.append((leaf.start, end, f"{comment}{self._newline} "))

    def drop_elements(self) -> list[Patch]:
        """What the comment elements' going does to the shape; a list that held nothing else becomes `[]`."""
        if not self.comments:
            return []
        patches: list[Patch] = []
        stack: list[tuple[int, Leaf | None]] = []  # elements that stay, last comment
        for index, part in enumerate(self.layout.shape):
            if part.__class__ is Leaf and id(part) in self.comments:
                patches.append(Patch(index, index + 1, ()))
                stack[-1] = (stack[-1][0], self.comments[id(part)])
            elif part in STARTS:
                stack = [*stack[:-1], (stack[-1][0] + 1, stack[-1][1])] if stack else stack
                stack.append((0, None))
            elif part == END:
                stayed, last = stack.pop()
                if last is not None and not stayed and not last.parent.flow:
                    self._add_empty_list(last)
            elif stack:
                stack[-1] = (stack[-1][0] + 1, stack[-1][1])
        return patches

    def _add_empty_list(self, last: Leaf) -> None:
        stop = line_stop(self.text, last.end)
        column = max(last.parent.column, _column(last.parent.parent) + 1)
        self.edits.append((stop, stop, f"{self._newline}{' ' * column}[]"))

    # ------------------------------------------------------------------ aliases

    def write_aliases(self) -> list[Patch]:
        """An alias follows its anchor; one that would then read as another value than it opened to is written out."""
        return aliases.write_out(
            self.text, self.layout, self._items, self.edits, stays=self._alias_stays, spelled=self._copied
        )

    def _alias_stays(self, _: int, alias: Alias, leaves: list[Leaf]) -> bool:
        if alias.is_key:
            return id(alias.target) not in self.opened
        for leaf in leaves:
            target = aliases.repeated(leaf)
            if target is not None and self._reads(leaf) != self._reads(target):
                return False
            if target is None and id(leaf) in self.opened:
                return False
        return True

    def _reads(self, leaf: Leaf) -> str:
        return self.opened.get(id(leaf), leaf.value)

    def _copied(self, leaf: Leaf) -> tuple[str, str]:
        value = self.opened.get(id(leaf))
        if value is None:
            return aliases.flow_scalar(leaf)
        return aliases.flow_string(value) if id(leaf) in self._strings else (value, value)

    # ------------------------------------------------------------------ the sops entry

    def remove_entries(self) -> list[Patch]:
        """Take the `sops` entry out of every document; a file of nothing else becomes an empty mapping."""
        patches: list[Patch] = []
        for region in self.layout.regions:
            entry = region.entry
            if entry is None:
                continue
            block.remove(self.text, region, entry, self.edits)
            if self.layout.shape[region.shape_end - 1] == MAP and not region.root.flow:
                patches.append(self._empty_root(region, entry))
        return patches

    def _empty_root(self, region: Region, entry: Entry) -> Patch:
        end = region.shape_end
        if region.is_explicit(self.text):
            return Patch(end - 1, end + 1, [""])
        start = region.line_start(self.text, entry.start)
        self.edits.append((start, start, "{}" + self._newline))
        return Patch(end - 1, end + 1, [MAP, END])


def _column(container: Container | None) -> int:
    return container.column if container is not None else -1


def _one_line(leaf: Leaf, value: str) -> str:
    """A string on one line, in the style of the quotes around its token."""
    flow = leaf.parent.flow
    tagged = isinstance(leaf.extra, Properties) and leaf.extra.tag not in {None, "!"}
    if leaf.style == '"':
        return spell.double_quoted(value)
    if leaf.style == "'" and not flow:
        return spell.single_quoted(value) or spell.double_quoted(value)
    return spell.preferred(value, flow=flow, tagged=tagged)


def scalar_text(kind: str, data: bytes, spelling: bytes) -> str:
    """A number, boolean or time: the spelling inside the ciphertext if it reads as the same value, else the canonical one."""
    canonical = data.decode("ascii")
    if kind == "bool":
        words = TRUE_WORDS if canonical == "True" else FALSE_WORDS
        return spelling.decode("ascii") if spelling in words else canonical.lower()
    if kind == "time" or (spelling == data and (kind == "int" or b"." in data)):
        return canonical
    try:
        text = spelling.decode("ascii")
        if text and resolve(text) == (kind, data):
            return text
    except (UnicodeDecodeError, UnresolvableError):
        pass
    return emit.float_text(canonical) if kind == "float" else canonical


def open_values(document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
    """See `Format.open`."""
    layout = layout_of(document)
    forced: frozenset[int] | None = frozenset()
    while True:
        opening = Opening(document, forced)
        opening.add(values)
        patches = [*opening.drop_elements(), *opening.write_aliases(), *opening.remove_entries()]
        text = splice(document.text, opening.edits)
        read, meant = signature(text), expected_shape(layout.shape, opening.opened, patches)
        if read == meant:
            return UnreadDocument(document.format, text, layout.limits, bom=document.bom)
        if forced is None:
            raise AssertionError("the opened text does not read as it was meant")
        forced = None if forced else _doubtful(opening)


def _doubtful(opening: Opening) -> frozenset[int] | None:
    """The leaves to blame first when a text does not read as meant: those of more than one line."""
    return frozenset(leaf for leaf, value in opening.opened.items() if "\n" in value) or None
