"""The source files of a build: found without leaving the root, read once, every MAC verified before anything is built."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.workers import open_all
from sopskit.errors import FileAccessError, LimitError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.deploy.opening import OpenedSource, SourceOpener

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MOST_FILES = 20_000
OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


class Source(NamedTuple):
    """A file of the tree. `opened` is None for a plain one, whose bytes are `data`."""

    path: Path
    data: bytes
    opened: OpenedSource | None

    @property
    def plaintext(self) -> bytes:
        """What is built from."""
        return self.data if self.opened is None else self.opened.plaintext

    def __repr__(self) -> str:
        """The path."""
        return f"Source({str(self.path)!r})"


class SourceReader:
    """Reads files within `root`, a resolved folder, and opens those that are encrypted. Symbolic links may not lead out."""

    __slots__ = ("_folders", "_opener", "_root", "root")

    def __init__(self, root: Path, opener: SourceOpener) -> None:
        """Nothing is read yet."""
        self.root = root
        self._root = str(root)
        self._opener = opener
        self._folders: dict[str, str] = {}

    def is_inside(self, path: str) -> bool:
        """Whether a path without links and `..` is the root or below it."""
        return path == self._root or path.startswith(self._root.rstrip(os.sep) + os.sep)

    def locate(self, path: str) -> str:
        """Where an absolute path leads, links followed. Raises `RefusedError` for a place outside of the root."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        target = os.path.join(self._folders[folder], name)
        if os.path.islink(target):
            target = os.path.realpath(target)
        if not self.is_inside(target):
            raise RefusedError("this symbolic link leads out of the tree that is built").at(file=path)
        return target

    def read(self, path: Path) -> Source:
        """Read one file and, if it is a SOPS file, open it.

        Raises `FileAccessError`, `RefusedError` for what is no ordinary file or outside, `LimitError`, and what
        opening raises.
        """
        name = str(path)
        data = self.read_bytes(name)
        return Source(path, data, self._opener.open(data, name))

    def open_all(self, files: Mapping[str, bytes]) -> list[Source]:
        """Open what is encrypted of many files that were read, by their paths. Raises as `read`, for the first that fails."""
        opened = open_all(self._opener, [(data, path) for path, data in files.items()])
        return [Source(Path(path), data, one) for (path, data), one in zip(files.items(), opened, strict=True)]

    def read_bytes(self, path: str) -> bytes:
        """Read one file as it is. Raises as `read`, but for what opening raises."""
        target = self.locate(path)
        try:
            descriptor = os.open(target, OPEN_FLAGS)
        except OSError as error:
            raise FileAccessError(f"cannot be read: {(error.strerror or '').lower()}").at(file=path) from error
        try:
            status = os.fstat(descriptor)
            self._check(status, path)
            return _read_all(descriptor, status.st_size)
        finally:
            os.close(descriptor)

    def _check(self, status: os.stat_result, path: str) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("is no ordinary file").at(file=path)
        limit = self._opener.limits.size
        if status.st_size > limit:
            raise LimitError(f"has {status.st_size} bytes, more than the limit of {limit}").at(file=path)


def _read_all(descriptor: int, size: int) -> bytes:
    """The file's bytes, in one call and one more for its end if it has the `size` that was told."""
    parts: list[bytes] = []
    while part := os.read(descriptor, size + 1):
        parts.append(part)
        size = 64 * 1024
    return b"".join(parts)


def walk(folder: Path, reader: SourceReader) -> Iterator[Path]:
    """The files below a folder, sorted by name at every level, without what belongs to Git.

    A link to a folder is followed, to each folder once. Raises `FileAccessError`, `RefusedError` for a link that leads
    out of the root, and `LimitError` for too many files.
    """
    count = 0
    seen: set[str] = set()
    pending = [str(folder)]
    while pending:
        current = pending.pop()
        if os.path.isdir(current):
            place = reader.locate(current)
            if place not in seen:
                seen.add(place)
                pending += sorted(_entries(current), reverse=True)
            continue
        count += 1
        if count > MOST_FILES:
            raise LimitError(f"more than {MOST_FILES} files").at(file=str(folder))
        yield Path(current)


def _entries(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder) if name != ".git"]
    except OSError as error:
        raise FileAccessError(f"the folder cannot be read: {(error.strerror or '').lower()}").at(file=folder) from error


def kustomization_in(folder: Path) -> Path | None:
    """The kustomization file of a folder. Raises `RefusedError` if there are several."""
    found = [folder / name for name in KUSTOMIZATION_NAMES if (folder / name).exists()]
    if len(found) > 1:
        raise RefusedError("more than one kustomization file in a folder").at(file=str(folder))
    return found[0] if found else None
