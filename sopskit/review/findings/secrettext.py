"""Secrets in a text that cannot be read: a template of Helm, a manifest with a mistake in it, one of too many values.

Documents that can be read are read. In the others the lines of a Secret's data speak: a value is a template's business
if it holds one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import format_for_name, parse
from sopskit.document.model import position
from sopskit.errors import FormatError
from sopskit.review.findings.plaintext import PLACEHOLDER, plain_secrets
from sopskit.review.leafcount import has_too_many
from sopskit.sops.values import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = re.compile(r"^(?=---(?:\s|\Z))", re.MULTILINE)
SECRET = re.compile(r"""\bkind["']?[ \t]*:[ \t]*["']?Secret\b""")
DATA = re.compile(r"""\b(?:data|stringData)["']?[ \t]*:""")
TEMPLATE = re.compile(r"\{\{(?!-?[ ]*/\*)")  # `{{/* a comment */}}` fills in nothing
KIND_LINE = re.compile(r"""([ \t]*(?:-[ \t]+)?)["']?kind["']?[ \t]*:[ \t]*["']?Secret\b""")
FIELD_LINE = re.compile(r"""([ \t]*(?:-[ \t]+)?)["']?(?:data|stringData)["']?[ \t]*:[ \t]*(.*)""")
KEY_LINE = re.compile(r"""[ \t]*(?:["']?[-._A-Za-z0-9]+["']?|\{\{[^{}]*\}\})[ \t]*:(?:[ \t]+(.*))?""")
FLOW_ENTRY = re.compile(
    r"""["']?[-._A-Za-z0-9]+["']?[ \t]*:[ \t]*((?:\{\{[^{}]*\}\}|"[^"\n]*"|'[^'\n]*'|[^,{}"'\n])*)"""
)
COMMENT = re.compile(r"(?:^|[ \t])#.*")
BLOCK_HEADER = re.compile(r"[|>][-+0-9]*(?=\s|\Z)")
EMPTY = frozenset(("", "~", "null", "{}", "[]"))


class PlainText(NamedTuple):
    """Where a Secret's plain text seems to be, counted from 1, and whether templates stand beside it."""

    line: int
    is_template: bool


def find_plain(data: bytes) -> PlainText | None:
    """The first plain text of a Secret; None if there seems to be none."""
    before = 0
    for text in DOCUMENTS.split(data.decode("utf-8", "replace")):
        found = _find(text) if SECRET.search(text) and DATA.search(text) else None
        if found is not None:
            return found._replace(line=before + found.line)
        before += text.count("\n")
    return None


def _find(text: str) -> PlainText | None:
    source = text.encode("utf-8", "replace")
    try:
        document = None if has_too_many(source, "yaml") else parse(source, format_for_name("yaml"))
    except FormatError:
        document = None
    if document is not None:
        leaves = next(plain_secrets(document, None), None)
        return PlainText(position(document.text, leaves[0].start)[0], is_template=False) if leaves else None
    lines = ["" if line.lstrip().startswith("#") else line for line in text.split("\n")]
    if not any(TEMPLATE.search(line) for line in lines):
        return PlainText(
            next(n for n, line in enumerate(text.split("\n"), 1) if SECRET.search(line)), is_template=False
        )
    return next((PlainText(n, is_template=True) for n, value in _entries(lines) if _is_literal(value)), None)


def _entries(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The entries below the data fields of Secrets: the line on which each begins, and its value with all its lines."""
    depths = {len(match[1]) for match in map(KIND_LINE.match, lines) if match}
    number = 0
    while number < len(lines):
        field = FIELD_LINE.match(lines[number])
        number += 1
        if field is None or len(field[1]) not in depths:
            continue
        if field[2].startswith("{") and not TEMPLATE.match(field[2]):
            yield from ((number, match[1]) for match in FLOW_ENTRY.finditer(field[2]))
        block = []
        while number < len(lines) and _is_below(lines[number], len(field[1])):
            block.append((number + 1, lines[number]))
            number += 1
        yield from _block_entries(block)


def _is_below(line: str, depth: int) -> bool:
    """Whether a line is in a block of a mapping at `depth`. Templates that stand alone on a line are anywhere."""
    text = line.lstrip()
    return not text or text.startswith("{{") or len(line) - len(text) > depth


def _block_entries(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    entry: tuple[int, str] | None = None
    depth: int | None = None
    for number, line in lines:
        match = KEY_LINE.fullmatch(line.rstrip())
        indent = len(line) - len(line.lstrip())
        if match is not None and (depth is None or indent <= depth):
            depth = indent
            if entry is not None:
                yield entry
            entry = (number, match[1] or "")
        elif entry is not None and indent > (depth or 0):  # not `{{ if }}` and the like, which end no entry
            entry = (entry[0], f"{entry[1]}\n{line.strip()}")
    if entry is not None:
        yield entry


def _is_literal(value: str) -> bool:
    text = BLOCK_HEADER.sub("", COMMENT.sub("", value).strip(), count=1).strip().strip("\"'")
    return not (text in EMPTY or TEMPLATE.search(text) or PLACEHOLDER.fullmatch(text) or text.startswith(PREFIX))
