"""What every format gives and takes: source text, its typed leaves, and edits.

A `Document` is one file, which may hold several YAML documents. Its `items` are the leaves and comments
in the order in which SOPS walks the tree; the `sops` entry is not among them but in `block`.
Positions are code points into `Document.text` (which has no byte order mark).

A format is a module with the functions of the `Format` protocol. It knows spelling, not keys:
it is handed finished tokens and plaintexts, and decides which bytes of the text change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sopskit.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

Path: TypeAlias = "tuple[str | int, ...]"  # mapping keys, and list positions that count no comments
Raw: TypeAlias = "bool | int | float | str | Timestamp | list[Raw] | dict[str, Raw] | None"


class Timestamp:
    """A plain scalar that YAML reads as a time. SOPS refuses one where metadata wants a string."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Keep the source text."""
        self.text = text


class Container:
    """A mapping or list, and what all its items share.

    `keys` are the mapping keys from the root (list positions leave no trace: SOPS section 3.1);
    `prefix` is their additional data, every key followed by a colon, so that of a list's element and,
    with the key appended, of a mapping's. `path` counts list positions too.
    """

    __slots__ = ("column", "document", "flow", "is_map", "key", "keys", "parent", "path", "prefix")

    def __init__(
        self,
        parent: Container | None,
        key: str | int | None,
        *,
        is_map: bool,
        flow: bool = False,
        column: int = 0,
        document: int = 0,
    ) -> None:
        """Make a container below `parent` (None: a root), standing there under `key`."""
        self.parent = parent
        self.key = key
        self.is_map = is_map
        self.flow = flow
        self.column = column
        if parent is None:
            self.document = document
            self.keys: tuple[str, ...] = ()
            self.prefix = ""
            self.path: Path = ()
            return
        self.document = parent.document
        self.path = (*parent.path, key)  # type: ignore[arg-type]
        if parent.is_map:
            self.keys = (*parent.keys, key)  # type: ignore[arg-type]
            self.prefix = f"{parent.prefix}{key}:"
        else:
            self.keys = parent.keys
            self.prefix = parent.prefix

    def __repr__(self) -> str:
        """Where it stands."""
        return f"<{'mapping' if self.is_map else 'list'} {self.path!r}>"


class Leaf(NamedTuple):
    """A scalar. `value` and `data` are never shown by `repr`.

    `kind` is SOPS's type: `str int float bool time null` (`uint64`: an integer that SOPS cannot hold).
    `value` is the scalar's own text, unquoted and unescaped (`1.10`); `data` the canonical bytes that
    the MAC covers (`1.1`; SOPS section 2), empty for null.
    `style` is the format's own note on how it was quoted, `extra` whatever else the format must know to
    spell it again (None for an ordinary scalar). A leaf below an alias has the alias's span. Where a format has
    comments, an empty mapping or list is a null of no width: comments before it are not about what follows.
    """

    start: int
    end: int
    value: str
    kind: str
    data: bytes
    parent: Container
    key: str | int
    style: str
    extra: object

    @property
    def path(self) -> Path:
        """Keys and list positions from the root."""
        return (*self.parent.path, self.key)

    @property
    def keys(self) -> tuple[str, ...]:
        """Mapping keys from the root: what selection rules look at."""
        parent = self.parent
        return (*parent.keys, self.key) if parent.is_map else parent.keys  # type: ignore[arg-type]

    @property
    def aad(self) -> str:
        """Additional authenticated data: every mapping key followed by a colon (SOPS section 3.2)."""
        parent = self.parent
        return f"{parent.prefix}{self.key}:" if parent.is_map else parent.prefix

    def __repr__(self) -> str:
        """Place and kind, not content."""
        return f"Leaf({self.start}:{self.end}, {MASK}, kind={self.kind!r}, path={self.path!r})"


class Comment(NamedTuple):
    """A comment's text, from after its marker to the line's end. `start` and `end` cover just that text.

    `marker` is the position of the marker itself (`#` or `;`). In `items` a comment stands before the leaf it belongs to.
    `parent` is the container whose path authenticates it.
    """

    start: int
    end: int
    value: str
    parent: Container
    inline: bool
    marker: int

    @property
    def aad(self) -> str:
        """Additional data of a comment: its container's; `:` at the root (SOPS section 3.2)."""
        return self.parent.prefix or ":"

    def __repr__(self) -> str:
        """Place, not content."""
        return f"Comment({self.start}:{self.end}, {MASK}, parent={self.parent!r})"


