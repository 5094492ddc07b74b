"""Regular expressions as Go understands them: Go's `regexp` syntax and meaning, in linear time.

RE2 is loaded when the first pattern is met. It takes a little more than Go does; that is refused here
(SOPS section 3.5). Python's `re` is no substitute: it differs in meaning, and a pattern from a repository
could keep it busy for ever.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

Matcher: TypeAlias = "Callable[[str], bool]"

MAX_MEMORY = 2 * 1024 * 1024  # bytes RE2 may use for one pattern
# Go's limit is a height of 1000 nodes in the parsed pattern; a level of brackets makes at most four of them
MAX_NESTING = 200
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
# what RE2 calls a pattern that Go may well take: its own memory limit, and names of classes that are newer than it
UNDECIDED = ("pattern too large", "invalid character class range: \\p", "invalid character class range: \\P")


def compile_pattern(pattern: str, name: str) -> Matcher:
    """A function that tells whether `pattern` occurs in a text. `name` says in errors whose pattern it is.

    Raises `ConfigError` for what Go refuses, and for what cannot be decided as Go would.
    """
    compiled = _compile(pattern)
    if isinstance(compiled, _Refusal):
        raise ConfigError(
            f"{name} is not a usable regular expression: {compiled.reason}",
            hint="patterns are in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), without look-around",
        )
    return compiled


def compile_stored_pattern(pattern: str, name: str) -> Matcher:
    """The same for a pattern that stands in an encrypted file: sops takes one that does not compile as matching nothing.

    Raises `ConfigError` only for what cannot be decided as Go would.
    """
    compiled = _compile(pattern)
    if isinstance(compiled, _Refusal):
        return _never if compiled.certain else compile_pattern(pattern, name)
    return compiled


def _never(text: str) -> bool:  # noqa: ARG001 a matcher
    return False


class _Refusal(NamedTuple):
    """Why a pattern is not used. `certain`: Go refuses it as well."""

    reason: str
    certain: bool


@lru_cache(maxsize=256)  # the files of one run share the patterns of a few rules
def _compile(pattern: str) -> Matcher | _Refusal:
    try:
        data = pattern.encode()
    except UnicodeEncodeError:
        return _Refusal("it is not valid UTF-8", certain=True)
    import re2

    options = re2.Options()
    options.log_errors = False  # else RE2 writes the pattern to the error output
    options.max_mem = MAX_MEMORY
    try:
        search = re2.compile(data, options).search
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        return _Refusal(reason, certain=not reason.startswith(UNDECIDED))
    return _refusal_by_go(pattern) or (lambda text: search(_encode(text)) is not None)


def _encode(text: str) -> bytes:
    """UTF-8, where a byte that was none counts as U+FFFD, as in Go."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text).encode()


def _refusal_by_go(pattern: str) -> _Refusal | None:
    """What Go refuses in a pattern that RE2 takes."""
    depth = position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            escaped = pattern[position + 1 : position + 2]
            if escaped == "C":
                return _Refusal("invalid escape sequence: \\C", certain=True)
            position = _after(pattern, "\\E", position + 2) if escaped == "Q" else position + 2
            continue
        if character == "[":
            position = _after_class(pattern, position)
            continue
        if character == "(":
            depth += 1
            if depth > MAX_NESTING:
                return _Refusal(f"more than {MAX_NESTING} levels of brackets", certain=False)
            name = _group_name(pattern, position)
            if not NAME_CHARACTERS.issuperset(name):
                return _Refusal(f"invalid group name: {name}", certain=True)
        elif character == ")":
            depth -= 1
        position += 1
    return None


def _after(pattern: str, mark: str, position: int) -> int:
    found = pattern.find(mark, position)
    return len(pattern) if found < 0 else found + len(mark)


def _after_class(pattern: str, position: int) -> int:
    """The position after the `]` of a character class; in first place a `]` is a member, and `[:alpha:]` has its own."""
    position += 2 if pattern.startswith("[^", position) else 1
    if pattern.startswith("]", position):
        position += 1
    while not pattern.startswith("]", position):
        if pattern.startswith("\\", position):
            position += 2
        elif pattern.startswith("[:", position) and ":]" in pattern[position + 2 :]:
            position = _after(pattern, ":]", position + 2)
        else:
            position += 1
    return position + 1


def _group_name(pattern: str, position: int) -> str:
    for opening in ("(?P<", "(?<"):
        if pattern.startswith(opening, position):
            return pattern[position + len(opening) : pattern.index(">", position)]
    return ""
