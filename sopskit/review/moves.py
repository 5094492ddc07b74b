"""Encrypted files that were moved and changed so much that Git takes them for one file gone and another one new.

A value keeps its IV when the data key is rotated or recipients come and go, so the IV and the place of a value tell where
the file was before. Nobody needs a key to see that.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from sopskit.review.sides import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.review.model import Sides
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree

MOST_FILES = 1_000  # of those that are gone, so many are read
Mark: TypeAlias = "tuple[str, bytes]"
_INDEXES: WeakKeyDictionary[Tree, Mapping[Mark, str]] = WeakKeyDictionary()


def moved_from(trees: Sides[Tree], path: str, head: Side) -> str | None:
    """The path of a file of base that is gone and had most of the values that are encrypted in `head`; None without one.

    `path` is where `head` is. A file that was encrypted at the same path before was not moved there.
    """
    index = _index(trees) if head.metadata is not None else {}
    found = Counter(index[mark] for mark in _marks(head) if mark in index) if index else None
    base = trees.base.side(path) if found else None
    if not found or (base is not None and base.metadata is not None):
        return None
    return found.most_common(1)[0][0]


def _index(trees: Sides[Tree]) -> Mapping[Mark, str]:
    """The files that are gone, by the marks in them; made once."""
    if trees.head not in _INDEXES:
        gone = [path for path in trees.base.entries if path not in trees.head][:MOST_FILES]
        trees.base.expect(gone)
        found: dict[Mark, str] = {}
        for path in gone:
            side = trees.base.side(path) if looks_encrypted(trees.base.data(path) or b"") else None
            if side is not None:
                found.update(dict.fromkeys(_marks(side), path))
        _INDEXES[trees.head] = found
    return _INDEXES[trees.head]


def _marks(side: Side) -> Iterator[Mark]:
    """What a value keeps through a rotation: the place that it is bound to, and its IV."""
    for leaf in side.document.leaves() if side.document is not None else ():
        token = side.token(leaf)
        if token is not None:
            yield leaf.aad, token.iv
