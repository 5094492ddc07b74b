"""How a string is written: plain, quoted or as a block, so that every YAML reader gets the same string back.

Stricter than needed in two ways: words that YAML 1.1 takes for booleans or base-60 numbers are quoted, as sops
does, and what libyaml reads in flow collections but go-yaml does not is quoted too.
"""

from __future__ import annotations

import re
from functools import cache

from sopskit.document.yaml.resolve import NUMERIC, WORDS, UnresolvableError, resolve

# strings for SOPS, but not for readers of YAML 1.1
YAML11_WORDS = frozenset(
    word
    for name in ("y", "yes", "on", "n", "no", "off", "true", "false", "null")
    for word in (name, name.capitalize(), name.upper())
) | {"=", "<<", "~"}
# a string of these that begins with a letter is plain in every context
SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+=-;()$^@"
LETTERS = frozenset(SAFE[:52])
INDICATORS = frozenset("-?:,[]{}#&*!|>'\"%@`")
FLOW_INDICATORS = frozenset(",[]{}?")
BLANKS = " \t"


@cache
def _unprintable() -> re.Pattern[str]:
    """Characters that no style but double quotes may hold; line feed and tab are looked at apart."""
    return re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def printable(text: str) -> bool:
    """Whether every character but tabs and line feeds may stand in a text as it is."""
    return (text.isascii() and text.isprintable()) or not _unprintable().search(text)


@cache
def _escapes() -> dict[int, str]:
    codes = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF]
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    return {code: f"\\u{code:04x}" for code in codes} | {ord(character): text for character, text in short.items()}


def double_quoted(text: str) -> str:
    """In double quotes, on one line: right for any string in any context."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{text.translate(_escapes())}"'


def single_quoted(text: str) -> str | None:
    """In single quotes, or None where they cannot hold the text on one line."""
    if "\n" in text or not printable(text):
        return None
    return "'" + text.replace("'", "''") + "'"


def is_plain(text: str, *, flow: bool, tagged: bool = False) -> bool:
    """Whether a string may stand without quotes. `tagged`: a tag makes it a string whatever it looks like."""
    if not text:
        return False
    if text[0] in LETTERS and not text.strip(SAFE):
        return tagged or text not in YAML11_WORDS
    if not (text.isascii() and text.isprintable()) and ("\n" in text or not printable(text)):
        return False
    if not _is_plain_syntax(text, flow=flow):
        return False
    return tagged or not _reads_otherwise(text)


def _is_plain_syntax(text: str, *, flow: bool) -> bool:
    first, last = text[0], text[-1]
    if first in BLANKS or last in BLANKS or last == ":" or text.startswith(("---", "...")):
        return False
    if first in INDICATORS:
        following = text[1:2]
        if first not in ("-" if flow else "-?:") or not following or following in BLANKS:
            return False
        if flow and following == ":":
            return False
    if ": " in text or " #" in text or ":\t" in text or "\t#" in text:
        return False
    return not flow or ("::" not in text and FLOW_INDICATORS.isdisjoint(text))


def _reads_otherwise(text: str) -> bool:
    """Whether a plain text is no string for go-yaml or for a reader of YAML 1.1."""
    if text in YAML11_WORDS or text in WORDS:
        return True
    if text[0] not in NUMERIC:
        return False
    try:
        kind = resolve(text)[0]
    except UnresolvableError:
        return True
    return kind != "str" or (":" in text and _base60().fullmatch(text) is not None)


@cache
def _base60() -> re.Pattern[str]:
    return re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def is_literal(text: str, *, digit: bool = False, as_written: bool = False) -> bool:
    """Whether a string may stand as a literal block.

    `digit`: its header has an indentation indicator, so it may begin with a blank or an empty line.
    `as_written`: it stood so in the user's file; then lines may end in blanks, which sops would never write.
    """
    if not text.strip("\n ") or not printable(text):
        return False
    if not digit and text[0] in " \t\n":
        return False
    if as_written:
        return True
    return " \n" not in text and "\t\n" not in text and text[-1] not in BLANKS


def chomping(text: str) -> str:
    """The block header's sign for the line feeds at the end of a string."""
    if text.endswith("\n\n") or text == "\n":
        return "+"
    return "" if text.endswith("\n") else "-"


def block_lines(text: str) -> list[str]:
    """The lines of a literal block, without the line end of the last."""
    return text.removesuffix("\n").split("\n")


def folded_lines(text: str) -> list[str] | None:
    """The lines of a folded block with one line for each of the text, or None where folding cannot hold it."""
    lines = block_lines(text)
    if not lines[0] or text.endswith("\n\n") or any(line[:1] in {" ", "\t"} for line in lines):
        return None
    out: list[str] = []
    for line in lines[:-1]:
        out.append(line)
        if line:
            out.append("")
    return [*out, lines[-1]]


def preferred(text: str, *, flow: bool = False, tagged: bool = False) -> str:
    """One line, in the style that sops would choose (SOPS section 7.1.4): plain, single or double quotes."""
    if is_plain(text, flow=flow, tagged=tagged):
        return text
    if not text or "\t" in text or _reads_otherwise(text):
        return double_quoted(text)
    return single_quoted(text) or double_quoted(text)


def comment_text(text: str) -> str | None:
    """A comment's text, or None if no comment can hold it: more than one line, or unprintable characters."""
    return text if "\n" not in text and printable(text) else None