class Edit(NamedTuple):
    """Replace `text[start:end]` with `text`; `start == end` inserts."""

    start: int
    end: int
    text: str

    def __repr__(self) -> str:
        """Place, not content."""
        return f"Edit({self.start}:{self.end}, {MASK})"


class Plain(NamedTuple):
    """A decrypted value on its way into a text.

    `data` is canonical (what the MAC covers), `spelling` is what was inside the ciphertext: for numbers
    and booleans it may keep the user's own spelling (`1.10`), and is used if it reads as the same value.
    """

    kind: str
    data: bytes
    spelling: bytes

    def __repr__(self) -> str:
        """Kind, not content."""
        return f"Plain({self.kind!r}, {MASK})"


class Block(NamedTuple):
    """The `sops` entry as it stands in the file.

    `tree` is nested for YAML and JSON; for dotenv and INI it is the flat mapping, without the `sops_`
    prefix or section (SOPS section 6.6). It may be anything: what is not a mapping is refused by the reader of metadata.
    """

    tree: Raw
    flat: bool
    line: int


class Limits(NamedTuple):
    """How much a file may ask for. `nodes` counts what aliases add, not what is written."""

    size: int = 64 * 1024 * 1024
    depth: int = 64
    nodes: int = 100_000


class Document:
    """One file: text, items in walk order, the `sops` block if there is one.

    `layout` belongs to the format. `repr` shows no content.
    """

    __slots__ = ("__weakref__", "block", "bom", "format", "items", "layout", "roots", "text")

    def __init__(
        self,
        format: Format,
        text: str,
        items: list[Leaf | Comment],
        roots: list[Container],
        block: Block | None,
        *,
        bom: bool = False,
        layout: object = None,
    ) -> None:
        """Hold the parts; nothing is copied."""
        self.format = format
        self.text = text
        self.items = items
        self.roots = roots
        self.block = block
        self.bom = bom
        self.layout = layout

    def __repr__(self) -> str:
        """Format and size."""
        return f"<{self.format.NAME} document, {len(self.items)} items>"

    def leaves(self) -> list[Leaf]:
        """The items that are no comments."""
        return [item for item in self.items if item.__class__ is Leaf]

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        return self.format.encode(self)


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Splice `edits` into `text`. They may come in any order but must not overlap."""
    out: list[str] = []
    position = 0
    for start, end, new in sorted(edits, key=lambda edit: (edit[0], edit[1])):
        if start < position:
            raise AssertionError("edits overlap")
        out.append(text[position:start])
        out.append(new)
        position = end
    out.append(text[position:])
    return "".join(out)


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column (1-based, code points) of `index`."""
    start = text.rfind("\n", 0, index) + 1
    return text.count("\n", 0, index) + 1, index - start + 1


class Format(Protocol):
    """What a format module offers. All functions raise `DocumentSyntaxError` or `LimitError`, never quote a value.

    Every function that changes a text reads its own result again and compares it with what was meant
    before it returns; a difference is mended by the safest spelling, or raised as `AssertionError` (a bug).
    """

    NAME: str
    FLAT: bool  # whether the `sops` block is a flat mapping (dotenv, INI)

    def parse(self, source: bytes, *, encrypted: bool, limits: Limits) -> Document:
        """Read a file. `encrypted` tells the formats whose two forms differ (binary) which one to expect."""
        ...

    def encode(self, document: Document) -> bytes:
        """The inverse of reading: `encode(parse(source)) == source`."""
        ...

    def seal(
        self,
        document: Document,
        tokens: Sequence[tuple[Leaf | Comment, str]],
        block: Mapping[str, Raw],
        *,
        indent: int | None,
        one_line: frozenset[tuple[int, Path]],
    ) -> Document:
        """Put `ENC[...]` tokens in the place of items, keep each one's quoting around it, append `block`.

        Values named in `one_line` (document number, path) stood as bare one-line tokens in an older version, and do so again.
        """
        ...

    def open(self, document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
        """Put plaintexts in the place of tokens, and take the `sops` block away: the inverse of `seal`."""
        ...

    def reblock(self, document: Document, block: Mapping[str, Raw], *, indent: int | None) -> Document:
        """Put another `sops` block in the place of the one there."""
        ...

    def assign(self, document: Document, path: Path, value: Raw) -> Document:
        """Set what stands at `path` of the first document to a JSON value, adding keys and list elements as sops's `set` does."""
        ...

    def remove(self, document: Document, path: Path) -> Document:
        """Take away what stands at `path` of the first document. Raises `PathNotFoundError`."""
        ...

    def extract(self, document: Document, path: Path, *, indent: int | None) -> bytes:
        """What sops's `decrypt --extract` prints for `path`."""
        ...
