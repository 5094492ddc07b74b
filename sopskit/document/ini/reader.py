r"""INI text, read as sops's INI library reads it (SOPS section 7.5), with the place of everything.

Lines end in LF only. Blank lines mean nothing. A line that starts with `#` or `;` is a comment; one that starts with
`[` is a section up to its last `]`; any other is a key up to the first `=` or `:`, then its value. Keys before the
first section are in `DEFAULT`, which is always there. A value may be quoted: backticks and triple quotes also over
several lines; `"` and `'` only if they stand nowhere else in it. A backslash at the end continues a bare value on
the next line. From the first `#` or `;` a bare value is cut off: the rest is comment.

All comment text before a section or key, and behind it on its line, is one comment of the tree: the section's stands
first in it, a key's behind the key. Comments at the end of the file are in no tree; here they belong to the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from sopskit.document.model import Comment, Container, Leaf, position
from sopskit.errors import DocumentSyntaxError, MetadataError

if TYPE_CHECKING:
    from sopskit.document.model import Raw

# what Go calls white space; Python's own idea has four control characters more
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
MARKERS = "#;"
DELIMITERS = "=:"
TRIPLE = '"""'
CONTINUED = "\\"
DEFAULT = "DEFAULT"
RESERVED = "sops"
SEALED = "ENC["


class Line(NamedTuple):
    """One line of a comment: its marker, where its text begins behind the marker's run, and where it ends.

    `line` is where its line begins, or that of the key whose value it stands behind. `behind` says what it stands behind: nothing, a bare `value`, a `quoted` one, or a `section`.
    """

    line: int
    marker: int
    start: int
    end: int
    behind: str


class Value(NamedTuple):
    """A value: its text, its span with the quotes, the quote, where the next line begins, and the comment behind it."""

    text: str
    start: int
    end: int
    style: str
    stop: int
    comment: tuple[int, int] | None


class Place(NamedTuple):
    """The lines of a section's header or of a key: from the first line's start to behind the last one's line feed."""

    item: Container | Leaf
    start: int
    stop: int


class Scan(NamedTuple):
    """What the reader found. `groups` has a comment's lines under its `start`."""

    items: list[Leaf | Comment]
    root: Container
    places: list[Place]
    groups: dict[int, list[Line]]
    metadata: dict[str, Raw] | None
    block: tuple[int, int]


def scan(text: str) -> Scan:
    """Read INI text. Raises `DocumentSyntaxError` and `MetadataError`."""
    reader = _Reader(text)
    reader.run()
    return Scan(reader.items, reader.root, reader.places, reader.groups, reader.metadata, reader.block)


def first_of(text: str, characters: str, start: int, stop: int) -> int:
    """Where the first of `characters` stands in `text[start:stop]`, or -1."""
    found = [at for at in (text.find(character, start, stop) for character in characters) if at >= 0]
    return min(found) if found else -1


def skip_space(text: str, start: int, stop: int) -> int:
    """The first place in `text[start:stop]` that is no white space."""
    line = text[start:stop]
    return stop - len(line.lstrip(SPACE))


def trim_end(text: str, start: int, stop: int) -> int:
    """Where `text[start:stop]` ends without its white space."""
    return start + len(text[start:stop].rstrip(SPACE))


def line_stop(text: str, start: int) -> int:
    """Behind the line feed of the line that `start` is on."""
    end = text.find("\n", start)
    return len(text) if end < 0 else end + 1


