"""What was written is read again and compared with what was meant, before it is handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document.model import Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sopskit.document.model import Comment, Document, Path, Raw


class Meant(NamedTuple):
    """An item as it must read back; a comment has the path of its container and the kind `comment`."""

    path: Path
    kind: str
    data: bytes

    def __repr__(self) -> str:
        """Place and kind, not content."""
        return f"Meant({self.path!r}, {self.kind!r})"


def as_is(item: Leaf | Comment) -> Meant:
    """An item that must read back unchanged."""
    if isinstance(item, Leaf):
        return Meant((*item.parent.path, item.key), item.kind, item.data)
    return Meant(item.parent.path, "comment", item.value.encode("utf-8", "surrogateescape"))


def as_text(item: Leaf | Comment, text: str) -> Meant:
    """An item that must read back as the string, or the comment, `text`."""
    data = text.encode("utf-8", "surrogateescape")
    if isinstance(item, Leaf):
        return Meant((*item.parent.path, item.key), "str", data)
    return Meant(item.parent.path, "comment", data)


def with_texts(items: Iterable[Leaf | Comment], texts: Mapping[int, str]) -> list[Meant]:
    """All `items`, those whose `start` is in `texts` with that text."""
    return [as_is(item) if (text := texts.get(item.start)) is None else as_text(item, text) for item in items]


def check(document: Document, meant: list[Meant]) -> Document:
    """Give `document` if its items are the ones meant; else there is a bug, and nothing may be written."""
    if [as_is(item) for item in document.items] != meant:
        raise AssertionError(f"the {document.format.NAME} text does not read back as it was meant")
    return document


def check_block(document: Document, block: Mapping[str, Raw]) -> Document:
    """Give `document` if its `sops` block is the one meant."""
    if document.block is None or document.block.tree != block:
        raise AssertionError("the sops block does not read back as it was meant")
    return document
