"""Comments: where they are in the gaps between values, and which mapping or list SOPS puts them into.

libyaml drops comments, so they are found as `#` between the spans of its events. Their container
follows go-yaml's rules for head, line and foot comments (SOPS sections 1.8 and 1.9) as far as these can be
told from positions; a comment attached to another container opens there all the same, since readers try others.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from sopskit.document.model import Comment, Leaf
from sopskit.document.yaml.layout import after_line, line_start, line_stop

if TYPE_CHECKING:
    from sopskit.document.model import Container

NOWHERE = 1 << 62


class Gaps:
    """Walks the `#` characters of a text that stand outside values, in step with the events.

    `next` is the next one's position: one comparison an event is all that a text without comments pays.
    `closed` are the block collections that ended since the last value, innermost first, with their columns.
    """

    __slots__ = (
        "_block_foot",
        "_block_stop",
        "_floor",
        "_from",
        "_inline",
        "_items",
        "_text",
        "closed",
        "flow",
        "flow_first",
        "flow_stop",
        "next",
    )

    def __init__(self, text: str, items: list[Leaf | Comment]) -> None:
        """Comments of `text` will be put into `items`."""
        self._text = text
        self._items = items
        self._from = 0
        self._floor = 0
        self._inline: list[tuple[int, Comment]] = []
        self._block_stop = -1
        self._block_foot = False
        self.closed: list[tuple[int, Container]] = []
        self.flow: Container | None = None
        self.flow_stop = 0
        self.flow_first = 0
        self.next = self.skip(0)

    def skip(self, index: int) -> int:
        """Go on from `index`; gives the position of the next `#` behind it."""
        found = self._text.find("#", index)
        self.next = NOWHERE if found < 0 else found
        return self.next

    def mark_from(self, index: int) -> None:
        """Begin the gap at `index` (a list has just begun there)."""
        self._from = index

    def end_flow(self, container: Container, stop: int, first: int) -> None:
        """A flow collection ended at `stop`; its items begin at `first`."""
        self.flow, self.flow_stop, self.flow_first = container, stop, first

    def take(self, limit: int, container: Container, inside: Container) -> int:
        """Read the comments before `limit`, where an event begins in `container`; gives the next `#` behind.

        `inside` is the collection that begins there, if one does, else `container` again.
        """
        text = self._text
        while self.next < limit:
            hash_index = self.next
            start = line_start(text, hash_index, self._floor)
            stop = line_stop(text, hash_index)
            inline = bool(text[start:hash_index].strip(" \t\ufeff"))
            if inline:
                self._take_inline(start, hash_index, stop, container, inside)
            else:
                owner = self._owner(start, hash_index, stop, container, inside)
                self._items.append(Comment(hash_index + 1, stop, text[hash_index + 1 : stop], owner, False, hash_index))
            self._from = self._floor = stop
            self.skip(stop)
        return self.next

    def take_marked(self, start: int, stop: int, container: Container) -> None:
        """Read the comments between `start` and `stop`, inside a value's span: behind a tag, an anchor or a block header."""
        text = self._text
        while (hash_index := text.find("#", start, stop)) >= 0:
            start = line_stop(text, hash_index)
            self._items.append(
                Comment(hash_index + 1, start, text[hash_index + 1 : start], container, True, hash_index)
            )

    def _take_inline(self, start: int, hash_index: int, stop: int, container: Container, inside: Container) -> None:
        """A comment behind something: it stands in `items` before the value that it follows."""
        text, items = self._text, self._items
        last = items[-1] if items else None
        if self.flow is not None and self._adjoins(self.flow_stop, start, hash_index):
            owner, index = self.flow, self.flow_first
        elif isinstance(last, Leaf) and self._adjoins(last.end, start, hash_index):
            owner, index = last.parent, self._first_of(last)
        else:
            owner = container if container.is_map else self._after_dash(hash_index, container, inside)
            index = len(items)
        self._inline.append(
            (index, Comment(hash_index + 1, stop, text[hash_index + 1 : stop], owner, True, hash_index))
        )

    def merged(self) -> list[Leaf | Comment]:
        """The items with inline comments in their places: moved at the end, so that indices hold while reading."""
        if not self._inline:
            return self._items
        items, last = self._items, 0
        out: list[Leaf | Comment] = []
        for index, comment in sorted(self._inline, key=itemgetter(0)):
            if index > last:
                out += items[last:index]
                last = index
            out.append(comment)
        out += items[last:]
        return out

    def _adjoins(self, end: int, start: int, hash_index: int) -> bool:
        """Whether what ended at `end` is what stands before the comment on its line, which begins at `start`."""
        return start <= end <= hash_index and not self._text[end:hash_index].strip(" \t,")

    def _first_of(self, last: Leaf) -> int:
        """Where the items of the value begin that `last` belongs to: an alias may have many."""
        index = len(self._items) - 1
        while last.style == "*" and index and self._items[index - 1].start == last.start:
            index -= 1
        return index

    def _owner(self, start: int, hash_index: int, stop: int, container: Container, inside: Container) -> Container:
        """The container of a comment on a line of its own, which begins at `start`.

        A comment deeper than the next key is a foot comment of what ended last, unless a blank line follows it.
        """
        column = hash_index - start
        if self.closed and not container.flow and column > container.column and not self._is_blank_after(stop):
            return self.closed[0][1]
        for closed_column, closed in self.closed:
            if closed_column <= column:
                if closed_column > container.column or container.flow:
                    return closed
                if closed is self.closed[0][1] and not closed.is_map and column == closed_column:
                    return closed if self._is_foot(start, stop) else inside
                break
        return self._after_dash(hash_index, container, inside)

    def _is_blank_after(self, stop: int) -> bool:
        """Whether a blank line follows the line that ends at `stop`. At the end of the text the `sops` entry follows."""
        begin = after_line(self._text, stop)
        return begin < len(self._text) and not self._text[begin : line_stop(self._text, begin)].strip()

    def _is_foot(self, start: int, stop: int) -> bool:
        """Whether lines of comments follow a list at its own column at once, and a blank line follows them.

        They belong to the list then, else to the key that comes next.
        """
        text = self._text
        if start > self._block_stop:
            before = text[line_start(text, max(0, start - 1)) : start].strip()
            line = "#"
            while line.startswith("#"):
                self._block_stop = stop
                begin = after_line(text, stop)
                stop = line_stop(text, begin)
                line = text[begin:stop].strip()
            self._block_foot = bool(before) and not line and begin < len(text)
        return self._block_foot

    def _after_dash(self, hash_index: int, container: Container, inside: Container) -> Container:
        """In a list, only what stands behind the dash is inside the collection that begins there."""
        if container is inside or container.is_map:
            return inside
        last = self._items[-1].end if self._items else 0
        return inside if "-" in self._text[max(self._from, last, self.flow_stop) : hash_index] else container
