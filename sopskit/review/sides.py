"""One state of one file, read without a key."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from sopskit.document import Leaf, format_for_path, parse
from sopskit.errors import EncryptedValueError, LimitError
from sopskit.review.leafcount import MOST, has_too_many
from sopskit.review.model import Point, Range, Recipient
from sopskit.sops.metadata import Metadata
from sopskit.sops.values import PREFIX, EncryptedValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Comment, Document

TOKEN_START = PREFIX.encode("ascii")


class Side:
    """A file as it stands on one side. `metadata` is None for a plain one, `document` for a file of no known format."""

    __slots__ = ("_lines", "_tokens", "document", "metadata")

    def __init__(self, document: Document | None, metadata: Metadata | None) -> None:
        """Hold both."""
        self.document = document
        self.metadata = metadata
        self._tokens: dict[str, EncryptedValue | None] = {}  # by their text: each is asked for by many policies
        self._lines: list[int] = []  # where each begins, once that is asked for

    def __repr__(self) -> str:
        """Format, not content."""
        return f"<{'encrypted' if self.metadata else 'plain'} side, {self.format}>"

    @property
    def format(self) -> str | None:
        """The name of its format."""
        return self.document.format.NAME if self.document else None

    def recipients(self) -> tuple[Recipient, ...]:
        """Who can open it, as its metadata says, in the order of the file."""
        groups = self.metadata.groups if self.metadata else ()
        return tuple(Recipient(key.kind, key.id, number) for number, group in enumerate(groups) for key in group)

    def wrapped_keys(self) -> frozenset[tuple[str, str]]:
        """Each recipient with the wrapped data key it has."""
        groups = self.metadata.groups if self.metadata else ()
        return frozenset((key.id, key.enc) for group in groups for key in group if key.enc)

    def rules(self) -> dict[str, str | bool]:
        """The selection fields as in the file."""
        if self.metadata is None:
            return {}
        rules: dict[str, str | bool] = {}
        if self.metadata.selection.field:
            rules[self.metadata.selection.field] = self.metadata.selection.pattern
        if self.metadata.mac_only_encrypted:
            rules["mac_only_encrypted"] = True
        return rules

    def token(self, item: Leaf | Comment) -> EncryptedValue | None:
        """The encrypted value that stands there; None for plain text."""
        text = item.value
        if self.metadata is None or not text.startswith(PREFIX):
            return None
        if text not in self._tokens:
            try:
                self._tokens[text] = EncryptedValue.parse(text)
            except EncryptedValueError:
                self._tokens[text] = None
        return self._tokens[text]

    def range_of(self, leaf: Leaf) -> Range:
        """Where a leaf of this side stands, in a time that does not grow with the lines before it."""
        if not self._lines:
            lines = self.document.text.split("\n") if self.document else ()
            self._lines = list(accumulate((len(line) + 1 for line in lines), initial=0))
        return Range(self._point(leaf.start), self._point(leaf.end))

    def _point(self, index: int) -> Point:
        line = bisect_right(self._lines, index)
        return Point(line, index - self._lines[line - 1] + 1)

    def uncovered(self) -> Iterator[Leaf]:
        """Leaves that the file's own rule covers and that are plain text all the same."""
        if self.metadata is None or self.document is None:
            return
        encrypts = self.metadata.selection.walk(lenient=True).encrypts
        for item in self.document.items:
            selected = encrypts(item)
            if not isinstance(item, Leaf) or not selected or item.kind == "null" or is_empty(item):
                continue
            if self.token(item) is None:
                yield item


def read_side(path: str, data: bytes) -> Side:
    """Read a file's state. `path` tells the format.

    A file of a format that is not SOPS's own (`binary`) is not taken apart unless it holds tokens.
    Raises `FormatError` if it cannot be read, `LimitError` for a plain one of too many values.
    """
    format = format_for_path(path)
    if not looks_encrypted(data):
        if format.NAME == "binary":
            return Side(None, None)
        if has_too_many(data, format.NAME):
            raise LimitError(f"more than {MOST} values in a file that is not encrypted")
    document = parse(data, format, encrypted=True)
    return Side(document, Metadata.from_block(document.block) if document.block else None)


def looks_encrypted(data: bytes) -> bool:
    """Whether tokens and a `sops` block seem to be in it, for files that cannot be read."""
    return TOKEN_START in data and b"sops" in data


def is_empty(leaf: Leaf) -> bool:
    """An empty text: SOPS leaves it as it is where it would encrypt it."""
    return leaf.kind == "str" and not leaf.value
