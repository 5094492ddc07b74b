"""INI files as sops reads them (SOPS sections 6.7 and 7.5), changed in place.

Comments are values too: sops encrypts them, and so do we. A comment of several lines is one token, in its first line; of
the other lines the markers stay, and are filled when it is opened. sops reads the same comment. Comments at the end of
the file, which sops forgets, are encrypted as well; sops reads the file and goes on forgetting them.

Lost when a value is opened again is only where a value was continued with a backslash over several lines.
Refused is what sops reads but would write back as something else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from sopskit.document import readback
from sopskit.document.ini import writer
from sopskit.document.ini.reader import DEFAULT, DELIMITERS, RESERVED, SPACE, Place, Scan, scan
from sopskit.document.model import Block, Container, Document, Edit, Leaf, apply_edits, position
from sopskit.document.scalars import is_unicode, plain_text, scalar_text
from sopskit.errors import DocumentSyntaxError, Location, NotEncryptedError, PathNotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.document.model import Comment, Format, Limits, Path, Plain, Raw

NAME = "ini"
FLAT = True
BOM = "\ufeff"
UTF16 = (b"\xfe\xff", b"\xff\xfe")


def parse(source: bytes, *, encrypted: bool, limits: Limits) -> Document:  # noqa: ARG001 flat, and both forms are INI
    """Read a file. Raises `DocumentSyntaxError`, `MetadataError`.

    Repeated keys in a section are refused, as sops would keep one value only; repeated sections are fine.
    """
    if source.startswith(UTF16):
        raise DocumentSyntaxError("the text is UTF-16, and must be UTF-8").at(line=1, column=1)
    text = source.decode("utf-8", "surrogateescape")
    return _read(text.removeprefix(BOM), bom=text.startswith(BOM))


def encode(document: Document) -> bytes:
    """The file's bytes."""
    text = BOM + document.text if document.bom else document.text
    return text.encode("utf-8", "surrogateescape")


def seal(
    document: Document,
    tokens: Sequence[tuple[Leaf | Comment, str]],
    block: Mapping[str, Raw],
    *,
    indent: int | None,  # noqa: ARG001 a flat format has no indentation
    one_line: frozenset[tuple[int, Path]],  # noqa: ARG001 a token is always one line
) -> Document:
    """Put tokens in the place of values, in their quotes, and of comments, and add the section `[sops]`.

    Raises `RefusedError` for what sops could not write again.
    """
    text, found = document.text, _scan(document)
    writer.refuse_fragile(found, text)
    edits = [writer.add_block(text, block)]
    sealed_comments: set[int] = set()
    for item, token in tokens:
        if isinstance(item, Leaf):
            quote = item.style if item.style in writer.QUOTES else ""
            edits.append(Edit(item.start, item.end, f"{quote}{token}{quote}"))
        else:
            edits += writer.seal_comment(text, found.groups[item.start], token)
            sealed_comments.add(item.start)
    for item in document.items:
        if not isinstance(item, Leaf) and item.start not in sealed_comments:
            writer.refuse_bare_comment(text, item, found.groups[item.start])
    sealed = _read(apply_edits(text, edits), bom=document.bom)
    readback.check(sealed, readback.with_texts(document.items, {item.start: token for item, token in tokens}))
    return readback.check_block(sealed, writer.block_texts(block))


