"""What became of one file's values over the commits, without a key: redacted, for `sopskit log`.

Authors and dates are what the commits claim. What looks unchanged through a new data key is no change.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import FormatError
from sopskit.redact import escape_path
from sopskit.review.compare import compare
from sopskit.review.operations import Clues, classify, unchanged
from sopskit.review.sides import read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from sopskit.document import Path
    from sopskit.git import CommitInfo, Revision, TreeEntry
    from sopskit.review.model import Change, Operation
    from sopskit.review.sides import Side

    Place: TypeAlias = tuple[int, Path]

# after these the value is another one; after the rest of the changes to a value it may be the same
NEW_VALUE = frozenset(("added", "changed"))
NO_FILE = "a symbolic link or submodule, no file"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one commit did to the file. `path` is where the file stood then.

    `problem` says why this version could not be read. `compared_with` names an older commit where the version just
    before could not be read. `cut_off`: a shallow clone ends here, so what stands here may be older.
    """

    commit: CommitInfo
    path: str
    operations: tuple[Operation, ...] = ()
    changes: tuple[Change, ...] = ()
    problem: str | None = None
    compared_with: str | None = None
    cut_off: bool = False


class KeyAge(NamedTuple):
    """When the value of a key became what it is, as far as can be seen.

    `last` is the newest commit that surely gave it a new value, None if that is older than what was looked at. After it,
    `perhaps` may have: there the value was encrypted anew, or its protection or type changed. `was_plain`: the value is
    encrypted now and stands in the history as plain text, unless `perhaps` changed it.
    """

    document: int
    path: Path
    encrypted: bool
    last: Entry | None = None
    perhaps: Entry | None = None
    was_plain: bool = False


class FileHistory:
    """The revisions of a file, newest first, opened when they are asked for."""

    def __init__(
        self,
        revisions: Sequence[Revision],
        read_blob: Callable[[str], bytes],
        is_cut_off: Callable[[CommitInfo], bool],
    ) -> None:
        """`read_blob` gives a blob by its id; it raises `LimitError` for one that is too large, `GitError` for a missing one."""
        self._revisions = revisions
        self._read = read_blob
        self._is_cut_off = is_cut_off
        self._sides: dict[tuple[bytes, str], Side | str] = {}
        self._with_content: defaultdict[str, list[int]] = defaultdict(list)
        for index, revision in enumerate(revisions):
            if revision.head is not None:
                self._with_content[revision.head.id].append(index)

    def entries(self) -> Iterator[Entry]:
        """Each commit, newest first. Raises `GitError` for a blob that is not here."""
        for index, revision in enumerate(self._revisions):
            yield self._entry(index, revision)
            self._forget(revision)

    def newest(self) -> Side | None:
        """The newest version that can be read and was not deleted."""
        return next(self._readable(0), (None, None))[0]

    def _entry(self, index: int, revision: Revision) -> Entry:
        place = revision.head or next(parent for parent in revision.parents if parent is not None)
        entry = Entry(revision.commit, path_text(place.path), cut_off=self._is_cut_off(revision.commit))
        head = self._side(revision.head)
        if entry.cut_off:
            return entry
        if isinstance(head, str):
            return replace(entry, problem=head)
        first = revision.parents[0] if revision.parents else None
        if first is not None and revision.head is not None and first.id == revision.head.id:
            moved = first.path != revision.head.path
            return replace(entry, operations=(unchanged("renamed" if moved else "mode-changed"),))
        bases = [self._side(parent) for parent in revision.parents]
        readable = [base for base in bases if not isinstance(base, str)]
        if readable:
            return self._compared(entry, readable, head, self._same_before(index))
        base, commit = next(self._readable(index + 1), (None, None))
        entry = replace(entry, compared_with=commit.id if commit else None)
        return self._compared(entry, [base], head, self._same_before(index))

    def _same_before(self, index: int) -> str | None:
        """The newest older commit that left the same content."""
        head = self._revisions[index].head
        same = self._with_content[head.id] if head is not None else []
        return next((self._revisions[one].commit.id for one in same if one > index), None)

    @staticmethod
    def _compared(entry: Entry, bases: Sequence[Side | None], head: Side | None, older: str | None) -> Entry:
        """What is new compared with all of `bases`: of a merge that is what neither branch had."""
        first, *others = [compare(base, head) for base in bases]
        common = [{(change.document, change.path) for change in other.changes} for other in others]
        changes = [change for change in first.changes if all((change.document, change.path) in one for one in common)]
        parents = [base for base in bases if base is not None]
        operations = classify(bases[0], head, first, Clues(older=older, parents=parents))
        return replace(entry, operations=operations, changes=tuple(changes))

    def _readable(self, index: int) -> Iterator[tuple[Side, CommitInfo]]:
        """The versions from `index` on that can be read."""
        for revision in self._revisions[index:]:
            side = self._side(revision.head)
            if side is not None and not isinstance(side, str):
                yield side, revision.commit

    def _side(self, entry: TreeEntry | None) -> Side | str | None:
        """A version, or why it cannot be read; None for no file."""
        if entry is None:
            return None
        if not entry.is_file:
            return NO_FILE
        place = (entry.path, entry.id)
        if place not in self._sides:
            try:
                self._sides[place] = read_side(path_text(entry.path), self._read(entry.id))
            except FormatError as error:
                self._sides[place] = str(error)
        return self._sides[place]

    def _forget(self, revision: Revision) -> None:
        """Memory stays bounded: a version is needed again only as the parent of the one before."""
        if revision.head is not None:
            self._sides.pop((revision.head.path, revision.head.id), None)


