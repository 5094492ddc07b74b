"""All files of one state of a repository: of a commit, of the index or of the work tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import FormatError, LimitError
from sopskit.review.sides import read_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sopskit.git import TreeEntry
    from sopskit.review.sides import Side


class Tree:
    """The paths of a state, and the contents of those that are asked for. Paths are text, see `path_text`.

    Contents are kept while they are small in sum, since several policies look at the same file.
    """

    def __init__(
        self,
        entries: Iterable[TreeEntry],
        read: Callable[[TreeEntry], bytes],
        expect: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        """Nothing is read yet. `read` gives an entry's bytes, and raises `LimitError` for one that is too large.

        `expect` is told the ids of blobs that will be read one after the other.
        """
        self.entries = {path_text(entry.path): entry for entry in entries}
        self._read = read
        self._expect = expect
        self._data: dict[str, bytes | None] = {}
        self._sides: dict[str, Side | None] = {}

    def __contains__(self, path: str) -> bool:
        """Whether there is such a file (of any kind)."""
        return path in self.entries

    def expect(self, paths: Iterable[str]) -> None:
        """Say which files will be looked at."""
        if self._expect is not None:
            entries = (self.entries[path] for path in paths if path not in self._data and path in self.entries)
            self._expect(entry.id for entry in entries if entry.is_file)

    def data(self, path: str) -> bytes | None:
        """A file's bytes; None if there is no regular file, or it is too large to look at."""
        if path not in self._data:
            entry = self.entries.get(path)
            try:
                self._data[path] = self._read(entry) if entry is not None and entry.is_file else None
            except LimitError:
                self._data[path] = None
        return self._data[path]

    def keep(self, path: bytes, data: bytes, side: Side) -> None:
        """Remember a file that was read already."""
        name = path_text(path)
        self._data[name] = data
        self._sides[name] = side

    def side(self, path: str) -> Side | None:
        """A file, read without a key; None if there is none or it cannot be read."""
        if path not in self._sides:
            data = self.data(path)
            try:
                self._sides[path] = None if data is None else read_side(path, data)
            except FormatError:
                self._sides[path] = None
        return self._sides[path]


def path_text(path: bytes) -> str:
    r"""A path as text; bytes that are no UTF-8 stand as `\xNN`."""
    return path.decode("utf-8", "backslashreplace")
