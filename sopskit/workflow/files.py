"""Files as they are on the disk: read, looked at, and checked before they are replaced."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from sopskit.errors import FileAccessError, LimitError, RefusedError

# read from a pipe or a terminal as well, so a device's size means nothing
CHUNK = 1 << 16


class Seen(NamedTuple):
    """A file as it was when we looked.

    `path` is the caller's name, `target` the file itself with a symbolic link resolved. `status` is None for a file that
    did not exist; `data` is None if the content was not read.
    """

    path: str
    target: str
    status: os.stat_result | None
    data: bytes | None

    def __repr__(self) -> str:
        """Name, not content."""
        return f"Seen({self.path!r})"

    @property
    def is_regular(self) -> bool:
        """Whether it is, or will be, an ordinary file: only such a one can be replaced."""
        return self.status is None or stat.S_ISREG(self.status.st_mode)


def read(path: str, *, limit: int | None = None) -> Seen:
    """Read a file or a pipe. Raises `FileAccessError`, and `LimitError` for more than `limit` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if limit is not None and status.st_size > limit:
                raise LimitError(f"the file has {status.st_size} bytes, more than the limit of {limit}").at(file=path)
            data = read_all(descriptor, status.st_size)
        finally:
            os.close(descriptor)
        return Seen(path, _resolve(path), status, data)
    except OSError as error:
        raise FileAccessError(f"cannot be read: {reason(error)}").at(file=path) from error


def look(path: str) -> Seen:
    """See whether a file is there and what it is, without reading it. Raises `FileAccessError`."""
    try:
        return Seen(path, _resolve(path), os.stat(path), None)
    except FileNotFoundError:
        return Seen(path, _resolve(path), None, None)
    except OSError as error:
        raise FileAccessError(f"cannot be looked at: {reason(error)}").at(file=path) from error


def write_through(path: str, data: bytes) -> None:
    """Write to what cannot be replaced: a pipe, a terminal, `/dev/stdout`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileAccessError(f"cannot be written: {reason(error)}").at(file=path) from error


def check_replaceable(seen: Seen) -> None:
    """Refuse what a rename would spoil, before any work is done on it.

    Raises `RefusedError` for a hard link, a device, or a symbolic link that leaves the working tree, and
    `FileAccessError` for a folder or file that this user may not write.
    """
    folder = os.path.dirname(seen.target) or "."
    if seen.target != seen.path:
        _check_link(seen)
    if seen.status is None:
        pass
    elif not stat.S_ISREG(seen.status.st_mode):
        raise RefusedError("is no ordinary file and cannot be replaced", hint="name an ordinary file").at(
            file=seen.path
        )
    elif seen.status.st_nlink > 1:
        raise RefusedError(
            f"has {seen.status.st_nlink} names (hard links), and replacing one would leave the others as they are",
            hint="make it a file of its own first: cp FILE FILE.new && mv FILE.new FILE",
        ).at(file=seen.path)
    elif os.path.exists(seen.target) and not os.access(seen.target, os.W_OK):
        raise FileAccessError("cannot be written: it is write-protected", hint="chmod u+w FILE").at(file=seen.path)
    if not os.access(folder, os.W_OK | os.X_OK):
        reason = "no such folder" if not os.path.isdir(folder) else "its folder is write-protected"
        raise FileAccessError(
            f"cannot be written: {reason}",
            hint="a file is replaced by a new one beside it, so the folder must be writable",
        ).at(file=seen.path)


def _check_link(seen: Seen) -> None:
    """A link may lead to another file of the same working tree, not out of it."""
    root = _tree_of(os.path.dirname(os.path.abspath(seen.path)))
    if os.path.commonpath([root, seen.target]) != root:
        raise RefusedError(
            "is a symbolic link that leads out of the working tree",
            hint="name the file itself, if it is the one to be written",
        ).at(file=seen.path)


def _tree_of(folder: str) -> str:
    """The Git working tree around `folder`, else `folder` itself."""
    folder = os.path.realpath(folder)
    above = folder
    while True:
        if os.path.lexists(os.path.join(above, ".git")):
            return above
        parent = os.path.dirname(above)
        if parent == above:
            return folder
        above = parent


def _resolve(path: str) -> str:
    return os.path.realpath(path) if os.path.islink(path) else path


def reason(error: OSError) -> str:
    """What the operating system says, in our grammar; holds no content of the file."""
    return (error.strerror or "input/output error").lower()


def read_all(descriptor: int, expected: int) -> bytes:
    """Until the end; a regular file mostly comes in one piece."""
    parts = []
    size = expected + 1
    while part := os.read(descriptor, size):
        parts.append(part)
        size = CHUNK
    return b"".join(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """All of it, in as many pieces as it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
