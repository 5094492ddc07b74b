"""Replacing files whole or not at all.

A write goes to a temporary file in the same folder, which is flushed to the disk and then renamed over the
target; last, the folder is flushed. Just before the rename the target is compared with what was read: if somebody
else wrote it meanwhile, theirs stays. A crash at any moment leaves each file wholly old or wholly new, and at worst
a temporary file of mode 0600 with a name that the next run knows and removes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import FileAccessError, FileChangedError, Location, RefusedError, SopskitError
from sopskit.workflow.files import check_replaceable, read_all, reason, write_all

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sopskit.workflow.files import Seen

# files whose content waits for the disk; each holds a file descriptor, and 1024 is a common limit
MOST_PENDING = 64
MOST_FOLDERS = 32
# a temporary file younger than this may be between its creation and its lock
STALE_SECONDS = 60
MARK = ".sopskit-"
SUFFIX = ".tmp"


def replace(seen: Seen, data: bytes, *, private: bool = False) -> None:
    """Write one file; see `Writer.replace` for what may be raised."""
    with Writer() as writer:
        writer.replace(seen, data, private=private)
        failures = writer.finish()
    if failures:
        raise failures[0][1]


class _Pending(NamedTuple):
    seen: Seen
    folder: str
    name: str
    temporary: str
    descriptor: int


class Writer:
    """Replaces many files with few waits for the disk. A context manager: leaving it by an exception drops what waits.

    Every file is flushed before its own rename; folders are flushed once, at the end. `stale` names the temporary
    files of interrupted runs that were found in the folders and removed.
    """

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self.stale: list[str] = []
        self._pending: list[_Pending] = []
        self._folders: dict[str, int] = {}
        self._swept: set[str] = set()
        self._failures: list[tuple[Seen, SopskitError]] = []

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop temporary files that were not renamed."""
        self._drop(self._pending)
        self._pending = []
        self._close_folders(flush=False)

    def replace(self, seen: Seen, data: bytes, *, private: bool = False) -> None:
        """Have `data` stand in the place of what was `seen`, once `finish` has run.

        A new file gets the mode that the process's umask gives, or 0600 if it is `private`; an existing one keeps
        mode, owner and extended attributes. Raises `FileAccessError` and `RefusedError`; the target is untouched then.
        """
        check_replaceable(seen)
        folder, name = os.path.split(seen.target)
        try:
            self._pending.append(self._write_temporary(seen, folder or ".", name, data, private=private))
        except OSError as error:
            raise _not_written(seen, error) from error
        if len(self._pending) >= MOST_PENDING:
            self._flush()

    def finish(self) -> list[tuple[Seen, SopskitError]]:
        """Bring everything to the disk. Gives the files that could not be written, each with its error."""
        self._flush()
        self._close_folders(flush=True)
        failures, self._failures = self._failures, []
        return failures

    def _write_temporary(self, seen: Seen, folder: str, name: str, data: bytes, *, private: bool) -> _Pending:
        directory = self._folder(folder)
        # a name is at most 255 bytes long in all usual file systems
        temporary = f".{os.fsdecode(os.fsencode(name)[:200])}{MARK}{os.urandom(6).hex()}{SUFFIX}"
        mode = 0o600 if private or seen.status is not None else 0o666
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        pending = _Pending(seen, folder, name, temporary, os.open(temporary, flags, mode, dir_fd=directory))
        try:
            _lock(pending.descriptor)
            write_all(pending.descriptor, data)
            if seen.status is not None:
                _copy_attributes(seen, seen.status, pending.descriptor)
        except BaseException:
            self._drop([pending])
            raise
        return pending

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        done = 0
        try:
            self._sync_all(pending)
            for item in pending:
                self._rename(item)
                done += 1
        finally:
            self._drop(pending[done:])
            for item in pending[:done]:
                os.close(item.descriptor)
        if len(self._folders) > MOST_FOLDERS:
            self._close_folders(flush=True)

    def _sync_all(self, pending: list[_Pending]) -> None:
        """Flush files to the disk, after the kernel was told to start with all of them: five times faster."""
        for item in pending:
            with contextlib.suppress(OSError):
                os.posix_fadvise(item.descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        for item in pending:
            self._sync(item)

    def _sync(self, item: _Pending) -> None:
        try:
            os.fsync(item.descriptor)
        except OSError as error:
            self._fail(item, _not_written(item.seen, error))

    def _rename(self, item: _Pending) -> None:
        if any(seen is item.seen for seen, _ in self._failures):
            return
        directory = self._folders[item.folder]
        _lock(directory)
        try:
            self._compare(item, directory)
            os.rename(item.temporary, item.name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError as error:
            self._fail(item, _not_written(item.seen, error))
        except SopskitError as error:
            self._fail(item, error)
        finally:
            _unlock(directory)

    def _compare(self, item: _Pending, directory: int) -> None:
        """Raise `FileChangedError` if the target is no longer what was seen."""
        before = item.seen.status
        try:
            descriptor = os.open(
                item.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory
            )
        except FileNotFoundError:
            if before is None:
                return
            raise _changed(item.seen, "was removed") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _changed(item.seen, "became a symbolic link") from None
            raise
        try:
            now = os.fstat(descriptor)
            if before is None:
                raise _changed(item.seen, "came into being")
            same = _fingerprint(before) == _fingerprint(now)
            data = item.seen.data
            if not same or (data is not None and read_all(descriptor, now.st_size) != data):
                raise _changed(item.seen, "was written by somebody else")
        finally:
            os.close(descriptor)

    def _fail(self, item: _Pending, error: SopskitError) -> None:
        self._failures.append((item.seen, error))
        self._remove(item)

    def _remove(self, item: _Pending) -> None:
        with contextlib.suppress(OSError):
            os.unlink(item.temporary, dir_fd=self._folders[item.folder])

    def _drop(self, pending: list[_Pending]) -> None:
        for item in pending:
            self._remove(item)
            os.close(item.descriptor)

    def _folder(self, folder: str) -> int:
        descriptor = self._folders.get(folder)
        if descriptor is None:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._folders[folder] = descriptor
            if folder not in self._swept:
                self._swept.add(folder)
                self._sweep(folder, descriptor)
        return descriptor

    def _sweep(self, folder: str, directory: int) -> None:
        """Remove what a killed run of the same user left: nobody holds its lock."""
        for name in os.listdir(directory):
            if MARK not in name or not (name.startswith(".") and name.endswith(SUFFIX)):
                continue
            try:
                descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
                try:
                    if _is_stale(descriptor):
                        os.unlink(name, dir_fd=directory)
                        self.stale.append(os.path.join(folder, name))
                finally:
                    os.close(descriptor)
            except OSError:
                continue

    def _close_folders(self, *, flush: bool) -> None:
        for descriptor in self._folders.values():
            try:
                if flush:
                    os.fsync(descriptor)
            except OSError:
                # some network file systems cannot flush a folder; the files themselves are flushed and renamed
                pass
            finally:
                os.close(descriptor)
        self._folders = {}


def _is_stale(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    if (
        status.st_uid != os.geteuid()
        or not stat.S_ISREG(status.st_mode)
        or time.time() - status.st_mtime < STALE_SECONDS
    ):
        return False
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def _group_is_as_good_as_any(mode: int) -> bool:
    """Whether the group may do just what everybody may, so that another group changes nothing: a common checkout."""
    return (mode >> 3) & 0o7 == mode & 0o7


def _copy_attributes(seen: Seen, status: os.stat_result, descriptor: int) -> None:
    """Mode, owner and extended attributes (access control lists among them); refuse what cannot be kept."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except OSError:
            if now.st_uid != status.st_uid or not _group_is_as_good_as_any(status.st_mode):
                raise _not_kept(seen, "owner or group") from None
    for name in _list_attributes(seen.target):
        try:
            value = os.getxattr(seen.target, name)
            if name not in _list_attributes(descriptor) or os.getxattr(descriptor, name) != value:
                os.setxattr(descriptor, name, value)
        except OSError:
            raise _not_kept(seen, f"extended attribute {name}") from None
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _list_attributes(file: str | int) -> list[str]:
    try:
        return os.listxattr(file)
    except OSError:
        return []


def _not_kept(seen: Seen, what: str) -> RefusedError:
    return RefusedError(
        f"would lose its {what} by being replaced",
        location=Location(file=seen.path),
        hint="run as the file's owner, or write to another file with --output",
    )


def _changed(seen: Seen, how: str) -> FileChangedError:
    return FileChangedError(
        f"{how} after it was read, and is left as it is now",
        location=Location(file=seen.path),
        hint="run the command again on the file as it is now",
    )


def _not_written(seen: Seen, error: OSError) -> SopskitError:
    return FileAccessError(
        f"cannot be written: {reason(error)}", hint="the file is as it was before" if seen.status else None
    ).at(file=seen.path)


def _fingerprint(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _lock(descriptor: int) -> None:
    """Advisory, between runs of sopskit; a file system without locks is used without."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _unlock(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
