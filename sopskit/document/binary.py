"""Files of no format that sops knows: the whole content is one string, `data` (SOPS section 7.3).

Encrypted, such a file is JSON with `data` and `sops`. The text of the plain form is UTF-8, with the bytes
that are none as lone surrogates, so `encode` is exact for any content.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from sopskit.document import json, readback
from sopskit.document.json.spelling import GO, Layout
from sopskit.document.json.structure import DEFAULT_UNIT, unit_for
from sopskit.document.model import Container, Document, Leaf, Limits
from sopskit.document.scalars import is_unicode
from sopskit.errors import DocumentSyntaxError, Location, PathNotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.document.model import Comment, Format, Path, Plain, Raw

NAME = "binary"
FLAT = False
KEY = "data"


def parse(source: bytes, *, encrypted: bool, limits: Limits) -> Document:
    """Read a plain file of any content, or the JSON of an encrypted one. Raises as `json.parse`."""
    if encrypted:
        return _as_binary(json.parse(source, encrypted=True, limits=limits))
    return _plain(source)


def encode(document: Document) -> bytes:
    """The file's bytes."""
    return document.text.encode("utf-8", "surrogateescape")


def seal(
    document: Document,
    tokens: Sequence[tuple[Leaf | Comment, str]],
    block: Mapping[str, Raw],
    *,
    indent: int | None,
    one_line: frozenset[tuple[int, Path]],  # noqa: ARG001 JSON strings are on one line
) -> Document:
    """JSON with the token and the block, as sops writes it. Only empty content needs no token."""
    token = tokens[0][1] if tokens else ""
    if bool(token) != bool(document.text):
        raise AssertionError("the content of a binary file must be encrypted")
    unit = unit_for(indent)
    layout = Layout(DEFAULT_UNIT if unit is None else unit)
    text = layout.spell({KEY: token, json.structure.RESERVED: dict(block)}, "", GO) + "\n"
    sealed = parse(text.encode(), encrypted=True, limits=Limits())
    readback.check(sealed, [readback.as_text(document.leaves()[0], token)])
    return readback.check_block(sealed, block)


def open(document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
    """The content of `data`. Other members of the object disappear, as with sops; they are in the MAC."""
    for item, plain in values:
        if isinstance(item, Leaf) and item.path == (KEY,):
            return _plain(plain.data)
    leaf = next((leaf for leaf in document.leaves() if leaf.path == (KEY,)), None)
    if leaf is None or leaf.kind != "str":
        raise DocumentSyntaxError("there is no string called data: this is no encrypted binary file").at(key=(KEY,))
    return _plain(leaf.data)


def reblock(document: Document, block: Mapping[str, Raw], *, indent: int | None) -> Document:
    """Put another `sops` entry in the place of the one there."""
    return _as_binary(json.reblock(document, block, indent=indent))


def assign(document: Document, path: Path, value: Raw) -> Document:  # noqa: ARG001 the old content goes
    """Replace the content, whose path is `data`. Raises `PathNotFoundError`, `RefusedError`."""
    _require_data(path)
    if not isinstance(value, str):
        raise RefusedError("the content of a binary file is a string").at(key=path)
    if not is_unicode(value):
        raise RefusedError("the string holds half of a surrogate pair, which is no character").at(key=path)
    return _plain(value.encode())


def remove(document: Document, path: Path) -> Document:  # noqa: ARG001 it never can
    """Refused: a binary file without content is no file. Raises `PathNotFoundError`, `RefusedError`."""
    _require_data(path)
    raise RefusedError("the content of a binary file cannot be taken away").at(key=path)


def extract(document: Document, path: Path, *, indent: int | None) -> bytes:  # noqa: ARG001 no structure
    """The content, for the path `data` or the empty one. Raises `PathNotFoundError`."""
    if path:
        _require_data(path)
    return encode(document)


def _require_data(path: Path) -> None:
    if path != (KEY,):
        raise PathNotFoundError("a binary file has nothing but data", location=Location(key=path))


def _plain(content: bytes) -> Document:
    text = content.decode("utf-8", "surrogateescape")
    root = Container(None, None, is_map=True)
    leaf = Leaf(0, len(text), text, "str", content, root, KEY, "", None)
    return Document(_this(), text, [leaf], [root], None)


def _as_binary(document: Document) -> Document:
    document.format = _this()
    return document


def _this() -> Format:
    return cast("Format", sys.modules[__name__])
