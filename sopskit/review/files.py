"""One changed file: both sides read, opened if a key is at hand, compared, and its operation named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sopskit.errors import FormatError, LimitError
from sopskit.review.compare import KEYLESS, Keys, as_it_stands, compare
from sopskit.review.keyed import NOT_OPENED, OpenedSide, keys_of, tells_nothing
from sopskit.review.model import NotChecked, Sides
from sopskit.review.operations import NO_CLUES, classify, confirmed, unchanged
from sopskit.review.sides import looks_encrypted, read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.git import TreeChange, TreeEntry
    from sopskit.review.compare import Comparison
    from sopskit.review.guard import Authors
    from sopskit.review.keyed import Opener
    from sopskit.review.model import FileStatus, MacState, Operation
    from sopskit.review.operations import Clues
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree

CLOSED = "no private key at hand opens it"
NOT_TOLD = "its MAC is not told: it is not known that whoever changed it can read it"
STATUSES: dict[str, FileStatus] = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "type-changed",
}


@dataclass(frozen=True, slots=True, repr=False)
class ReadFile:
    """A changed file as far as it can be read. A side that cannot be read is None; `data` may be there all the same.

    `problems` say what could not be read; then both sides are None, since half a comparison would mislead. `tells_mac`:
    whether a key's verdict on head's MAC may be said.
    """

    change: TreeChange
    status: FileStatus
    data: Sides[bytes | None]
    sides: Sides[Side | None]
    opened: Sides[OpenedSide]
    keys: Keys
    comparison: Comparison
    problems: tuple[NotChecked, ...]
    tells_mac: bool

    def __repr__(self) -> str:
        """The path."""
        return f"ReadFile({self.path!r})"

    @property
    def path(self) -> str:
        """The path as it is now, or was if the file is gone."""
        return path_text(self.change.path)

    @property
    def old_path(self) -> str | None:
        """Where a renamed or copied file comes from."""
        return None if self.old_name is None else path_text(self.old_name)

    @property
    def old_name(self) -> bytes | None:
        """The same as Git has it."""
        base = self.change.base
        return base.path if base is not None and self.change.status in "RC" else None

    @property
    def same_bytes(self) -> bool:
        """Whether only the name or the mode changed."""
        return self.data.head is not None and self.data.base == self.data.head

    def keep_in(self, trees: Sides[Tree]) -> None:
        """Spare the trees a second reading."""
        for tree, entry, data, side in zip(trees, self.change[1:3], self.data, self.sides, strict=True):
            if entry is not None and data is not None and side is not None:
                tree.keep(entry.path, data, side)

    def operations(self, clues: Clues = NO_CLUES) -> tuple[Operation, ...]:
        """What was probably done; what a key has shown is said without doubt."""
        if self.same_bytes:
            return (unchanged(self.status),)
        operations = classify(*self.sides, self.comparison, clues)
        proven = self.keys.may_compare and self.macs().head == "valid"
        return tuple(confirmed(one) for one in operations) if proven else operations

    def macs(self) -> Sides[MacState | None]:
        """What is known, and may be said, of each side's MAC."""
        head = self.opened.head if self.tells_mac else NOT_OPENED
        return Sides(
            _mac(self.sides.base, self.opened.base, stale=False),
            _mac(self.sides.head, head, stale=self.comparison.stale),
        )


def read_file(
    change: TreeChange,
    read: Sides[Callable[[TreeEntry], bytes]],
    opener: Opener | None,
    authors: Authors,
    *,
    standing: bool = False,
) -> ReadFile:
    """Read both sides of a changed file; `read` gives the bytes of an entry of either side.

    With `standing` a file without a base is not compared with nothing: it may have been there before.
    """
    problems: list[NotChecked] = []
    data = Sides(_load(read.base, change.base, problems), _load(read.head, change.head, problems))
    sides = Sides(_parse(change.base, data.base, problems), _parse(change.head, data.head, problems))
    if problems:
        sides = Sides(None, None)
    opened, keys, told = Sides(NOT_OPENED, NOT_OPENED), KEYLESS, False
    if opener is not None:
        opened = Sides(opener.open(sides.base), opener.open(sides.head))
        problems += _closed(change, sides, opened)
        names = [side.path for side in (change.base, change.head) if side is not None]
        if opened.head.data_key is not None or opened.base.data_key is not None:
            trusted = authors.are_readers(names, sides.base)
            told = trusted or authors.are_here or tells_nothing(sides, opened)
            keys = keys_of(opened, trusted=trusted, told=told)
            if opened.head.data_key is not None and not told:
                problems.append(NotChecked(path_text(change.path), NOT_TOLD, decisive=False))
    comparison = as_it_stands(sides.head, keys) if standing and change.base is None else compare(*sides, keys)
    return ReadFile(change, _status(change), data, sides, opened, keys, comparison, tuple(problems), told)


def _status(change: TreeChange) -> FileStatus:
    if change.base and change.head and change.base.id == change.head.id and change.status == "M":
        return "mode-changed"
    return STATUSES[change.status]


def _load(read: Callable[[TreeEntry], bytes], entry: TreeEntry | None, problems: list[NotChecked]) -> bytes | None:
    if entry is None or not entry.is_file:
        return None
    try:
        return read(entry)
    except LimitError as error:
        problems.append(NotChecked(path_text(entry.path), error.message, decisive=True))
        return None


def _parse(entry: TreeEntry | None, data: bytes | None, problems: list[NotChecked]) -> Side | None:
    if entry is None or data is None:
        return None
    path = path_text(entry.path)
    try:
        return read_side(path, data)
    except LimitError as error:
        problems.append(NotChecked(path, error.message, decisive=looks_encrypted(data)))
    except FormatError as error:
        problems.append(NotChecked(path, str(error), decisive=looks_encrypted(data)))
    return None


def _closed(change: TreeChange, sides: Sides[Side | None], opened: Sides[OpenedSide]) -> list[NotChecked]:
    """What the keys at hand do not open. That counts only where they open something (see `assemble`)."""
    for side, found in zip(reversed(sides), reversed(opened), strict=True):
        if side is not None and side.metadata is not None and found.data_key is None:
            return [NotChecked(path_text(change.path), CLOSED, decisive=False)]
    return []


def _mac(side: Side | None, opened: OpenedSide, *, stale: bool) -> MacState | None:
    if side is None or side.metadata is None:
        return None
    if opened.mac is not None:
        return opened.mac
    if not side.metadata.mac:
        return "missing"
    return "stale" if stale else "unchecked"
