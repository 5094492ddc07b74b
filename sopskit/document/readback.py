"""What was written is read again and compared with what was meant, before it is handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.model import Leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from sopskit.document.model import Comment, Document, Path, Raw

    # path of the container, key (None: a comment), kind, bytes; a plain tuple, as there is one for every value
    Meant: TypeAlias = tuple[Path, str | int | None, str, bytes]


def as_is(item: Leaf | Comment) -> Meant:
    """An item that must read back unchanged."""
    if isinstance(item, Leaf):
        return item.parent.path, item.key, item.kind, item.data
    return item.parent.path, None, "comment", item.value.encode("utf-8", "surrogateescape")


def as_text(item: Leaf | Comment, text: str) -> Meant:
    """An item that must read back as the string, or the comment, `text`."""
    data = text.encode("utf-8", "surrogateescape")
    return (
        (item.parent.path, item.key, "str", data)
        if isinstance(item, Leaf)
        else (item.parent.path, None, "comment", data)
    )


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
