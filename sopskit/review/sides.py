"""One state of one file, read without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Leaf, format_for_path, parse
from sopskit.errors import EncryptedValueError
from sopskit.review.model import Recipient
from sopskit.sops.metadata import Metadata
from sopskit.sops.values import PREFIX, EncryptedValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Comment, Document

TOKEN_START = PREFIX.encode("ascii")


class Side(NamedTuple):
    """A file as it stands on one side. `metadata` is None for a plain one, `document` for a file of no known format."""

    document: Document | None
    metadata: Metadata | None

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
        if self.metadata is None or not item.value.startswith(PREFIX):
            return None
        try:
            return EncryptedValue.parse(item.value)
        except EncryptedValueError:
            return None

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
    Raises `FormatError` if it cannot be read.
    """
    format = format_for_path(path)
    if format.NAME == "binary" and not looks_encrypted(data):
        return Side(None, None)
    document = parse(data, format, encrypted=True)
    return Side(document, Metadata.from_block(document.block) if document.block else None)


def looks_encrypted(data: bytes) -> bool:
    """Whether tokens and a `sops` block seem to be in it, for files that cannot be read."""
    return TOKEN_START in data and b"sops" in data


def is_empty(leaf: Leaf) -> bool:
    """An empty text: SOPS leaves it as it is where it would encrypt it."""
    return leaf.kind == "str" and not leaf.value
