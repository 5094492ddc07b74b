"""JSON files: one object, its scalars with their spans (SOPS sections 6.5 and 7.2).

Sealing replaces values by strings and adds the `sops` entry as last member; nothing else in the text moves, and
opening is the exact inverse. What a ciphertext cannot carry is the spelling of a string's escapes; see
`spelling` for what is kept of it all the same, and for the little that is lost.

Refused, though sops reads it: what sops reads only by losing data (text behind the object, cut-off
text, repeated keys, characters that are none). A byte order mark sops refuses too.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, cast

from sopskit.document import readback
from sopskit.document.golang import format_float, parse_float
from sopskit.document.json import structure
from sopskit.document.json.scanner import NUMBER, VALUE
from sopskit.document.json.spelling import GO, Layout, habit_in_token, habit_of, quote, quote_token, spell_scalar
from sopskit.document.model import Document, Edit, Leaf, apply_edits, position
from sopskit.document.scalars import is_unicode, json_float, read_number
from sopskit.errors import DocumentSyntaxError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.document.model import Comment, Format, Limits, Path, Plain, Raw

NAME = "json"
FLAT = False


def parse(source: bytes, *, encrypted: bool, limits: Limits) -> Document:  # noqa: ARG001 both forms are JSON
    """Read a file. Raises `DocumentSyntaxError`, `LimitError`, `MetadataError`, all with line and column."""
    return _read(_decode(source), limits)


def encode(document: Document) -> bytes:
    """UTF-8."""
    return document.text.encode()


def seal(
    document: Document,
    tokens: Sequence[tuple[Leaf | Comment, str]],
    block: Mapping[str, Raw],
    *,
    indent: int | None,
    one_line: frozenset[tuple[int, Path]],  # noqa: ARG001 a JSON string is always on one line
) -> Document:
    """Put tokens in the place of values, as strings, and add the `sops` entry.

    `indent` is for that entry: None takes the file's own, 0 is line breaks only, -1 a tab.
    """
    text = document.text
    edits = [Edit(leaf.start, leaf.end, quote_token(token, _habit(text, leaf))) for leaf, token in tokens]
    edits.append(structure.add_block(document, block, indent))
    sealed = _read(apply_edits(text, edits), structure.places(document).limits)
    readback.check(sealed, readback.with_texts(document.items, {leaf.start: token for leaf, token in tokens}))
    return readback.check_block(sealed, block)


def open(document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
    """Put plaintexts in the place of tokens, and take the `sops` entry away.

    A number keeps the spelling that was inside the ciphertext if JSON reads it as the same value. A comment, which
    stands as a list element in a file that was converted from YAML, disappears, as JSON has none.
    """
    text = document.text
    edits = [structure.drop_block(document)]
    opened: dict[int, readback.Meant] = {}
    comments: list[Path] = []
    for leaf, plain in cast("Sequence[tuple[Leaf, Plain]]", values):
        if plain.kind == "comment" and not leaf.parent.is_map:
            comments.append(leaf.path)
            continue
        kind, spelling = _spell(document, leaf, plain)
        edits.append(Edit(leaf.start, leaf.end, spelling))
        opened[leaf.start] = (leaf.parent.path, leaf.key, kind, plain.data)
    plain_document = _read(apply_edits(text, edits), structure.places(document).limits)
    readback.check(plain_document, [opened.get(leaf.start) or readback.as_is(leaf) for leaf in document.leaves()])
    for path in reversed(comments):
        plain_document = remove(plain_document, path)
    return plain_document


def reblock(document: Document, block: Mapping[str, Raw], *, indent: int | None) -> Document:
    """Put another `sops` entry in the place of the one there."""
    edit = structure.replace_block(document, block, indent)
    again = _read(apply_edits(document.text, [edit]), structure.places(document).limits)
    readback.check(again, readback.with_texts(document.items, {}))
    return readback.check_block(again, block)


def assign(document: Document, path: Path, value: Raw) -> Document:
    """Set what stands at `path`. Raises `PathNotFoundError`; `RefusedError` for the entry `sops`.

    Missing objects are made and added at the end; a list position behind the end appends. Integers
    stay integers (sops makes every number a float).
    """
    if path[:1] == (structure.RESERVED,):
        raise RefusedError("the key sops is reserved for SOPS metadata").at(key=path)
    edit = structure.assignment(document, path, value)
    if not is_unicode(edit.text):
        raise RefusedError("the key or value holds half of a surrogate pair, which is no character").at(key=path)
    tree = structure.load(document.text)
    return _check_tree(document, edit, _assigned(tree, path, value))


def remove(document: Document, path: Path) -> Document:
    """Take away what stands at `path`, and one comma. Raises `PathNotFoundError`."""
    edit = structure.removal(document, path)
    tree = structure.load(document.text)
    inner: Raw = tree
    for part in path[:-1]:
        inner = inner[part]  # type: ignore[index]
    del inner[path[-1]]  # type: ignore[union-attr, arg-type]
    return _check_tree(document, edit, tree)


def extract(document: Document, path: Path, *, indent: int | None) -> bytes:
    """What stands at `path`: a string as its bytes, all else as sops writes JSON. Raises `PathNotFoundError`.

    Only an object ends in a line feed. The empty path is the whole file, as it stands.
    """
    if not path:
        return encode(document)
    _, present, index = structure.find(document, path)
    member = present[index]
    if member.leaf is not None and member.leaf.kind == "str":
        return member.leaf.data
    value = structure.load(document.text[member.start : member.end])
    unit = structure.unit_for(indent)
    text = Layout(structure.DEFAULT_UNIT if unit is None else unit).spell(value, "", GO)
    return (text + "\n" if isinstance(value, dict) else text).encode()


# --- inside


def _read(text: str, limits: Limits) -> Document:
    return structure.read(text, limits, cast("Format", sys.modules[__name__]))


def _decode(source: bytes) -> str:
    """UTF-8 text. The decoder's own error is dropped: it carries the whole input."""
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        before = source[: error.start].decode()
    line, column = position(before, len(before))
    raise DocumentSyntaxError("the text is not valid UTF-8").at(line=line, column=column)


