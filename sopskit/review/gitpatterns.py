r"""Path patterns of `.gitignore` and `.gitattributes`, and what these files say about a path (gitignore(5), gitattributes(5)).

A pattern without a slash (but at its end) holds in every folder below its file, one with a slash from the file's folder on.
`*` and `?` stop at slashes, `**` does not. A file nearer to the path wins over one above, a later line over an earlier one.
Patterns come from a repository, so they are matched by RE2 in linear time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import ConfigError
from sopskit.sops.patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LONGEST = 512  # characters of a pattern
MACROS: Mapping[str, Mapping[str, str]] = {"binary": {"diff": "-", "merge": "-", "text": "-"}}
SPECIAL = frozenset("\\^$.|?*+()[]{}")


class Pattern(NamedTuple):
    """A pattern of one line. `folder` is that of its file, with a final slash, or empty; `line` counts from 1."""

    folder: str
    text: str
    line: int
    negated: bool = False

    def matches(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether it names this very path, which is relative to the repository's root."""
        if not path.startswith(self.folder) or (self.text.endswith("/") and not is_folder):
            return False
        compiled = _matcher(self.text)
        return compiled is not None and compiled(_one_character_a_byte(path[len(self.folder) :]))


def _one_character_a_byte(text: str) -> str:
    """Git's `?` and classes stand for bytes."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


@lru_cache(maxsize=4096)
def _matcher(text: str) -> Callable[[str], bool] | None:
    """None for a pattern that matches nothing."""
    body = text.removesuffix("/")
    anchored = "/" in body
    translated = _translate(_one_character_a_byte(body.removeprefix("/"))) if len(body) <= LONGEST else None
    if not translated:
        return None
    try:
        return compile_pattern(rf"(?s)\A{'' if anchored else '(?:.*/)?'}{translated}\z", "pattern")
    except ConfigError:
        return None


def _translate(body: str) -> str | None:
    out: list[str] = []
    position = 0
    while position < len(body):
        char = body[position]
        if char == "*":
            end = position
            while body.startswith("*", end):
                end += 1
            piece, position = _stars(body, position, end)
            out.append(piece)
            continue
        if char == "[":
            end = _class_end(body, position)
            if end < 0:
                return None
            out.append(_class(body[position + 1 : end]))
            position = end
        elif char == "?":
            out.append("[^/]")
        elif char == "\\":
            position += 1
            if position == len(body):
                return None
            out.append(_literal(body[position]))
        else:
            out.append(_literal(char))
        position += 1
    return "".join(out)


def _stars(body: str, start: int, end: int) -> tuple[str, int]:
    """The expression for a run of asterisks, and the position behind what it stands for."""
    alone = end - start > 1 and (start == 0 or body[start - 1] == "/")
    if alone and body.startswith("/", end):
        return "(?:.*/)?", end + 1
    if alone and end == len(body):
        return ".+", end
    return "[^/]*", end


def _class_end(body: str, start: int) -> int:
    position = start + 1
    if body.startswith(("!", "^"), position):
        position += 1
    position += 1  # a ] in first place is a member
    while position < len(body) and body[position] != "]":
        position += 2 if body[position] == "\\" else 1
    return position if position < len(body) else -1


def _class(members: str) -> str:
    negated = members.startswith(("!", "^"))
    members = members[1:] if negated else members
    escaped = "".join(f"\\{char}" if char in "[]^&~" else char for char in members)
    return f"[^{escaped}/]" if negated else f"[{escaped}]"


def _literal(char: str) -> str:
    return f"\\{char}" if char in SPECIAL else char


# --- .gitignore


def read_ignore(folder: str, data: bytes) -> list[Pattern]:
    """The patterns of a `.gitignore` in `folder`."""
    found: list[Pattern] = []
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").split("\n"), 1):
        text = _without_trailing_blanks(line.removesuffix("\r"))
        if not text or text.startswith("#"):
            continue
        negated = text.startswith("!")
        found.append(Pattern(_prefix(folder), text[1:] if negated else text, number, negated))
    return found


def _without_trailing_blanks(line: str) -> str:
    stripped = line.rstrip(" ")
    return stripped + " " if stripped.endswith("\\") and stripped != line else stripped


def _prefix(folder: str) -> str:
    return f"{folder}/" if folder else ""


def ignored_by(path: str, patterns: Iterable[Pattern]) -> Pattern | None:
    """The pattern that keeps a new file at `path` out of commits; None if none does. `patterns`: root's file first.

    What lies in an ignored folder cannot be taken back in.
    """
    ordered = list(patterns)
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        here = "/".join(parts[:depth])
        last = [one for one in ordered if one.matches(here, is_folder=depth < len(parts))][-1:]
        if last and not last[0].negated:
            return last[0]
    return None


# --- .gitattributes


class AttributeLine(NamedTuple):
    """A line: its pattern, and names of attributes with their states: `+` set, `-` unset, `!` unspecified, `=value`."""

    pattern: Pattern
    attributes: tuple[tuple[str, str], ...]


def read_attributes(folder: str, data: bytes) -> list[AttributeLine]:
    """The lines of a `.gitattributes` in `folder`. Macros but git's own `binary` are not followed."""
    found: list[AttributeLine] = []
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").split("\n"), 1):
        text, words = _first_word(line.strip(" \t\r"))
        if not text or text.startswith(("#", "!", "[attr]")):
            continue
        attributes = tuple(_attribute(word) for word in words.split())
        found.append(AttributeLine(Pattern(_prefix(folder), text, number), attributes))
    return found


def _first_word(line: str) -> tuple[str, str]:
    """The pattern, which may be quoted as in C, and the rest."""
    if not line.startswith('"'):
        word, _, rest = line.partition(" ") if "\t" not in line else line.replace("\t", " ").partition(" ")
        return word, rest
    end = 1
    while end < len(line) and line[end] != '"':
        end += 2 if line[end] == "\\" else 1
    return line[1:end].replace('\\"', '"'), line[end + 1 :]


def _attribute(word: str) -> tuple[str, str]:
    if word[0] in "-!":
        return word[1:], word[0]
    name, equals, value = word.partition("=")
    return name, f"={value}" if equals else "+"


def attributes_of(path: str, lines: Sequence[AttributeLine]) -> dict[str, tuple[str, Pattern]]:
    """What holds for a path: the state of each attribute, and the pattern that set it. `lines`: root's file first.

    As git does, the last word on an attribute counts, and a macro is worth its attributes only where it is that word.
    """
    found: dict[str, tuple[str, Pattern]] = {}
    for line in reversed(lines):
        if not line.pattern.matches(path):
            continue
        for name, state in reversed(line.attributes):
            if name in found:
                continue
            found[name] = (state, line.pattern)
            for member, value in MACROS.get(name, {}).items() if state == "+" else ():
                found.setdefault(member, (value, line.pattern))
    return {name: one for name, one in found.items() if one[0] != "!"}