class _Reader:
    __slots__ = (
        "block",
        "groups",
        "items",
        "keys",
        "lines",
        "metadata",
        "numbered",
        "places",
        "root",
        "section",
        "text",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[Leaf | Comment] = []
        self.places: list[Place] = []
        self.groups: dict[int, list[Line]] = {}
        self.root = Container(None, None, is_map=True)
        self.section = Container(self.root, DEFAULT, is_map=True)
        self.keys: set[str] = set()
        self.numbered = 0
        self.lines: list[Line] = []
        self.metadata: dict[str, Raw] | None = None
        self.block = (0, 0)

    def run(self) -> None:
        """Read line by line; a value may take several."""
        text = self.text
        at = 0
        while at < len(text):
            stop = line_stop(text, at)
            start = skip_space(text, at, stop)
            if start == stop:
                at = stop
            elif text[start] in MARKERS:
                self._add_line(at, start, stop, "")
                at = stop
            elif text[start] == "[":
                self._read_section(at, start, stop)
                at = stop
            else:
                at = self._read_key(at, start, stop)
        self._end_comment(self.root)

    def _read_section(self, line: int, start: int, stop: int) -> None:
        close = self.text.rfind("]", start, stop)
        if close < 0:
            self._fail("this section's name is not closed with ]", start)
        name = self.text[start + 1 : close]
        if not name:
            self._fail("this section has no name", start)
        if name == RESERVED:
            if self.metadata is not None:
                raise MetadataError("found duplicate sops entry").at(line=position(self.text, start)[0])
            self._end_comment(self.root)
            self.metadata = {}
            self.block = (line, stop)
        marker = first_of(self.text, MARKERS, close, stop)
        if marker >= 0:
            self._add_line(line, marker, stop, "section")
        self.section = Container(self.root, name, is_map=True)
        self.keys = set()
        self.numbered = 0
        self.places.append(Place(self.section, line, stop))
        self._end_comment(self.section)

    def _read_key(self, line: int, start: int, stop: int) -> int:
        name, at = self._key_name(start, stop)
        if name == "-":
            self.numbered += 1
            name = f"#{self.numbered}"
        value = read_value(self.text, at, stop)
        if value is None:
            self._fail("the quote that opens this value is never closed", start)
        if value.comment:
            self._add_line(line, *value.comment, "quoted" if value.style in {"`", TRIPLE} else "value")
        if self.section.key == RESERVED:
            self._add_metadata(name, value, start)
        else:
            self._add_leaf(name, value, line, start)
        return value.stop

    def _key_name(self, start: int, stop: int) -> tuple[str, int]:
        """A key and where its value begins. A quoted key ends at its quote, and what follows up to the delimiter is nothing."""
        text = self.text
        quote = text[start] if text[start] in '"`' else ""
        if quote == '"' and text.startswith(TRIPLE, start) and len(text[start:stop].encode("utf-8", "replace")) > 6:
            quote = TRIPLE
        first = start + len(quote)
        close = text.find(quote, first, stop) if quote else start
        if close < 0:
            self._fail("the quote that opens this key is never closed", start)
        delimiter = first_of(text, DELIMITERS, close + len(quote), stop)
        if delimiter < 0:
            self._fail("this line has no = or :, and is no section or comment", start)
        name = text[first : close if quote else delimiter].strip(SPACE)
        if not name:
            self._fail("this key is empty", start)
        return name, delimiter + 1

    def _add_leaf(self, name: str, value: Value, line: int, start: int) -> None:
        if name in self.keys:
            error = DocumentSyntaxError("this key stands twice in one section, and sops would keep one value only")
            error.at(line=position(self.text, start)[0], key=(*self.section.path, name))
            raise error
        self.keys.add(name)
        data = value.text.encode("utf-8", "surrogateescape")
        leaf = Leaf(value.start, value.end, value.text, "str", data, self.section, name, value.style, None)
        self.items.append(leaf)
        self.places.append(Place(leaf, line, value.stop))
        self._end_comment(self.section)

    def _add_metadata(self, name: str, value: Value, start: int) -> None:
        """A metadata field; its LF were written as two characters (SOPS section 6.7)."""
        if self.metadata is None:
            raise AssertionError("a field of no sops section")
        if name in self.metadata:
            raise MetadataError(f"duplicate metadata key {name}").at(line=position(self.text, start)[0])
        self.metadata[name] = value.text.replace("\\n", "\n")
        self.block = (self.block[0], value.stop)
        self.lines = []

    def _add_line(self, line: int, marker: int, stop: int, behind: str) -> None:
        """A line of the comment that is being collected: text begins behind the marker's run (`## `, `;; `)."""
        text = self.text
        run = text[marker] + " "
        end = stop - 1 if text[stop - 1] == "\n" else stop
        if end > marker and text[end - 1] == "\r" and end < stop:
            end -= 1
        body = text[marker:end]
        start = end - len(body.lstrip(run))
        self.lines.append(Line(line, marker, start, end, behind))

    def _end_comment(self, parent: Container) -> None:
        """Make one comment of the lines collected."""
        lines, self.lines = self.lines, []
        if not lines or (parent.key == RESERVED and parent.parent is self.root):
            return
        last = lines[-1]
        end = trim_end(self.text, last.marker, last.end)
        lines[-1] = last._replace(start=min(last.start, end), end=end)
        first = lines[0]
        value = comment_text(self.text, lines)
        self.items.append(Comment(first.start, first.end, value, parent, bool(first.behind), first.marker))
        self.groups[first.start] = lines

    def _fail(self, message: str, at: int) -> NoReturn:
        line, column = position(self.text, at)
        raise DocumentSyntaxError(message).at(line=line, column=column)


def comment_text(text: str, lines: list[Line]) -> str:
    """The text of a comment: the first line without its marker, the others with it. A token stands for all of it.

    Where the first line is a marker and nothing else, and more lines follow, its marker stays: sops's writer crashes on a
    comment with an empty line.
    """
    first = lines[0]
    head = text[first.start : first.end]
    if len(lines) == 1:
        return head
    if head.startswith(SEALED):
        return head.rstrip(SPACE)
    if not head.strip(SPACE):
        head = text[first.marker : first.end]
    return "\n".join([head, *(text[line.marker : line.end] for line in lines[1:])])


def read_value(text: str, at: int, stop: int) -> Value | None:
    """The value that begins behind a delimiter; None if a quote is never closed."""
    start = skip_space(text, at, stop)
    if start == stop:
        place = at + 1 if text[at : at + 1] in {" ", "\t"} else at
        return Value("", place, place, "", stop, None)
    if text.startswith(TRIPLE, start) and stop - start > 3:
        return _quoted(text, start, stop, TRIPLE)
    if text[start] == "`":
        return _quoted(text, start, stop, "`")
    end = trim_end(text, start, stop)
    if text[end - 1] == CONTINUED:
        return _continued(text, start, end, stop)
    marker = first_of(text, MARKERS, start, end)
    comment = (marker, stop) if marker >= 0 else None
    if marker >= 0:
        end = trim_end(text, start, marker)
    value = text[start:end]
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'" and value.count(value[0]) == 2:
        return Value(value[1:-1], start, end, value[0], stop, comment)
    return Value(value, start, end, "", stop, comment)


def _quoted(text: str, start: int, stop: int, quote: str) -> Value | None:
    """Up to the last such quote of the line, or of the first later line that has one. Behind it only a comment counts.

    A later line that ends in a backslash closes nothing (tried: the quote on it is part of the value). sops forgets even that comment where the value is on one line; here it is one, so that it gets encrypted.
    """
    first = start + len(quote)
    close = text.rfind(quote, first, stop)
    while close < 0:
        line = stop
        stop = line_stop(text, line)
        if line == stop:
            return None
        if not text[line:stop].rstrip(SPACE).endswith(CONTINUED):
            close = text.rfind(quote, line, stop)
    end = close + len(quote)
    marker = first_of(text, MARKERS, end, stop)
    return Value(text[first:close], start, end, quote, stop, (marker, stop) if marker >= 0 else None)


def _continued(text: str, start: int, end: int, stop: int) -> Value:
    """A bare value whose lines end in a backslash. No comment is cut off, no quote removed."""
    value = text[start : end - 1]
    while True:
        line = stop
        stop = line_stop(text, line)
        first, last = skip_space(text, line, stop), trim_end(text, line, stop)
        if first == stop:
            return Value(value, start, end, CONTINUED, line, None)
        end = last
        value += text[first:last]
        if not value.endswith(CONTINUED):
            return Value(value, start, end, CONTINUED, stop, None)
        value = value[:-1]