def _habit(text: str, leaf: Leaf | Comment) -> frozenset[str]:
    source = text[leaf.start : leaf.end]
    return habit_of(source) if "\\" in source else frozenset()


def _spell(document: Document, leaf: Leaf, plain: Plain) -> tuple[str, str]:
    """How a plaintext is written in the place of `leaf`, and the kind it reads back as."""
    text = _number(plain) if plain.kind in {"int", "float"} else None
    if text is not None:
        return ("int" if isinstance(read_number(text), int) else "float"), text
    if plain.kind == "bool":
        return "bool", spell_scalar(plain.data == b"True", GO)
    if plain.kind in {"str", "time"}:
        try:
            value = plain.data.decode()
        except UnicodeDecodeError:
            value = None
        if value is not None:
            source = document.text[leaf.start : leaf.end]
            return "str", quote(value, habit_in_token(source))
    line, column = position(document.text, leaf.start)
    raise DocumentSyntaxError("the value inside this token cannot be written in JSON").at(
        line=line, column=column, key=leaf.path
    )


def _number(plain: Plain) -> str | None:
    """The number as it was spelled, else as sops writes it, else with a fraction; the first that reads back."""
    candidates = [plain.spelling.decode("ascii", "replace")]
    if plain.kind == "int":
        candidates.append(plain.data.decode("ascii"))
    else:
        value = parse_float(plain.data.decode("ascii"))
        if value is not None and abs(value) < float("inf"):
            candidates += [json_float(value), format_float(value) + ".0"]
    for text in candidates:
        found = VALUE.fullmatch(text)
        if found and found.lastindex == NUMBER and _canonical(read_number(text)) == plain.data:
            return text
    return None


def _canonical(number: float) -> bytes:
    return b"%d" % number if isinstance(number, int) else format_float(number).encode()


def _assigned(tree: Raw, path: Path, value: Raw) -> Raw:
    """`tree` with `value` at `path`; the same rules as `structure.assignment`, on values instead of text."""
    if not path:
        return value
    part = path[0]
    if isinstance(tree, dict) and isinstance(part, str):
        tree[part] = _assigned(tree.get(part), path[1:], value)
        return tree
    if isinstance(tree, list) and isinstance(part, int):
        position = min(part, len(tree))
        tree[position : position + 1] = [_assigned(tree[position] if position < len(tree) else None, path[1:], value)]
        return tree
    return structure.nested(path, value)


def _check_tree(document: Document, edit: Edit, meant: Raw) -> Document:
    """Apply `edit`; order, types and values must then be those of `meant`."""
    changed = _read(apply_edits(document.text, [edit]), structure.places(document).limits)
    want = structure.load(json.dumps(meant))
    if json.dumps(structure.load(changed.text)) != json.dumps(want):
        raise AssertionError("the JSON text does not read back as it was meant")
    return changed