class KeyFilter:
    """Picks the changes of one key, and of what is below it; where a value was moved, of its old place before."""

    def __init__(self, wanted: Path | str) -> None:
        """`wanted` is a path, or one as people write it: `stringData.DB_PASSWORD`, `list[0]`, `stringData.tls.crt`."""
        self._wanted = wanted
        self._origins: set[Place] = set()
        self.seen = False

    def pick(self, entry: Entry) -> Entry | None:
        """The entry with the changes of the key alone; None if it has none. Entries are to be asked newest first."""
        changes = tuple(change for change in entry.changes if self._fits(change))
        self._origins |= {(one.document, one.origin) for one in changes if one.origin is not None}
        self.seen = self.seen or bool(changes)
        return replace(entry, changes=changes) if changes or entry.problem else None

    def fits(self, path: Path) -> bool:
        """Whether a path is the key or below it."""
        if isinstance(self._wanted, tuple):
            return path[: len(self._wanted)] == self._wanted
        prefixes = (path[:end] for end in range(1, len(path) + 1))
        return any(self._wanted in (escape_path(one), ".".join(map(str, one))) for one in prefixes)

    def _fits(self, change: Change) -> bool:
        return self.fits(change.path) or (change.document, change.path) in self._origins


def ages(newest: Side | None, entries: Iterable[Entry]) -> list[KeyAge]:
    """The age of every key of the newest version, in the order of the file; `entries` newest first, read as far as needed."""
    found = _current(newest)
    # where each value stood in the commit that is looked at, and whose it is
    where: dict[Place, Place] = {place: place for place in found}
    for entry in entries:
        if not where or entry.cut_off:
            break
        origins: dict[Place, Place] = {}
        for change in entry.changes:
            owner = where.get((change.document, change.path))
            if owner is None or change.change == "comment":
                continue
            found[owner] = age = _older(found[owner], entry, change)
            if change.origin is not None:
                origins[change.document, change.origin] = owner
            if change.origin is not None or age.last is not None:
                del where[change.document, change.path]
        where |= origins
    return list(found.values())


def _older(age: KeyAge, entry: Entry, change: Change) -> KeyAge:
    """The age of a key after a look at one more change, older than those before."""
    is_new = change.change in NEW_VALUE
    plain = change.encrypted.head is False or (change.encrypted.base is False and not is_new)
    age = age._replace(was_plain=age.was_plain or (age.encrypted and plain))
    if is_new:
        return age._replace(last=entry)
    return age if change.origin is not None or age.perhaps is not None else age._replace(perhaps=entry)


def _current(newest: Side | None) -> dict[Place, KeyAge]:
    if newest is None or newest.document is None:
        return {}
    found: dict[Place, KeyAge] = {}
    for leaf in newest.document.leaves():
        document, path = leaf.parent.document, leaf.path
        found[document, path] = KeyAge(document, path, encrypted=newest.token(leaf) is not None)
    return found
