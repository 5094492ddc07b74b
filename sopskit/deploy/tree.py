"""The source files of a build: found without leaving the root, read once, every MAC verified before anything is built."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.provider import LIMITS
from sopskit.errors import FileAccessError, LimitError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sopskit.deploy.provider import DecryptionProvider, OpenedSource

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MOST_FILES = 20_000


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


def walk(folder: Path) -> Iterator[Path]:
    """The files below a folder (a file: itself), sorted by name at every level, without what belongs to Git.

    Links to folders are not followed. Raises `FileAccessError`, and `LimitError` for too many files.
    """
    count = 0
    pending = [folder]
    while pending:
        current = pending.pop()
        if not current.is_symlink() and current.is_dir():
            pending += sorted(_entries(current), reverse=True)
            continue
        count += 1
        if count > MOST_FILES:
            raise LimitError(f"more than {MOST_FILES} files").at(file=str(folder))
        yield current


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.name != ".git"]
    except OSError as error:
        raise FileAccessError(f"the folder cannot be read: {(error.strerror or '').lower()}").at(
            file=str(folder)
        ) from error


def read_source(path: Path, root: Path, provider: DecryptionProvider) -> Source:
    """Read one file and, if it is a SOPS file, open it.

    A symbolic link is followed to a file within `root`. Raises `FileAccessError`, `RefusedError` for what is no
    ordinary file or outside, `LimitError`, and what the provider raises.
    """
    data = _read(path, root)
    return Source(path, data, provider.open(data, str(path)))


def _read(path: Path, root: Path) -> bytes:
    target = path.resolve()
    if not target.is_relative_to(root):
        raise RefusedError("this symbolic link leads out of the tree that is built").at(file=str(path))
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise FileAccessError(f"cannot be read: {(error.strerror or '').lower()}").at(file=str(path)) from error
    try:
        _check(os.fstat(descriptor), path)
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def _check(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError("is no ordinary file").at(file=str(path))
    if status.st_size > LIMITS.size:
        raise LimitError(f"has {status.st_size} bytes, more than the limit of {LIMITS.size}").at(file=str(path))


def kustomization_in(folder: Path) -> Path | None:
    """The kustomization file of a folder. Raises `RefusedError` if there are several."""
    found = [folder / name for name in KUSTOMIZATION_NAMES if (folder / name).exists()]
    if len(found) > 1:
        raise RefusedError("more than one kustomization file in a folder").at(file=str(folder))
    return found[0] if found else None
