"""The files of a work tree as they lie there: no filter is run, no symbolic link followed, nothing but files read.

git itself would run the clean filters that a repository configures to find out whether a file differs.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import defaultdict
from contextlib import contextmanager
from io import FileIO
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError, LimitError
from sopskit.git.changes import SUBMODULE, SYMLINK, TreeChange, TreeEntry, parse_tree
from sopskit.git.objects import LARGEST_BLOB, blob_id, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sopskit.git.plumbing import Plumbing

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
LISTING = ("ls-files", "-z", "-t", "--stage", "--others", "--exclude-standard", "--full-name")
UNTRACKED = b"? "
NOT_CHECKED_OUT = "S"
NOTHING_THERE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))
NO_NAMES = frozenset((b"", b".", b"..", b".git"))
CHUNK = 1024 * 1024


class Listed(NamedTuple):
    """A path that git knows or would add. `sparse` is its entry in the index if it is left out of the work tree."""

    path: bytes
    sparse: TreeEntry | None


def file_changes(plumbing: Plumbing, root: Path, base: str, object_format: str) -> list[TreeChange]:
    """The differences between a commit and the work tree, by path. Raises `GitError`.

    Untracked files count unless they are ignored. A file with CRLF for the commit's LF is unchanged. Submodules and
    repositories within are not looked into. A file that only moved is a rename. What cannot be read
    counts as changed and has the id "".
    """
    before = {entry.path: entry for entry in parse_tree(plumbing.output("ls-tree", "-r", "-z", "--full-tree", base))}
    sparse = dict(_listed(plumbing))
    modes = plumbing.run("config", "--type=bool", "core.fileMode").output.strip() != b"false"
    found: list[TreeChange] = []
    with _folder(root) as top:
        for path in sorted(before.keys() | sparse.keys()):
            one = before.get(path)
            head = _entry(top, path, one, object_format, modes=modes) or sparse.get(path)
            if head != one:
                found.append(TreeChange(_status(one, head), one, head))
    return _with_renames(found)


def _listed(plumbing: Plumbing) -> Iterator[Listed]:
    for line in plumbing.output(*LISTING).split(b"\0")[:-1]:
        if line.startswith(UNTRACKED):
            if not line.endswith(b"/"):  # another repository
                yield Listed(line.removeprefix(UNTRACKED), None)
            continue
        head, _, path = line.partition(b"\t")
        tag, mode, id, _ = head.decode("ascii").split(" ")
        yield Listed(path, TreeEntry(path, int(mode, 8), id) if tag == NOT_CHECKED_OUT else None)


def _status(base: TreeEntry | None, head: TreeEntry | None) -> str:
    if base is None or head is None:
        return "A" if base is None else "D"
    return "M" if stat.S_IFMT(base.mode) == stat.S_IFMT(head.mode) else "T"


def _entry(top: int, path: bytes, base: TreeEntry | None, object_format: str, *, modes: bool) -> TreeEntry | None:
    """The entry that git would make of a path; equal to `base` where it is the same, None if nothing for git is there."""
    submodule = base if base is not None and base.mode == SUBMODULE else None
    try:
        with _parent(top, path) as (folder, name):
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(info.st_mode):
                return TreeEntry(path, SYMLINK, blob_id(os.readlink(name, dir_fd=folder), object_format))
            if not stat.S_ISREG(info.st_mode):
                return submodule
            mode = 0o100755 if info.st_mode & stat.S_IXUSR else 0o100644
            if not modes and base is not None and base.is_file:
                mode = base.mode
            return TreeEntry(path, mode, _id(folder, name, base, object_format))
    except OSError as error:
        if error.errno in NOTHING_THERE:
            return submodule
        return TreeEntry(path, 0o100644, "")


def _id(folder: int, name: bytes, base: TreeEntry | None, object_format: str) -> str:
    with _opened(folder, name) as (file, size):
        digest = digest_of("blob", size, object_format)
        while chunk := file.read(min(size + 1, CHUNK)):
            digest.update(chunk)
        id = digest.hexdigest()
        if base is None or id == base.id or size > LARGEST_BLOB:
            return id
        file.seek(0)
        normalized = file.read(size).replace(b"\r\n", b"\n")
    return base.id if blob_id(normalized, object_format) == base.id else id


def read_file(root: Path, path: bytes, limit: int) -> bytes:
    """The bytes of a file. Raises `GitError` if no regular file is there, `LimitError` above `limit` bytes."""
    data = bytearray()
    try:
        with _folder(root) as top, _parent(top, path) as (folder, name), _opened(folder, name) as (file, _):
            while len(data) <= limit and (chunk := file.read(CHUNK)):
                data += chunk
    except OSError as error:
        raise GitError(f"a file of the work tree cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise LimitError(f"a file of the work tree has more bytes than the limit of {limit}")
    return bytes(data)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _parent(top: int, path: bytes) -> Iterator[tuple[int, bytes]]:
    """The folder that a path stands in, reached without a symbolic link, and its last name."""
    *folders, name = path.split(b"/")
    if any(part.lower() in NO_NAMES for part in (*folders, name)):
        raise FileNotFoundError(errno.ENOENT, "no path of a work tree")
    descriptor = os.dup(top)
    try:
        for part in folders:
            deeper = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor, name
    finally:
        os.close(descriptor)


@contextmanager
def _opened(folder: int, name: bytes) -> Iterator[tuple[FileIO, int]]:
    """A regular file and its size; without blocking on a pipe that took its place."""
    with FileIO(os.open(name, FILE, dir_fd=folder)) as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        yield file, info.st_size


def _with_renames(changes: list[TreeChange]) -> list[TreeChange]:
    """The same, but a deleted and an added file that alone have one content are one renamed file."""
    gone, new = _by_content(changes, "D"), _by_content(changes, "A")
    moved = {
        after[0].path: gone[content][0]
        for content, after in new.items()
        if len(after) == 1 and len(gone.get(content, ())) == 1
    }
    left = {change.path for change in moved.values()}
    return [
        TreeChange("R", moved[change.path].base, change.head) if change.path in moved else change
        for change in changes
        if change.path not in left
    ]


def _by_content(changes: list[TreeChange], status: str) -> dict[tuple[int, str], list[TreeChange]]:
    found: defaultdict[tuple[int, str], list[TreeChange]] = defaultdict(list)
    for change in changes:
        side = change.head or change.base
        if change.status == status and side is not None and side.id:
            found[stat.S_IFMT(side.mode), side.id].append(change)
    return found
