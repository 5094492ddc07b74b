"""The parts of a literal or folded block, so that its header and its lines can be edited apart."""

from __future__ import annotations

import re
from typing import NamedTuple

from sopskit.document.yaml.layout import LINE_ENDS, line_stop

BLOCK_STYLES = frozenset("|>")


class BlockSpan(NamedTuple):
    """The parts of a literal or folded block.

    `start` is the place of its `|` or `>`, `indicators_end` behind `|2-`, `header_end` at the header's line end,
    `content` where the first content line begins, `last_end` where the last one ends, before its line end;
    blank lines behind it are not part of the value and stay. `indent` is None where there is no line to tell it.
    """

    start: int
    indicators_end: int
    header_end: int
    content: int
    last_end: int
    style: str
    signs: str
    indent: int | None

    @property
    def digit(self) -> str:
        """The indentation indicator, or nothing."""
        return self.signs.strip("+-")

    def header(self, style: str, chomping: str) -> str:
        """Another header with the same indicator, in the same order."""
        digit = self.digit
        return style + (chomping + digit if self.signs[:1] in {"+", "-"} else digit + chomping)

    @classmethod
    def of(cls, text: str, end: int, start: int, value: str) -> BlockSpan:
        """Take the block apart whose `|` or `>` is at `start`, and whose span ends at `end`."""
        indicators_end = start + 1
        while text[indicators_end : indicators_end + 1] in {"+", "-", *"123456789"}:
            indicators_end += 1
        signs = text[start + 1 : indicators_end]
        header_end = min(line_stop(text, start), end)
        content = min(end, header_end + (2 if text.startswith("\r\n", header_end) else 1))
        lines = _lines(text, content, end)
        indent = _indent(text, lines, value)
        last_end = _last_end(text, lines, indent or 0, keeps="+" in signs, end=end)
        return cls(start, indicators_end, header_end, content, max(last_end, content), text[start], signs, indent)


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of the lines between two positions, without their line ends."""
    lines = []
    while start < end:
        stop = min(line_stop(text, start), end)
        lines.append((start, stop))
        start = stop + (2 if text.startswith("\r\n", stop) else 1)
    return lines


def _indent(text: str, lines: list[tuple[int, int]], value: str) -> int | None:
    """The indentation of the content: that of the first line that is not blank, less the blanks of its value."""
    raw = next((line for start, stop in lines if (line := text[start:stop]).strip(" ")), None)
    read = next((line for line in re.split(f"[{LINE_ENDS}]", value) if line.strip(" ")), None)
    if raw is None or read is None:
        return None
    indent = (len(raw) - len(raw.lstrip(" "))) - (len(read) - len(read.lstrip(" ")))
    return indent if indent > 0 else None


def _last_end(text: str, lines: list[tuple[int, int]], indent: int, *, keeps: bool, end: int) -> int:
    if keeps:
        return end - (2 if text.endswith("\r\n", 0, end) else 1 if text[end - 1] in LINE_ENDS else 0)
    for start, stop in reversed(lines):
        if stop - start > indent or text[start:stop].strip(" "):
            return stop
    return lines[0][0] if lines else end
