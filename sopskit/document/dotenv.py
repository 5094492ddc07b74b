r"""Dotenv files, as sops reads them (SOPS section 7.4): no quotes, no trimming, no `export`, no escape but `\n`.

Each line is an empty one, a comment (`#` is its very first character), or `key=value`. In a value the two characters
`\n` are a line feed, so a value that holds a backslash before an `n` cannot be written. Text is kept byte for
byte, whatever its encoding; a byte order mark is part of the first key, as it is for sops.

A carriage return is part of the value: it is sealed with it, and comes back. Only where every line of an encrypted
file ends in one, the block's included, a checkout has put them there, and they are line ends. sops cannot read
such a file; decrypted it has the line feeds that it was encrypted with.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, cast

from sopskit.document import readback
from sopskit.document.model import Block, Comment, Container, Document, Edit, Leaf, apply_edits, position
from sopskit.document.scalars import is_unicode, plain_text, scalar_text
from sopskit.errors import (
    DocumentSyntaxError,
    Location,
    MetadataError,
    NotEncryptedError,
    PathNotFoundError,
    RefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.document.model import Format, Limits, Path, Plain, Raw

NAME = "dotenv"
FLAT = True
PREFIX = "sops_"


class Layout(NamedTuple):
    """Whether a CR was taken off every line, and the spans of the metadata lines without their line feed."""

    crlf: bool
    metadata: list[tuple[int, int]]


def parse(source: bytes, *, encrypted: bool, limits: Limits) -> Document:  # noqa: ARG001 flat: nothing to limit
    """Read a file. Raises `DocumentSyntaxError`, `MetadataError`.

    Repeated keys are refused in a plain file; sops keeps both, and one is lost in any environment.
    """
    text = source.decode("utf-8", "surrogateescape")
    if not encrypted:
        document = _read(text)
        _refuse_duplicates(document)
        return document
    if "\r\n" not in text or text.count("\r\n") != text.count("\n"):
        return _read(text)
    document = _read(text.replace("\r\n", "\n"), crlf=True)
    return document if document.block else _read(text)


def encode(document: Document) -> bytes:
    """The file's bytes, with the carriage returns of a checkout put back."""
    text = document.text.replace("\n", "\r\n") if _layout(document).crlf else document.text
    return text.encode("utf-8", "surrogateescape")


def seal(
    document: Document,
    tokens: Sequence[tuple[Leaf | Comment, str]],
    block: Mapping[str, Raw],
    *,
    indent: int | None,  # noqa: ARG001 a flat format has no indentation
    one_line: frozenset[tuple[int, Path]],  # noqa: ARG001 every value is one line
) -> Document:
    """Put tokens in the place of values and comments, and add the block as last lines.

    A file without final line feed is without one when sealed, so that `open` knows.
    """
    text = document.text
    edits = [Edit(item.start, item.end, token) for item, token in tokens]
    edits.append(Edit(len(text), len(text), _behind(text, _lines(block))))
    sealed = _read(apply_edits(text, edits))
    readback.check(sealed, readback.with_texts(document.items, {item.start: token for item, token in tokens}))
    return readback.check_block(sealed, _texts(block))