def open(document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
    """Put plaintexts in the place of tokens, and take the section `[sops]` away."""
    text, found = document.text, _scan(document)
    if found.metadata is None:
        raise NotEncryptedError("the file has no [sops] section")
    edits = [writer.drop_block(text, found.block)]
    opened: dict[int, str] = {}
    for item, plain in values:
        value = plain_text(plain)
        if isinstance(item, Leaf):
            spelling = writer.spell_value(value, item.style, writer.behind_value(text, item))
            if spelling is None or plain.kind == "comment":
                raise DocumentSyntaxError(
                    "the value inside this token cannot be written in an INI file",
                    hint="sops decrypt --output-type yaml shows it",
                ).at(line=position(text, item.start)[0], key=item.path)
            edits.append(Edit(item.start, item.end, spelling))
            opened[item.start] = value
        else:
            edits += writer.open_comment(text, found.groups[item.start], value)
    plain_document = _read(apply_edits(text, edits), bom=document.bom)
    _check_leaves(plain_document, readback.with_texts(document.leaves(), opened))
    return plain_document


def reblock(document: Document, block: Mapping[str, Raw], *, indent: int | None) -> Document:  # noqa: ARG001 flat
    """Put another section `[sops]` in the place of the one there."""
    found = _scan(document)
    if found.metadata is None:
        raise NotEncryptedError("the file has no [sops] section")
    edit = writer.replace_block(document.text, found.block, block)
    again = _read(apply_edits(document.text, [edit]), bom=document.bom)
    readback.check(again, readback.with_texts(document.items, {}))
    return readback.check_block(again, writer.block_texts(block))


def assign(document: Document, path: Path, value: Raw) -> Document:
    """Set the key `path[1]` of the section `path[0]` to a scalar; a new key or section is added at the end.

    All values are strings when read again. An integer stays as it is (sops would make it `5.0`).
    """
    section, key = _section_and_key(path)
    text = scalar_text(value)
    if text is None:
        raise RefusedError("an INI file holds only strings, numbers and booleans").at(key=path)
    if not is_unicode(section + key + text):
        raise RefusedError("the key or value holds half of a surrogate pair, which is no character").at(key=path)
    place = _find_key(document, section, key)
    if place:
        edit = _replacement(document, cast("Leaf", place.item), text)
    else:
        edit = _addition(document, section, key, text)
    changed = _read_changed(document, edit, path)
    new: readback.Meant = ((section,), key, "str", text.encode("utf-8", "surrogateescape"))
    leaves = [readback.as_is(leaf) for leaf in document.leaves()]
    after = [readback.as_is(leaf) for leaf in changed.leaves()]
    if place:
        leaves[leaves.index(readback.as_is(cast("Leaf", place.item)))] = new
    elif new in after:
        after.remove(new)
    if leaves != after:
        raise RefusedError("this key or value cannot be written in an INI file").at(key=path)
    return changed


def remove(document: Document, path: Path) -> Document:
    """Take a key's lines away, or the first section of a name with all that is in it. Raises `PathNotFoundError`.

    Comments above a key stay, that behind it goes.
    """
    places = _places_at(document, path)
    gone = {id(place.item) for place in places}
    start, stop = places[0].start, places[-1].stop
    for line in _scan(document).groups.get(_section_comment(document, places[0].item), []):
        start = min(start, line.line)
    rest = _read(apply_edits(document.text, [Edit(start, stop, "")]), bom=document.bom)
    _check_leaves(rest, [readback.as_is(leaf) for leaf in document.leaves() if id(leaf) not in gone])
    return rest


def extract(document: Document, path: Path, *, indent: int | None) -> bytes:  # noqa: ARG001 flat
    """The value's bytes; the whole file for the empty path. Raises `PathNotFoundError`, also for a section."""
    if not path:
        return encode(document)
    item = _places_at(document, path)[0].item
    if not isinstance(item, Leaf) or len(path) < 2:
        raise PathNotFoundError("a section cannot be extracted alone", location=Location(key=path))
    return item.data


# --- inside


def _read(text: str, *, bom: bool) -> Document:
    found = scan(text)
    block = None
    if found.metadata is not None:
        block = Block(found.metadata, flat=True, line=position(text, found.block[0])[0])
    return Document(
        cast("Format", sys.modules[__name__]), text, found.items, [found.root], block, bom=bom, layout=found
    )


def _scan(document: Document) -> Scan:
    return cast("Scan", document.layout)


def _check_leaves(document: Document, meant: list[readback.Meant]) -> None:
    if [readback.as_is(leaf) for leaf in document.leaves()] != meant:
        raise AssertionError("the ini text does not read back as it was meant")


def _section_and_key(path: Path) -> tuple[str, str]:
    if len(path) < 2 or not isinstance(path[0], str) or not isinstance(path[1], str):
        raise PathNotFoundError("an INI path is a section and a key", location=Location(key=path))
    if len(path) > 2:
        raise RefusedError("an INI value holds nothing inside").at(key=path)
    if path[0] == RESERVED:
        raise RefusedError("the section sops is reserved for SOPS metadata").at(key=path)
    return path[0], path[1]


def _find_key(document: Document, section: str, key: str) -> Place | None:
    return next(
        (
            place
            for place in _scan(document).places
            if isinstance(place.item, Leaf) and place.item.key == key and place.item.parent.key == section
        ),
        None,
    )


def _places_of(document: Document, section: Container) -> list[Place]:
    """A section's header, if it has one, and its keys."""
    return [
        place
        for place in _scan(document).places
        if place.item is section or (isinstance(place.item, Leaf) and place.item.parent is section)
    ]


def _sections(document: Document) -> list[Container]:
    """The sections in file order; the one before the first header only if it has keys."""
    found: list[Container] = []
    for place in _scan(document).places:
        section = place.item.parent if isinstance(place.item, Leaf) else place.item
        if section.key != RESERVED and section not in found:
            found.append(section)
    return found


def _places_at(document: Document, path: Path) -> list[Place]:
    """The lines of a key, or of a section's header and all its keys."""
    section = next((section for section in _sections(document) if path and section.key == path[0]), None)
    if section is None:
        raise PathNotFoundError("there is no such section", location=Location(key=path[:1]))
    if len(path) == 1:
        return _places_of(document, section)
    place = _find_key(document, str(path[0]), str(path[1])) if isinstance(path[1], str) else None
    if place is None:
        raise PathNotFoundError("there is no such key", location=Location(key=path[:2]))
    if len(path) > 2:
        raise PathNotFoundError("there is a scalar in the way", location=Location(key=path[:3]))
    return [place]


def _section_comment(document: Document, item: Container | Leaf) -> int:
    """Where the comment of a section begins, or -1."""
    for comment in document.items:
        if isinstance(item, Container) and not isinstance(comment, Leaf) and comment.parent is item:
            return comment.start if comment.start < _places_of(document, item)[0].stop else -1
    return -1


def _replacement(document: Document, leaf: Leaf, value: str) -> Edit:
    text = document.text
    spelling = writer.spell_value(value, leaf.style, writer.behind_value(text, leaf))
    if spelling is None:
        raise RefusedError("this value cannot be written in an INI file").at(key=leaf.path)
    blank = " " if leaf.start == leaf.end and text[leaf.start - 1] in DELIMITERS else ""
    return Edit(leaf.start, leaf.end, blank + spelling)


def _addition(document: Document, section: str, key: str, value: str) -> Edit:
    text = document.text
    newline = writer.newline_of(text)
    spelling, name = writer.spell_value(value, ""), writer.spell_key(key)
    if spelling is None or name is None:
        raise RefusedError("this key or value cannot be written in an INI file").at(key=(section, key))
    present = next((found for found in _sections(document) if found.key == section), None)
    if present:
        last = _places_of(document, present)[-1]
        line = _like(text, last, name) + spelling
        if last.stop == len(text) and not text.endswith("\n"):
            return Edit(last.stop, last.stop, newline + line)
        return Edit(last.stop, last.stop, line + newline)
    line = f"{name} = {spelling}"
    if section == DEFAULT:
        return Edit(0, 0, line + newline)
    lead = newline if text.endswith("\n") else newline * 2 if text else ""
    end = "" if text and not text.endswith("\n") else newline
    return Edit(len(text), len(text), f"{lead}[{section}]{newline}{line}{end}")


def _like(text: str, last: Place, name: str) -> str:
    """A key with the indentation and the blanks around the delimiter of the section's last one."""
    if not isinstance(last.item, Leaf):
        return f"{name} = "
    before = text[last.start : last.item.start].rstrip(SPACE + "\"'`")
    gap = text[last.start + len(before) : last.item.start]
    margin = before[: len(before) - len(before.lstrip(" \t"))]
    left = " " if before[-2:-1] in {" ", "\t"} else ""
    right = " " if gap[:1] in {" ", "\t"} else ""
    return f"{margin}{name}{left}{before[-1:]}{right}"


def _read_changed(document: Document, edit: Edit, path: Path) -> Document:
    try:
        return _read(apply_edits(document.text, [edit]), bom=document.bom)
    except DocumentSyntaxError:
        pass
    raise RefusedError("this section, key or value cannot be written in an INI file").at(key=path)
