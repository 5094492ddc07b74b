"""Path patterns of `.sopskit.yaml`: `**` crosses slashes, `*` and `?` do not.

Patterns come from a repository, so they are compiled to RE2, which needs linear time whatever they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sopskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

Matcher: TypeAlias = "Callable[[str], bool]"

LONGEST = 256  # code points; a path in a repository rarely has more than a hundred
OTHER_WILDCARDS = frozenset("[]{}\\!")
FOLDERS = "(?:.*/)?"  # any number of them, none included
NAME = "[^/]*"


def check(pattern: str) -> None:
    """Raise `ConfigError` for a pattern that is too long, could match no path, or means something else elsewhere."""
    parts = pattern.split("/")
    if len(pattern) > LONGEST:
        raise ConfigError(f"a path pattern has at most {LONGEST} characters")
    if pattern.startswith("/") or "" in parts[:-1] or "." in parts or ".." in parts:
        raise ConfigError(
            "this path pattern matches nothing: paths start at the repository's root, without a slash and without dots",
            hint="write it as git ls-files does: k8s/gitops/prod/**",
        )
    if pattern.endswith("/") or not pattern:
        raise ConfigError(
            "this path pattern matches no file", hint=f"everything below a folder is {pattern or '**/'}**"
        )
    if OTHER_WILDCARDS.intersection(pattern):
        raise ConfigError(
            "the wildcards of a path pattern are *, ** and ?, no brackets, braces, backslashes or exclamation marks",
            hint="write two patterns, or ? for a character of that kind in a name",
        )


@lru_cache(maxsize=4096)  # as many as one run meets
def matcher(pattern: str) -> Matcher:
    """A function that tells whether a path, relative to the repository's root, matches from end to end.

    `dir/**` covers all that is below `dir`, `**/name` stands at any depth. Bytes of a path that are not UTF-8 (surrogate
    escapes) match like other characters.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    compiled = re2.compile(_translate(pattern), options=options)

    def matches(path: str) -> bool:
        return compiled.fullmatch(path if path.isascii() else _without_surrogates(path)) is not None

    return matches


def _without_surrogates(path: str) -> str:
    """RE2 reads UTF-8 only. What is none becomes a character of its own, that only a wildcard matches."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _translate(pattern: str) -> str:
    out: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        end = position + 1
        if char == "*":
            while pattern.startswith("*", end):
                end += 1
            whole = end - position > 1
            if whole and (position == 0 or pattern[position - 1] == "/") and pattern.startswith("/", end):
                end += 1
                piece = FOLDERS
            elif whole:
                piece = ".+" if end == len(pattern) and pattern[:position].endswith("/") else ".*"
            else:
                piece = NAME
            if not out or out[-1] != piece:
                out.append(piece)
        else:
            out.append("[^/]" if char == "?" else _literal(char))
        position = end
    return "".join(out)


def _literal(char: str) -> str:
    return char if char.isalnum() or char == "_" or not char.isascii() else f"\\x{ord(char):02x}"
