"""Folders of one process among temporary files, which can be removed once that process is dead, however it ended.

The process's number is in the name, and while it lives it holds a lock on the folder. The number alone would not do:
containers that share /dev/shm number their processes each for itself, and a container that is started again gives the
same numbers again. The lock is the kernel's, whoever looks, and goes with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OPENING = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_own_folder(prefix: str, place: str | None) -> tuple[str, int]:
    """A new folder of mode 0700 in `place`, and a descriptor to close once it is removed. Raises `OSError`.

    A child that is forked while the descriptor is open keeps the folder from being taken for a dead process's.
    """
    folder = tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=place)
    try:
        descriptor = os.open(folder, OPENING)
    except OSError:  # no descriptor is left
        os.rmdir(folder)
        raise
    with contextlib.suppress(OSError):  # a file system without locks: the number must do
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, descriptor


def remove_left_folders(places: Iterable[str], prefixes: Iterable[str]) -> None:
    """Remove what dead processes of this user have left there.

    To be called before this process makes a folder: one with its own number is from another of that number.
    """
    name = re.compile(rf"(?:{'|'.join(map(re.escape, prefixes))})([1-9][0-9]{{0,6}})-[^-]*\Z")
    for place in dict.fromkeys(map(os.path.realpath, places)):
        for entry in _names(place):
            found = name.match(entry)
            if found is not None and not _runs(int(found[1])):
                remove_if_left(os.path.join(place, entry))


def remove_if_left(path: str) -> None:
    """Remove a folder of this user, if it is one and no link, and nobody holds a lock on it; we do meanwhile."""
    try:
        descriptor = os.open(path, OPENING)
    except OSError:
        return
    try:
        if _take(descriptor):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _names(place: str) -> list[str]:
    try:
        return os.listdir(place)
    except OSError:
        return []


def _runs(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _take(descriptor: int) -> bool:
    found = os.fstat(descriptor)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # its process lives, where we cannot see it
    return True
