"""YAML text to items: one pass over the events, with a stack of open collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sopskit.document.model import Block, Comment, Container, Document, Leaf, position
from sopskit.document.yaml import aliases, entry, events
from sopskit.document.yaml.blockscalar import BLOCK_STYLES
from sopskit.document.yaml.comments import Gaps
from sopskit.document.yaml.layout import (
    DOCUMENT,
    END,
    LIST,
    MAP,
    Alias,
    AliasPart,
    Layout,
    Properties,
    Region,
    Shape,
    line_start,
    line_stop,
    next_token,
)
from sopskit.document.yaml.properties import content_start
from sopskit.document.yaml.resolve import BINARY_TAG, NUMERIC, WORDS, UnresolvableError, resolve, resolve_tagged
from sopskit.errors import DocumentSyntaxError, LimitError, MetadataError

if TYPE_CHECKING:
    from sopskit.document.model import Format, Limits

BOM = b"\xef\xbb\xbf"
# keys that need a second look: those that may be no strings, and two with a meaning
NOTED_KEYS = frozenset((*WORDS, "sops", "<<"))
EMPTY = (MAP, LIST)  # what comes last before the end of an empty mapping or list
COMMENT_ELEMENT = ",type:comment]"  # how a list element ends that sops made of a comment


def decode(source: bytes) -> tuple[str, bool]:
    """The text without its byte order mark, and whether there was one. UTF-8 only."""
    if source.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentSyntaxError("the file is UTF-16; SOPS would write UTF-8", hint="convert it to UTF-8 first")
    bom = source.startswith(BOM)
    body = source[3:] if bom else source
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = position(body[: error.start].decode("utf-8"), error.start)
        raise DocumentSyntaxError("the file is not valid UTF-8").at(line=line, column=column) from None
    if text.startswith("\ufeff"):
        raise DocumentSyntaxError("the file begins with two byte order marks").at(line=1, column=1)
    return text, bom


def read(format: Format, text: str, limits: Limits, *, bom: bool = False) -> Document:
    """Read a text. Raises `DocumentSyntaxError`, `LimitError`, and `MetadataError` for two `sops` entries."""
    try:
        reader = _Reader(text, limits)
        reader.run()
    except events.YAMLError as error:
        problem = events.syntax_error(text, error)
    except UnicodeEncodeError:
        problem = DocumentSyntaxError("the YAML escapes a character that is none")
    else:
        return reader.document(format, bom=bom)
    raise problem from None


class _Reader:
    """The state of one pass. What the hot loop needs it keeps in local variables."""

    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.limits = limits
        self.parser = events.Parser(text)
        self.items: list[Leaf | Comment] = []
        self.shape: Shape = []
        self.gaps = Gaps(text, self.items)
        self.regions: list[Region] = []
        self.anchors: dict[str, aliases.Anchor] = {}
        self.aliases: list[Alias] = []
        self.steps: set[int] = set()
        self.added = 0
        self.deepest = 0  # collections around the deepest place met, aliases followed, since the last anchor

    def document(self, format: Format, *, bom: bool) -> Document:
        """The result, after `run`."""
        layout = Layout(self.regions, self.shape, self.aliases, frozenset(self.steps), self.limits)
        block = None
        if self.regions and (first := self.regions[0].entry):
            block = Block(first.tree, False, position(self.text, first.start)[0])
        roots = [region.root for region in self.regions]
        return Document(format, self.text, self.gaps.merged(), roots, block, bom=bom, layout=layout)

    def run(self) -> None:
        """The hot loop: 3.5 microseconds a value, of which 1.8 are libyaml's and its event objects'.

        Long on purpose: a call per event would cost a fifth more. Everything that is rare is in a method.
        """
        get, items, shape, gaps = self.parser.get_event, self.items, self.shape, self.gaps
        add_item, add_shape, make = items.append, shape.append, tuple.__new__
        closed, next_hash = gaps.closed, gaps.next
        scalar, mapping, sequence = events.ScalarEvent, events.MappingStartEvent, events.SequenceStartEvent
        ends = (events.MappingEndEvent, events.SequenceEndEvent)
        words, numeric, noted = WORDS, NUMERIC, NOTED_KEYS
        container: Any = None
        is_map = wants_key = False
        keys: set[str] = set()
        key: Any = 0
        first = 0
        anchor: aliases.Anchor | None = None
        stack: list[tuple[Any, bool, set[str], Any, int, aliases.Anchor | None]] = []
        while True:
            event = get()
            kind = event.__class__
            if kind is scalar:
                start, end, value = event.start_mark.index, event.end_mark.index, event.value
                if next_hash < end:
                    next_hash = self._comments_before(event, start, end, container)
                if closed:
                    closed.clear()
                if wants_key:
                    if value in keys:
                        self._refuse_key(event, container)
                    if (value in noted or value[0] in numeric or event.tag is not None) and self._is_entry(
                        event, container
                    ):
                        next_hash = self._read_entry(event)
                        keys.add(value)
                        continue
                    if event.anchor is not None:
                        self.anchors[event.anchor] = aliases.Anchor.of_key(event)
                    keys.add(value)
                    add_shape(value)
                    key = value
                    wants_key = False
                    continue
                style, extra = event.style, None
                if event.tag is None and event.anchor is None:
                    if style or (value not in words and value[0] not in numeric):
                        resolved, data = "str", value.encode()
                    else:
                        resolved, data = self._resolve(event)
                else:
                    resolved, data = self._resolve(event)
                    extra = Properties(event.tag, event.anchor)
                if container is None:
                    self._root_scalar(event, resolved)
                    continue
                leaf = make(Leaf, (start, end, value, resolved, data, container, key, style, extra))
                add_item(leaf)
                add_shape(leaf)
                if extra is not None and extra.anchor is not None:
                    self.anchors[extra.anchor] = aliases.Anchor.of_leaf(leaf)
            elif kind is mapping or kind is sequence:
                if wants_key:
                    self._fail(event, "a mapping or list stands where a key must be; SOPS knows only strings as keys")
                child = self._enter(event, container, key, len(stack), kind is mapping)
                start = event.start_mark.index
                if next_hash < start:
                    next_hash = gaps.take(start, container or child, child)
                closed.clear()
                stack.append((container, is_map, keys, key, first, anchor))
                container, is_map, wants_key = child, kind is mapping, kind is mapping
                keys, key, first, anchor = set(), 0, len(items), self._open_anchor(event, child, len(stack))
                add_shape(MAP if is_map else LIST)
                if not is_map:
                    gaps.mark_from(start)
                continue
            elif kind in ends:
                end = event.end_mark.index
                if container.flow:
                    if next_hash < end:
                        next_hash = gaps.take(end, container, container)
                    gaps.end_flow(container, end, first)
                else:
                    closed.append((container.column, container))
                if anchor is not None:
                    anchor.close(len(items), len(shape) + self.added, self.deepest)
                    self.deepest = max(self.deepest, anchor.deepest)
                empty = first == len(items) and shape[-1] in EMPTY
                add_shape(END)
                container, is_map, keys, key, first, anchor = stack.pop()
                wants_key = False
                if empty and container is not None and not self.anchors:  # below an alias nobody asks for it
                    add_item(make(Leaf, (end, end, "", "null", b"", container, key, "", None)))
                if container is None:
                    self._end_root(event)
                    continue
            elif kind is events.AliasEvent:
                if next_hash < event.start_mark.index:
                    owner = container or self.regions[-1].root
                    next_hash = gaps.take(event.start_mark.index, owner, owner)
                closed.clear()
                add_shape((event.anchor,))
                if wants_key:
                    key = self._alias_key(event, container, keys)
                    wants_key = False
                    continue
                self._expand(event, container, key, len(stack))
            elif event is None or kind is events.StreamEndEvent:
                if self.regions:
                    gaps.take(len(self.text), self.regions[-1].root, self.regions[-1].root)
                return
            else:
                next_hash = self._boundary(event, next_hash)
                continue
            if is_map:
                wants_key = True
            elif kind is not scalar or not value.endswith(COMMENT_ELEMENT):
                key += 1

    # ------------------------------------------------------------------ what is rare

    def _fail(self, event: Any, message: str) -> NoReturn:
        events.fail(self.text, event.start_mark.index, message)

    def _over_limit(self, event: Any, message: str) -> NoReturn:
        line, column = position(self.text, event.start_mark.index)
        raise LimitError(message).at(line=line, column=column)

    def _comments_before(self, event: Any, start: int, end: int, container: Container | None) -> int:
        gaps = self.gaps
        owner = container or self.regions[-1].root
        if gaps.next < start:
            gaps.take(start, owner, owner)
        if gaps.next >= end:
            return gaps.next
        content = content_start(self.text, start, end, event)
        gaps.take_marked(start, content, owner)
        if event.style in BLOCK_STYLES:
            gaps.take_marked(content, min(end, line_stop(self.text, content)), owner)
        return gaps.skip(end)

    def _resolve(self, event: Any) -> tuple[str, bytes]:
        try:
            if event.tag is None:
                return ("str", event.value.encode()) if event.style else resolve(event.value)
            return resolve_tagged(event.value, event.tag, plain=not event.style)
        except UnresolvableError as error:
            message = str(error)
        return self._fail(event, message)

    def _refuse_key(self, event: Any, container: Container) -> NoReturn:
        if event.value == "sops" and container.parent is None:
            line, column = position(self.text, event.start_mark.index)
            raise MetadataError("the document has two sops entries").at(line=line, column=column)
        self._fail(event, "this key stands in its mapping already")

    def _is_entry(self, event: Any, container: Container) -> bool:
        """Check a key that may be no string; tell whether it is the one of the `sops` entry."""
        kind = (
            resolve_tagged("", None, plain=False)[0] if event.style and event.tag is None else self._resolve(event)[0]
        )
        if kind != "str":
            self._fail(event, f"a key that is read as {kind}; SOPS knows only strings as keys: quote it")
        if event.tag == BINARY_TAG:
            self._fail(
                event, "a key in base64 (!!binary), which SOPS reads as another name than the one that stands there"
            )
        if event.value == "<<" and not event.style:
            self._check_merge()
        return event.value == "sops" and container.parent is None

    def _check_merge(self) -> None:
        """go-yaml refuses `<<` with anything but mappings."""
        event = self.parser.peek_event()
        anchor = self.anchors.get(getattr(event, "anchor", None) or "")
        if isinstance(event, events.ScalarEvent) or (
            isinstance(event, events.AliasEvent) and anchor is not None and anchor.container is None
        ):
            self._fail(event, "a merge key needs a mapping or a list of mappings")

    def _read_entry(self, event: Any) -> int:
        region = self.regions[-1]
        region.entry = entry.read(self.text, self.parser, event, len(self.shape), self.limits)
        stop = region.entry.end if region.root.flow else entry.line_after(self.text, region.entry.end)
        return self.gaps.skip(stop)

    def _root_scalar(self, event: Any, kind: str) -> None:
        if kind != "null":
            self._fail(event, "the document is a single value; SOPS needs a mapping")
        region = self.regions[-1]
        if event.end_mark.index > event.start_mark.index:
            region.null = (event.start_mark.index, event.end_mark.index)
        region.shape_end = len(self.shape)
        self.shape.append(event.value)

    def _enter(self, event: Any, container: Container | None, key: Any, depth: int, is_map: bool) -> Container:
        if depth >= self.limits.depth:
            self._over_limit(event, f"nested deeper than the limit of {self.limits.depth}")
        if depth >= self.deepest:
            self.deepest = depth + 1
        column, flow = event.start_mark.column, event.flow_style
        if event.anchor is not None or event.tag is not None:
            column = self._first_column(event, is_map=is_map)
        if container is None:
            if not is_map:
                self._fail(event, "the document is a list; SOPS needs a mapping")
            root = self.regions[-1].root
            root.flow, root.column = flow, column
            return root
        if is_map and container.is_map and not flow:
            self.steps.add(column - container.column)
        return Container(container, key, is_map=is_map, flow=flow, column=column)

    def _first_column(self, event: Any, *, is_map: bool) -> int:
        """The column of a block collection behind an anchor or a tag: that of its first key or dash."""
        if event.flow_style:
            return int(event.start_mark.column)
        if not is_map:
            head = event.start_mark
            dash = next_token(self.text, content_start(self.text, head.index, len(self.text), event))
            start = line_start(self.text, dash, head.index)
            return dash - start + (int(head.column) if start == head.index else 0)
        start = self.parser.peek_event().start_mark
        before = self.text[max(0, start.index - 2) : start.index]
        return int(start.column) - (2 if before in {"? ", "?\t"} else 0)

    def _open_anchor(self, event: Any, container: Container, depth: int) -> aliases.Anchor | None:
        if event.anchor is None:
            return None
        anchor = aliases.Anchor(container, len(self.items), len(self.shape) + self.added)
        anchor.depth, anchor.deepest, self.deepest = depth - 1, self.deepest, depth
        self.anchors[event.anchor] = anchor
        return anchor

    def _end_root(self, event: Any) -> None:
        region = self.regions[-1]
        region.close = event.start_mark.index
        region.shape_end = len(self.shape) - 1

    def _target(self, event: Any) -> aliases.Anchor:
        anchor = self.anchors.get(event.anchor)
        if anchor is None:
            self._fail(event, "an alias of an anchor that is not defined before it")
        if anchor.last < 0:
            self._fail(event, "an alias inside the value that its anchor names: it contains itself")
        return anchor

    def _alias_key(self, event: Any, container: Container, keys: set[str]) -> str:
        anchor = self._target(event)
        if anchor.container is not None or anchor.kind != "str" or anchor.data != anchor.text.encode():
            self._fail(event, "an alias of something else than a string stands as a key")
        if anchor.text in keys or (anchor.text == "sops" and container.parent is None):
            self._fail(event, "this key stands in its mapping already, or is reserved")
        keys.add(anchor.text)
        mark = event.start_mark.index, event.end_mark.index
        self.aliases.append(Alias(*mark, event.anchor, is_key=True, text=anchor.text, target=anchor.leaf))
        return anchor.text

    def _expand(self, event: Any, container: Container, key: Any, depth: int) -> None:
        """Add the leaves that an alias repeats, under their new path."""
        anchor = self._target(event)
        self.added += anchor.nodes
        self.deepest = max(self.deepest, depth + anchor.depth)
        if self.added > self.limits.nodes:
            self._over_limit(event, f"aliases add more than the limit of {self.limits.nodes} values")
        if self.deepest > self.limits.depth:
            self._over_limit(event, f"aliases nest deeper than the limit of {self.limits.depth}")
        number = len(self.aliases)
        start, end = event.start_mark.index, event.end_mark.index
        self.aliases.append(Alias(start, end, event.anchor))
        if anchor.container is None:
            part = AliasPart(number, anchor.leaf)
            self.items.append(Leaf(start, end, anchor.text, anchor.kind, anchor.data, container, key, "*", part))
            return
        copy = Container(container, key, is_map=anchor.container.is_map, flow=container.flow, column=container.column)
        copies = aliases.Copies(anchor.container, copy)
        for item in self.items[anchor.first : anchor.last]:
            if isinstance(item, Leaf):
                parent = copies.of(item.parent)
                part = AliasPart(number, item)
                self.items.append(Leaf(start, end, item.value, item.kind, item.data, parent, item.key, "*", part))

    def _boundary(self, event: Any, next_hash: int) -> int:
        """Begin or end a document (or the stream)."""
        gaps, kind = self.gaps, event.__class__
        if kind is events.DocumentStartEvent:
            if event.version is not None and tuple(event.version) != (1, 1):
                self._fail(event, "a %YAML directive of another version than 1.1, which SOPS refuses")
            root = Container(None, None, is_map=True, column=-1, document=len(self.regions))
            self.regions.append(Region(root, event.end_mark.index))
            self.shape.append(DOCUMENT)
            self.anchors.clear()
            gaps.closed.clear()
            return gaps.take(event.end_mark.index, root, root)
        if kind is events.DocumentEndEvent:
            region = self.regions[-1]
            region.end = event.start_mark.index
            # the `sops` entry follows here, in every encrypted text, so a comment is read as if it did
            region.root.column = max(region.root.column, 0)
            next_hash = gaps.take(region.end, region.root, region.root)
        return next_hash
