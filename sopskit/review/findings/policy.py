"""What a policy is: an id, what it says about itself, and one function that finds."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Literal, TypeAlias

    from sopskit.document import Document, Leaf, Path
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.model import Severity

NO_ARGS: Mapping[str, int | str] = {}


class Hit(NamedTuple):
    """What a policy found, and where. The policy's own severity and remedy hold where none is given.

    `message` is one sentence, lower case, no full stop, with `{placeholders}` for `args`: texts of the repository stand in
    `args` only, and values nowhere. `path` is that of the file; a policy about a whole change has to give it. `line` counts
    from 1 on its `side`, `key` is the path of the leaf.
    """

    message: str
    args: Mapping[str, int | str] = NO_ARGS
    severity: Severity | None = None
    remedy: str | None = None
    path: str | None = None
    side: Literal["base", "head"] = "head"
    document: int | None = None
    line: int | None = None
    key: Path | None = None
    commit: str | None = None


class FilePolicy(NamedTuple):
    """A policy that looks at one file of a change.

    `why` tells in two or three sentences why it matters, `remedy` what to do, in one. `key`: whether it needs a private
    key (`helps`: it sees more with one). `check`: whether `sopskit check` applies it, where there may be no other side.
    """

    id: str
    severity: Severity
    title: str
    why: str
    remedy: str
    find: Callable[[Subject], Iterator[Hit]]
    key: Literal["no", "yes", "helps"] = "no"
    check: bool = False


class ChangePolicy(NamedTuple):
    """A policy that looks at a change as a whole; otherwise as `FilePolicy`."""

    id: str
    severity: Severity
    title: str
    why: str
    remedy: str
    find: Callable[[ChangeSet], Iterator[Hit]]
    key: Literal["no", "yes", "helps"] = "no"
    check: bool = False


if TYPE_CHECKING:
    Policy: TypeAlias = FilePolicy | ChangePolicy


def place(document: Document, leaf: Leaf) -> dict[str, Any]:
    """The fields of a `Hit` that say where a leaf stands."""
    return {"document": leaf.parent.document, "line": _line(document, leaf.start), "key": leaf.path}


_LINE_ENDS: WeakKeyDictionary[Document, list[int]] = WeakKeyDictionary()


def _line(document: Document, index: int) -> int:
    """The line of a position, in a time that does not grow with the lines before it: a file may have many findings."""
    ends = _LINE_ENDS.get(document)
    if ends is None:
        ends = _LINE_ENDS[document] = [match.start() for match in re.finditer("\n", document.text)]
    return bisect_left(ends, index) + 1
