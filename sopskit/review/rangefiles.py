"""What the single commits of a range did to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import FormatError
from sopskit.review.compare import compare
from sopskit.review.model import CommitOperations
from sopskit.review.operations import classify
from sopskit.review.sides import read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sopskit.git import CommitRange, TreeChange, TreeEntry
    from sopskit.review.sides import Side

# commits whose changes to a file are opened; more is no branch that somebody reviews commit by commit
MOST_COMMITS = 100


class RangeFiles:
    """The states of files in between, opened when they are asked for."""

    def __init__(self, commits: CommitRange | None, read_blob: Callable[[str], bytes | None]) -> None:
        """Nothing is read yet."""
        self._read = read_blob
        self._sides: dict[tuple[bytes, str], Side | None] = {}
        self._by_path: dict[bytes, list[tuple[str, TreeChange]]] = {}
        self._merges: dict[bytes, tuple[str, ...]] = {}
        self._is_single = commits is None or len(commits.commits) < 2
        for commit in commits.commits if commits else ():
            for change in commit.changes:
                names = {side.path for side in (change.base, change.head) if side is not None}
                for name in names:
                    self._by_path.setdefault(name, []).append((commit.id, change))
                    if len(commit.parents) > 1:
                        self._merges[name] = commit.parents

    def operations(self, path: bytes, old_path: bytes | None) -> tuple[CommitOperations, ...]:
        """The operations of each commit on a file, oldest first; none where the range is a single commit."""
        if self._is_single:
            return ()
        found: list[CommitOperations] = []
        for commit, change in self._changes(path, old_path):
            sides = [self._side(entry) for entry in (change.base, change.head)]
            operations = classify(sides[0], sides[1], compare(sides[0], sides[1]))
            if operations:
                found.append(CommitOperations(commit, operations))
        return tuple(found)

    def sides(self, path: bytes, old_path: bytes | None) -> list[Side | None]:
        """All states of a file in the range; None for one that cannot be read, and for those beyond the limit."""
        entries = [entry for _, change in self._changes(path, old_path) for entry in (change.base, change.head)]
        found = [self._side(entry) for entry in entries if entry is not None]
        names = [name for name in (path, old_path) if name is not None]
        if any(len(self._by_path.get(name, ())) > MOST_COMMITS for name in names):
            found.append(None)
        return found

    def _changes(self, path: bytes, old_path: bytes | None) -> Iterator[tuple[str, TreeChange]]:
        if self._is_single:
            return
        names = {path} if old_path is None else {path, old_path}
        seen: set[tuple[str, bytes]] = set()
        for name in names:
            for commit, change in self._by_path.get(name, ())[:MOST_COMMITS]:
                if (commit, change.path) not in seen:
                    seen.add((commit, change.path))
                    yield commit, change

    def _side(self, entry: TreeEntry | None) -> Side | None:
        if entry is None or not entry.is_file:
            return None
        place = (entry.path, entry.id)
        if place not in self._sides:
            data = self._read(entry.id)
            try:
                self._sides[place] = None if data is None else read_side(path_text(entry.path), data)
            except FormatError:
                self._sides[place] = None
        return self._sides[place]

    def merged_parents(self, path: bytes, read_at: Callable[[str, str], bytes | None]) -> tuple[Side, ...]:
        """The file in the parents of the newest merge of the range that changed it."""
        found: list[Side] = []
        name = path_text(path)
        for parent in self._merges.get(path, ()):
            data = read_at(parent, name)
            try:
                if data is not None:
                    found.append(read_side(name, data))
            except FormatError:
                continue
        return tuple(found)
