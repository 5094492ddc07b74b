"""Creation rules that are added to a `.sops.yaml`: their text, and where it goes.

An existing file keeps every byte: its comments, its quoting, its order. The new rules stand last, so no file that had a rule
gets another one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import yaml

from sopskit.config.sops_yaml import SopsConfig
from sopskit.config.syntax import Reader, is_null
from sopskit.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.sops.selection import Selection

HEADER = """\
# Who can read what. The first rule whose path_regex is found in a file's path counts.
# After a change here: sopskit updatekeys FILE..., and where somebody leaves also: sopskit rotate -i FILE...
"""
KEY = "creation_rules"
END = "\n"
# characters that YAML takes for themselves anywhere in a plain scalar
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./^$()|+\\")
INSIDE = PLAIN | frozenset("-*[]?")  # and those that it does where they do not stand first


class NewRule(NamedTuple):
    """A rule to be written; `about` is the comment above it."""

    about: str
    path_regex: str
    selection: Selection
    age: tuple[str, ...] = ()
    pgp: tuple[str, ...] = ()
    mac_only_encrypted: bool = False

    def lines(self) -> Iterator[str]:
        """Its lines as an element of a list that is not indented."""
        yield f"# {self.about}"
        yield f"- path_regex: {scalar(self.path_regex)}"
        if self.selection.field is not None:
            yield f"  {self.selection.field}: {scalar(self.selection.pattern)}"
        if self.mac_only_encrypted:
            yield "  mac_only_encrypted: true"
        for field, keys in (("age", self.age), ("pgp", self.pgp)):
            if len(keys) == 1:
                yield f"  {field}: {scalar(keys[0])}"
            elif keys:
                yield f"  {field}: >-"
                for number, key in enumerate(keys, 1):
                    yield f"    {key}{'' if number == len(keys) else ','}"


def scalar(text: str) -> str:
    """A text as YAML; quoted unless it can only be read as itself."""
    plain = text[:1] in PLAIN and INSIDE.issuperset(text) and not text[0].isdigit() and text[0] != "."
    if plain and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


def new_file(rules: Sequence[NewRule]) -> bytes:
    """A whole `.sops.yaml`."""
    return f"{HEADER}{KEY}:\n{_indented(rules, 2, END)}".encode()


def append(file: str, source: bytes, rules: Sequence[NewRule]) -> bytes | None:
    """The content of `file` with more rules at the end of its list.

    None if it is written in a way that has no place for them, such as a list in brackets. Raises `ConfigError` and
    `RecipientError` for a file that cannot be used as it is.
    """
    before = SopsConfig(file, source)
    place = _find_place(file, source)
    if place is None:
        return None
    text = source.decode()
    changed = _inserted(text, place, rules).encode()
    return changed if _adds_only(before, changed, len(rules)) else None


def text_of(rules: Sequence[NewRule]) -> str:
    """The rules as they would stand in a file."""
    return _indented(rules, 2, END)


class _Place(NamedTuple):
    """The line, from 0, before which rules are put, their indentation, and whether the list's key has to be written."""

    line: int
    indent: int
    key: bool


def _find_place(file: str, source: bytes) -> _Place | None:
    reader = Reader(file)
    root = reader.first_document(source)
    if root is None or is_null(root):
        return _Place(source.count(b"\n") + 1, 2, key=True)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return None
    node = reader.fields(root).get(KEY)
    if node is None:
        return _Place(source.count(b"\n") + 1, 2, key=True)
    if is_null(node):
        return _Place(node.start_mark.line + 1, 2, key=False)
    if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
        return None
    return _Place(_end_line(source, node), node.start_mark.column, key=False)


def _end_line(source: bytes, node: yaml.Node) -> int:
    """The line after the last one of a block list. Comments and blank lines that follow do not count.

    libyaml says that a block collection ends where the next thing starts.
    """
    lines = source.split(END.encode())
    mark = node.end_mark
    end = mark.line if mark.column == 0 else mark.line + 1
    while lines[end - 1 : end] and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(b"#")):
        end -= 1
    return min(end, len(lines))


def _inserted(text: str, place: _Place, rules: Sequence[NewRule]) -> str:
    end = "\r\n" if "\r\n" in text else END
    lines = text.split(END)
    head, tail = END.join(lines[: place.line]), END.join(lines[place.line :])
    if place.line < len(lines):
        head += END
    elif head and not head.endswith(END):
        head += end
    key = f"{KEY}:{end}" if place.key else ""
    return "".join((head, key, _indented(rules, place.indent, end), tail))


def _indented(rules: Sequence[NewRule], indent: int, end: str) -> str:
    return "".join(f"{' ' * indent}{line}{end}" for rule in rules for line in rule.lines())


def _adds_only(before: SopsConfig, changed: bytes, count: int) -> bool:
    """Whether a text reads as before, with so many more rules."""
    now = datetime.now(UTC)  # PGP keys carry it
    rules = before.rules(now=now)
    try:
        after = SopsConfig(before.file, changed)
        more = after.rules(now=now)
    except FormatError:
        return False
    kept = more[: len(rules)] == rules and len(more) == len(rules) + count
    return kept and (before.indents, len(before.unknown)) == (after.indents, len(after.unknown))
