"""Sealing and opening without keys: tokens that look real, and the plaintexts they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import Comment, Document, Leaf, Limits, Plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.document import Raw

BLOCK: dict[str, Raw] = {"lastmodified": "2026-01-01T00:00:00Z", "mac": "ENC[x]", "version": "3.13.3"}


def token(number: int) -> str:
    return f"ENC[AES256_GCM,data:{number:04},iv:AAAA,tag:BB/+,type:str]"


def is_sealed(item: Leaf | Comment) -> bool:
    """What SOPS encrypts when everything is selected: no null, nothing empty."""
    return bool(item.data or item.kind != "str") and item.kind != "null" if isinstance(item, Leaf) else bool(item.value)


def seal(document: Document, *, block: dict[str, Raw] | None = None, indent: int | None = None) -> Document:
    """Every value and comment as a token."""
    chosen = [item for item in document.items if is_sealed(item)]
    tokens = [(item, token(number)) for number, item in enumerate(chosen)]
    return document.format.seal(document, tokens, block or BLOCK, indent=indent, one_line=frozenset())


def plain_of(item: Leaf | Comment) -> Plain:
    """The plaintext of an item, spelled as the user did."""
    spelling = item.value.encode("utf-8", "surrogateescape")
    if isinstance(item, Leaf):
        return Plain(item.kind, item.data, item.data if item.kind == "str" else spelling)
    return Plain("comment", spelling, spelling)


def open_again(sealed: Document, plain: Document) -> Document:
    """The inverse of `seal`, for the document that was sealed."""
    source = sealed.to_bytes()
    read = sealed.format.parse(source, encrypted=True, limits=Limits())
    values = [(new, plain_of(old)) for new, old in zip(read.items, plain.items, strict=True) if is_sealed(old)]
    return sealed.format.open(read, values)


def open_values(sealed: Document, values: Sequence[Plain]) -> Document:
    """Open a document whose items are all sealed."""
    return sealed.format.open(sealed, list(zip(sealed.items, values, strict=True)))


def facts(document: Document) -> list[tuple[object, ...]]:
    """Path, kind and text of every leaf; of a comment its container's path."""
    return [
        (*item.path, item.kind, item.value) if isinstance(item, Leaf) else (*item.parent.path, "#", item.value)
        for item in document.items
    ]
