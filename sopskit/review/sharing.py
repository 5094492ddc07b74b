"""Files that carry the same wrapped data key: one was copied from the other, and both share a data key.

Wrapped keys are armored text, so equal ones are found by a line of it, without reading the files as what they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sopskit.document import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.review.findings.subject import ChangeSet
    from sopskit.review.model import Sides
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree

# files of a tree that are looked through; a wrapped key is looked for among those with a suffix of SOPS's formats
MOST_FILES = 10_000
NEXT_LINE = rb"(?:\\n|\s)+"  # a line feed, also as it is spelled in JSON, dotenv and INI
# the second full line of the base64: random in every kind of armor, where the first may be alike
ARMORED = re.compile(
    rb"-----BEGIN (?:AGE ENCRYPTED FILE|PGP MESSAGE)-----" + NEXT_LINE
    + rb"[A-Za-z0-9+/]{64}" + NEXT_LINE + rb"([A-Za-z0-9+/]{64})(?![A-Za-z0-9+/])"
)  # fmt: skip
_INDEXES: WeakKeyDictionary[Tree, Mapping[bytes, list[str]]] = WeakKeyDictionary()


def sharing_files(change: ChangeSet, path: str, sides: Sides[Side | None]) -> list[str]:
    """The other files of head that carry a wrapped data key of the file at `path`, if it is new there."""
    if not _has_new_keys(sides):
        return []
    index = _index(change.trees.head)
    found: dict[str, None] = {}
    for mark in marks(change.trees.head.data(path) or b""):
        found.update(dict.fromkeys(index.get(mark, ())))
    return [other for other in found if other != path]


def sharing_file(change: ChangeSet, path: str, sides: Sides[Side | None]) -> str | None:
    """The first of them that base has too, so that the file at `path` is the copy."""
    return next((other for other in sharing_files(change, path, sides) if other in change.trees.base), None)


def marks(data: bytes) -> Iterator[bytes]:
    """A line of each wrapped key of a file that no other wrapping has."""
    return (match[1] for match in ARMORED.finditer(data))


def _has_new_keys(sides: Sides[Side | None]) -> bool:
    base, head = sides
    if head is None or head.metadata is None:
        return False
    return base is None or not head.wrapped_keys() <= base.wrapped_keys()


def _index(tree: Tree) -> Mapping[bytes, list[str]]:
    """The files of a tree by the marks in them, made once."""
    if tree not in _INDEXES:
        found: dict[bytes, list[str]] = {}
        paths = [path for path in tree.entries if path.endswith(tuple(SUFFIXES))][:MOST_FILES]
        tree.expect(paths)
        for path in paths:
            for mark in marks(tree.data(path) or b""):
                found.setdefault(mark, []).append(path)
        _INDEXES[tree] = found
    return _INDEXES[tree]
