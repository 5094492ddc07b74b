"""What to edit in INI text: values, comments and the `[sops]` section, so that it reads back as meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.ini.reader import (
    MARKERS,
    RESERVED,
    SPACE,
    TRIPLE,
    Line,
    Place,
    Scan,
    first_of,
    line_stop,
    read_value,
    scan,
)
from sopskit.document.model import Edit, Leaf, position
from sopskit.document.scalars import scalar_text
from sopskit.errors import DocumentSyntaxError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document.model import Comment, Raw

QUOTES = ("", '"', "'", "`", TRIPLE)
NO_TOKEN_BEHIND = frozenset(("section", "quoted"))


def newline_of(text: str) -> str:
    """The line end that `text` uses. A CR at its very end counts: it would join a LF put behind it."""
    return "\r\n" if "\r\n" in text or text.endswith("\r") else "\n"


# --- keys and values


def spell_value(value: str, style: str, behind: str = "") -> str | None:
    """`value` in the quotes of `style` if it reads back so, else in the first that do; None if none do.

    `behind` is what follows on the line.
    """
    for quote in (style, *QUOTES):
        spelling = f"{quote}{value}{quote}"
        if quote in QUOTES and _reads_back(spelling, value, behind):
            return spelling
    return None


def _reads_back(spelling: str, value: str, behind: str) -> bool:
    first = f" {spelling}{behind}\n"
    text = f"{first}x = y\n"
    found = read_value(text, 0, line_stop(text, 0))
    return found is not None and (found.text, found.stop) == (value, len(first)) and found.end <= 1 + len(spelling)


def behind_value(text: str, leaf: Leaf) -> str:
    """A stand-in for the comment that follows a value on its last line, if one does."""
    rest = text[leaf.end : line_stop(text, leaf.end)].lstrip(SPACE)
    return f" {rest[0]}" if rest and rest[0] in MARKERS else ""


def spell_key(key: str) -> str | None:
    """`key` bare, or in the first quotes in which it reads back; None if none do."""
    return next((text for text in (key, f"`{key}`", f"{TRIPLE}{key}{TRIPLE}") if _reads_as(text, "x", key, "x")), None)


def _reads_as(key_text: str, value_text: str, key: str, value: str) -> bool:
    """Whether a line is read as this key and value, and the line behind it on its own."""
    try:
        places = scan(f"{key_text} = {value_text}\n[x]\n").places
    except DocumentSyntaxError:
        return False
    leaf = places[0].item
    return len(places) == 2 and isinstance(leaf, Leaf) and (leaf.key, leaf.value) == (key, value)


# --- what sops could not write again


def refuse_fragile(found: Scan, text: str) -> None:
    """Refuse what sops reads, but would write back as something else, or not at all (SOPS section 7.5).

    Such are numbered keys (`-`), keys that start with a comment's marker or a bracket, values that keep quotes around
    them after one pair was taken off, values that end in a backslash, and text behind a closing quote or bracket,
    which is in no tree and would stay readable.
    """
    for place in found.places:
        problem = _problem_of_key(place.item) if isinstance(place.item, Leaf) else None
        if problem is None and _has_dropped_text(place, text):
            problem = "sops drops the text that stands behind this", "make a comment of it, or take it away"
        if problem:
            what, hint = problem
            error = RefusedError(what, hint=hint)
            raise error.at(line=position(text, place.start)[0], key=place.item.path)


def _problem_of_key(leaf: Leaf) -> tuple[str, str] | None:
    if not _survives_key(str(leaf.key)):
        return "sops reads this key, but would write it back as something else", "rename the key"
    if not _survives_value(leaf.value):
        return (
            "sops reads this value, but would write it back as something else",
            "change how the value is quoted, or what it ends in",
        )
    return None


def _has_dropped_text(place: Place, text: str) -> bool:
    if isinstance(place.item, Leaf):
        start = place.item.end if place.item.style in {"`", TRIPLE} else place.stop
    else:
        start = text.rfind("]", place.start, place.stop) + 1
    marker = first_of(text, MARKERS, start, place.stop)
    return bool(text[start : place.stop if marker < 0 else marker].strip(SPACE))


def _survives_key(key: str) -> bool:
    if key.isidentifier():
        return True
    if '"' in key or "=" in key or ":" in key:
        return _reads_as(f"`{key}`", "x", key, "x")
    return _reads_as(f"{TRIPLE}{key}{TRIPLE}" if "`" in key else key, "x", key, "x")


def _survives_value(value: str) -> bool:
    if value.isalnum():
        return True
    if "\n" in value or "`" in value:
        spelling = f"{TRIPLE}{value}{TRIPLE}"
    elif "#" in value or ";" in value:
        spelling = f"`{value}`"
    else:
        spelling = f'"{value}"' if value.strip(SPACE) != value else value
    return _reads_back(spelling, value, "")


def refuse_bare_comment(text: str, comment: Comment, lines: list[Line]) -> None:
    """Refuse a comment that stays readable and starts with an empty line: sops crashes when it writes it."""
    first = lines[0]
    if len(lines) > 1 and comment.parent.parent is not None and not text[first.start : first.end].strip(SPACE):
        raise RefusedError(
            "sops crashes on a comment whose first line is empty", hint="take the empty comment line away"
        ).at(line=text.count("\n", 0, first.marker) + 1)


# --- comments


def seal_comment(text: str, lines: list[Line], token: str) -> list[Edit]:
    """The token in the first line; of the others the markers stay, to be filled again.

    Behind a section's name or a quoted value sops finds no token, so it gets a line of its own before.
    """
    first = lines[0]
    if first.behind in NO_TOKEN_BEHIND:
        run = text[first.marker : first.start]
        return [Edit(first.line, first.line, f"{run}{token}{newline_of(text)}"), Edit(first.marker + 1, first.end, "")]
    return [Edit(first.start, first.end, token), *(Edit(line.marker + 1, line.end, "") for line in lines[1:])]


def open_comment(text: str, lines: list[Line], plain: str) -> list[Edit]:
    """The inverse of `seal_comment`. sops writes the token alone: then lines are added as needed."""
    texts = plain.split("\n")
    first, last = lines[0], lines[-1]
    if len(lines) == 2 and len(texts) == 1 and last.behind in NO_TOKEN_BEHIND and last.end == last.marker + 1:
        run = text[first.marker + 1 : first.start]
        return [Edit(first.line, line_stop(text, first.line), ""), Edit(last.end, last.end, run + plain)]
    # an empty first line was sealed with its marker
    start = first.marker if len(texts) > 1 and texts[0].startswith(text[first.marker]) else first.start
    edits = [Edit(start, first.end, texts[0])]
    edits += [Edit(line.marker, line.end, new) for line, new in zip(lines[1:], texts[1:], strict=False)]
    more = [new if new[:1] and new[0] in MARKERS else f"; {new}" for new in texts[len(lines) :]]
    if more:
        edits.append(_more_lines(text, last, more))
    return edits


def _more_lines(text: str, last: Line, more: list[str]) -> Edit:
    newline = newline_of(text)
    if last.behind:
        return Edit(last.line, last.line, "".join(new + newline for new in more))
    margin = text[last.line : last.marker]
    return Edit(last.end, last.end, "".join(newline + margin + new for new in more))


# --- the [sops] section


def block_texts(block: Mapping[str, Raw]) -> dict[str, str]:
    """The flat block with every value as text."""
    return {name: scalar_text(value) or "" for name, value in block.items()}


def _section(block: Mapping[str, Raw], newline: str) -> str:
    lines = [f"[{RESERVED}]"]
    for name, value in sorted(block_texts(block).items()):
        spelling = None if "\\n" in value else spell_value(value.replace("\n", "\\n"), "")
        if spelling is None:
            raise RefusedError(f"the metadata field {name} holds text that no INI file can hold")
        lines.append(f"{name} = {spelling}")
    return newline.join(lines)


def add_block(text: str, block: Mapping[str, Raw]) -> Edit:
    """The section behind everything, after a blank line. A text without final line feed gets none, so that `drop_block` knows."""
    newline = newline_of(text)
    section = _section(block, newline)
    if not text or text.endswith("\n"):
        section = f"{newline if text else ''}{section}{newline}"
    else:
        section = f"{newline}{newline}{section}"
    return Edit(len(text), len(text), section)


def drop_block(text: str, block: tuple[int, int]) -> Edit:
    """Take the section and one blank line before it away."""
    start, stop = block
    if text[:start].endswith(("\n\n", "\n\r\n")) or text[:start] in {"\n", "\r\n"}:
        start = _before_newline(text, start)
    if stop == len(text) and not text.endswith("\n"):
        start = _before_newline(text, start)
    return Edit(start, stop, "")


def _before_newline(text: str, end: int) -> int:
    """Without the line end that `text[:end]` ends in, if it does."""
    if text[:end].endswith("\r\n"):
        return end - 2
    return end - 1 if text[:end].endswith("\n") else end


def replace_block(text: str, old: tuple[int, int], block: Mapping[str, Raw]) -> Edit:
    """Another section in the place of the one there."""
    newline = newline_of(text)
    end = newline if text[old[1] - 1] == "\n" else ""
    return Edit(*old, _section(block, newline) + end)
