"""What stood at a path in older commits, looked up when a policy asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import FormatError
from sopskit.review.sides import read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sopskit.git import Version
    from sopskit.review.sides import Side

# older versions of one path that are opened, newest first, and of all paths together
MOST_READ = 50
MOST_READ_IN_ALL = 2_000


class History:
    """The older versions of the changed files: those that base and its ancestors left, newest first.

    Nothing is looked up before the first question; then for all paths at once, which takes one git process.
    """

    def __init__(
        self,
        names: Collection[bytes],
        load: Callable[[Collection[bytes]], Mapping[bytes, Sequence[Version]]],
        read: Callable[[str], bytes | None],
    ) -> None:
        """`names` are the paths as Git has them. `load` gives their versions, `read` a blob by its id; None for one that is too large."""
        self._names = names
        self._load = load
        self._read = read
        self._versions: Mapping[str, Sequence[Version]] | None = None
        self._sides: dict[tuple[str, str], Side | None] = {}
        self._budget = MOST_READ_IN_ALL

    def versions(self, path: str) -> Sequence[Version]:
        """All known versions of a path; the first one is base's, if base has the file."""
        if self._versions is None:
            self._versions = {path_text(name): found for name, found in self._load(self._names).items()}
        return self._versions.get(path, ())

    def side(self, path: str, version: Version) -> Side | None:
        """A version, read without a key; None if it cannot be read, or enough were read."""
        place = (path, version.blob)
        if place not in self._sides:
            if self._budget <= 0:
                return None
            self._budget -= 1
            data = self._read(version.blob)
            try:
                self._sides[place] = None if data is None else read_side(path, data)
            except FormatError:
                self._sides[place] = None
        return self._sides[place]

    def recent(self, path: str) -> Sequence[Version]:
        """The versions that are worth opening: the newest ones, each content once."""
        seen: dict[str, Version] = {}
        for version in self.versions(path):
            seen.setdefault(version.blob, version)
        return tuple(seen.values())[:MOST_READ]
