"""The `sops` entry as text: put into a document, put in the place of an older one, taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.model import Comment
from sopskit.document.yaml import emit
from sopskit.document.yaml.entry import line_after
from sopskit.document.yaml.layout import LINE_ENDS, Entry, Layout, Region, line_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document.model import Document, Raw
    from sopskit.document.yaml.verify import Edits

DEFAULT_STEP = 4
BLANKS = " \t" + LINE_ENDS


class EntryText:
    """The `sops` entry to write, for one text."""

    __slots__ = ("_shape", "_style", "_tree")

    def __init__(self, text: str, layout: Layout, tree: Mapping[str, Raw], indent: int | None) -> None:
        """`indent` None: as the entry there, else as the file, else as sops."""
        step = indent or own_step(layout)
        self._style = emit.Style(step, line_end(text), sort=True)
        self._tree: dict[str, Raw] = {"sops": dict(tree)}
        self._shape = emit.shape(self._tree, self._style)[1:-1]

    @property
    def shape(self) -> list[object]:
        """What reading the entry gives."""
        return self._shape

    def lines(self, column: int) -> str:
        """In block style; the first line's indentation and the last one's end are the caller's."""
        return emit.block_mapping(self._tree, column, self._style)

    def flow(self) -> str:
        """In flow style, without its key."""
        return emit.flow_value(self._tree["sops"], self._style)


def own_step(layout: Layout) -> int:
    """The step of the `sops` entry in the file, or the one step of its mappings, or sops's own."""
    first = layout.regions[0] if layout.regions else None
    if first is not None and first.entry is not None and first.entry.column is not None:
        return first.entry.column - max(first.root.column, 0)
    steps = {step for step in layout.steps if step > 1}
    return steps.pop() if len(steps) == 1 else DEFAULT_STEP


def insert(document: Document, region: Region, entry: EntryText, edits: Edits) -> None:
    """Append the entry to a document of the file."""
    text = document.text
    if region.root.flow:
        _insert_flow(document, region, entry, edits)
        return
    newline = line_end(text)
    at = region.end
    if region.null is not None:
        edits.append((*region.null, ""))
    column = max(region.root.column, 0)
    before = newline if at and text[at - 1] not in LINE_ENDS else ""
    # a file without a final line end gets none: `remove` then takes the one before the entry away
    after = "" if before and at == len(text) else newline
    edits.append((at, at, f"{before}{' ' * column}{entry.lines(column)}{after}"))


def _insert_flow(document: Document, region: Region, entry: EntryText, edits: Edits) -> None:
    """Before the root's closing brace. A quoted key says that the comma before it was there already."""
    last = _last_before(document, region.close)
    new = {",": '"sops": ', "{": "sops: "}.get(last, ", sops: ") + entry.flow()
    edits.append((region.close, region.close, new))


def _last_before(document: Document, stop: int) -> str:
    """The last character before `stop` that is neither blank nor comment."""
    text = document.text
    comments = {item.end: item.marker for item in document.items if isinstance(item, Comment)}
    while True:
        if stop in comments:
            stop = comments[stop]
        elif text[stop - 1] in BLANKS:
            stop -= 1
        else:
            return text[stop - 1]


def replace(document: Document, region: Region, entry: EntryText, edits: Edits) -> None:
    """Put the entry in the place of the one there, or append it."""
    text, old = document.text, region.entry
    if old is None:
        insert(document, region, entry, edits)
    elif region.root.flow:
        edits.append((_value_start(text, old.start), old.end, " " + entry.flow()))
    else:
        end = old.end
        while text[end - 1] in BLANKS:
            end -= 1
        edits.append((old.start, end, entry.lines(max(region.root.column, 0))))


def _value_start(text: str, start: int) -> int:
    return text.index(":", start) + 1


def remove(text: str, region: Region, entry: Entry, edits: Edits) -> None:
    """Take the entry of a document away with its lines: the inverse of `insert`."""
    if region.root.flow:
        _remove_flow(text, entry, edits)
        return
    start = region.line_start(text, entry.start)
    stop = line_after(text, entry.end)
    if stop == len(text) and text[stop - 1] not in LINE_ENDS and start:
        start -= 2 if text.startswith("\r\n", start - 2) else 1
    edits.append((start, stop, ""))


def _remove_flow(text: str, entry: Entry, edits: Edits) -> None:
    start, end = entry.start, entry.end
    before = start
    while text[before - 1] in BLANKS:
        before -= 1
    follows = end
    while text[follows] in BLANKS:
        follows += 1
    if text[before - 1] == "," and text[start] != '"':
        start = before - 1
    elif text[follows] == ",":
        end = follows + 1
    edits.append((start, end, ""))