def open(document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
    """Put plaintexts in the place of tokens, and take the metadata lines away."""
    edits = _metadata_edits(document)
    opened: dict[int, list[readback.Meant]] = {}
    for item, plain in values:
        value = plain_text(plain)
        if isinstance(item, Comment):
            lines = value.split("\n")
            edits.append(Edit(item.start, item.end, "\n#".join(lines)))
            opened[item.start] = [readback.as_text(item, line) for line in lines]
        else:
            if plain.kind == "comment" or not _is_writable(value):
                raise _located(
                    DocumentSyntaxError(
                        "the value inside this token cannot be written in a dotenv file",
                        hint="sops decrypt --output-type yaml shows it",
                    ),
                    document,
                    item,
                )
            edits.append(Edit(item.start, item.end, _escape(value)))
            opened[item.start] = [readback.as_text(item, value)]
    opened_document = _read(apply_edits(document.text, edits))
    meant = [each for item in document.items for each in opened.get(item.start) or [readback.as_is(item)]]
    return readback.check(opened_document, meant)


def reblock(document: Document, block: Mapping[str, Raw], *, indent: int | None) -> Document:  # noqa: ARG001 flat
    """Put other metadata lines behind all others."""
    kept = apply_edits(document.text, _metadata_edits(document))
    again = _read(kept + _behind(kept, _lines(block)), crlf=_layout(document).crlf)
    readback.check(again, readback.with_texts(document.items, {}))
    return readback.check_block(again, _texts(block))


def assign(document: Document, path: Path, value: Raw) -> Document:
    """Set a key to a scalar; a new one is added as last line. Raises `RefusedError` for what cannot be written.

    All values are strings when read again. An integer stays as it is (sops would make it `5.0`).
    """
    key = _writable_key(path)
    text = scalar_text(value)
    if text is None or len(path) > 1:
        raise RefusedError("a dotenv file holds only strings, numbers and booleans").at(key=path)
    if not is_unicode(key + text):
        raise RefusedError("the key or value holds half of a surrogate pair, which is no character").at(key=path)
    if not _is_writable(text):
        raise RefusedError("a backslash before an n cannot be written in a dotenv file").at(key=path)
    leaf = _find(document, key)
    if leaf:
        edit = Edit(leaf.start, leaf.end, _escape(text))
        meant = readback.with_texts(document.items, {leaf.start: text})
    else:
        end = len(document.text)
        edit = Edit(end, end, _behind(document.text, [f"{key}={_escape(text)}"]))
        data = text.encode("utf-8", "surrogateescape")
        meant = [*readback.with_texts(document.items, {}), ((), key, "str", data)]
    return readback.check(_read(apply_edits(document.text, [edit])), meant)


def remove(document: Document, path: Path) -> Document:
    """Take a key's line away, the first of repeated ones. Raises `PathNotFoundError`."""
    leaf = _leaf_at(document, path)
    text = document.text
    start = text.rfind("\n", 0, leaf.start) + 1
    rest = _read(apply_edits(text, [Edit(start, min(leaf.end + 1, len(text)), "")]))
    return readback.check(rest, [readback.as_is(item) for item in document.items if item is not leaf])


def extract(document: Document, path: Path, *, indent: int | None) -> bytes:  # noqa: ARG001 flat
    """The value's bytes; the whole file for the empty path. Raises `PathNotFoundError`."""
    return _leaf_at(document, path).data if path else encode(document)


# --- reading


def _read(text: str, *, crlf: bool = False) -> Document:
    root = Container(None, None, is_map=True)
    items: list[Leaf | Comment] = []
    metadata: dict[str, Raw] = {}
    spans: list[tuple[int, int]] = []
    first_line = 0
    for number, (start, end) in enumerate(_line_spans(text), 1):
        if start == end:
            continue
        if text[start] == "#":
            items.append(Comment(start + 1, end, text[start + 1 : end], root, inline=False, marker=start))
            continue
        split = text.find("=", start, end)
        if split < 0:
            raise DocumentSyntaxError(
                "this line has no =, is not empty and does not start with #",
                hint="a line of blanks, or of a carriage return, is an error too: sops knows line feeds only",
            ).at(line=number, column=1)
        key = text[start:split]
        value = text[split + 1 : end].replace("\\n", "\n")
        if key.startswith(PREFIX):
            name = key[len(PREFIX) :]
            if name in metadata:
                raise MetadataError(f"duplicate metadata key {key}").at(line=number)
            metadata[name] = value
            spans.append((start, end))
            first_line = first_line or number
        else:
            data = value.encode("utf-8", "surrogateescape")
            items.append(Leaf(split + 1, end, value, "str", data, root, key, "", None))
    block = Block(metadata, flat=True, line=first_line) if spans else None
    format = cast("Format", sys.modules[__name__])
    return Document(format, text, items, [root], block, layout=Layout(crlf, spans))


def _line_spans(text: str) -> Iterator[tuple[int, int]]:
    """Lines without their line feed. Only LF ends a line, so `splitlines` is not the tool."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        yield start, end
        start = end + 1


def _refuse_duplicates(document: Document) -> None:
    seen: set[str | int] = set()
    for leaf in document.leaves():
        if leaf.key in seen:
            raise _located(DocumentSyntaxError("this key stands twice in the file"), document, leaf)
        seen.add(leaf.key)


def _located(error: DocumentSyntaxError, document: Document, leaf: Leaf) -> DocumentSyntaxError:
    error.at(line=position(document.text, leaf.start)[0], key=leaf.path)
    return error


def _layout(document: Document) -> Layout:
    return cast("Layout", document.layout)


# --- writing


def _escape(value: str) -> str:
    return value.replace("\n", "\\n")


def _is_writable(value: str) -> bool:
    return "\\n" not in value


def _texts(block: Mapping[str, Raw]) -> dict[str, str]:
    """The flat block with every value as text."""
    return {name: scalar_text(value) or "" for name, value in block.items()}


def _lines(block: Mapping[str, Raw]) -> list[str]:
    lines: list[str] = []
    for name, value in sorted(_texts(block).items()):
        if not _is_writable(value):
            raise RefusedError(f"the metadata field {name} holds a backslash before an n: no dotenv file can hold that")
        lines.append(f"{PREFIX}{name}={_escape(value)}")
    return lines


def _behind(text: str, lines: Sequence[str]) -> str:
    """What to add behind `text`: it goes on to end in a line feed, or not to."""
    added = "\n".join(lines)
    return f"\n{added}" if text and not text.endswith("\n") else f"{added}\n"


def _metadata_edits(document: Document) -> list[Edit]:
    """Take the metadata lines away, and the line feed before them if the file has none at its end."""
    text = document.text
    spans = _layout(document).metadata
    if not spans:
        raise NotEncryptedError("the file has no sops_ entries")
    edits = [Edit(start, min(end + 1, len(text)), "") for start, end in spans]
    if spans[-1][1] == len(text):
        run = len(spans) - 1
        while run and spans[run - 1][1] + 1 == spans[run][0]:
            run -= 1
        start = max(spans[run][0] - 1, 0)
        edits[run:] = [Edit(start, len(text), "")]
    return edits


# --- paths


def _writable_key(path: Path) -> str:
    key = path[0] if path else None
    if not isinstance(key, str):
        raise PathNotFoundError("a dotenv file has keys only", location=Location(key=path))
    if key.startswith(PREFIX):
        raise RefusedError(f"keys that start with {PREFIX} are reserved for SOPS metadata").at(key=path)
    if key.startswith("#") or "=" in key or "\n" in key:
        raise RefusedError("a dotenv key holds neither = nor a line feed, and does not start with #").at(key=path)
    return key


def _find(document: Document, key: str | int) -> Leaf | None:
    return next((leaf for leaf in document.leaves() if leaf.key == key), None)


def _leaf_at(document: Document, path: Path) -> Leaf:
    leaf = _find(document, path[0]) if path else None
    if leaf is None or len(path) > 1:
        raise PathNotFoundError("there is no such key", location=Location(key=path[: 2 if leaf else 1]))
    return leaf
