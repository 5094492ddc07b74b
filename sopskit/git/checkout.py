"""A commit's files in a folder, as they are in its objects: no filter, no line ends, no attribute, no hook.

The tree is hostile: whoever can push wrote it, and not with git's own checks.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from contextlib import closing
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import FileAccessError, GitError, LimitError, RefusedError
from sopskit.git.changes import REGULAR, SUBMODULE, SYMLINK
from sopskit.git.objects import LARGEST_BLOB
from sopskit.git.store import StorePlumbing, reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sopskit.git.objects import Objects

DEADLINE = 60.0  # seconds for the listing of a tree
MOST_FILES = 50_000
MOST_BYTES = 512 * 1024 * 1024
DEEPEST = 100
LONGEST_PATH = 2048  # bytes
LONGEST_LINK = 4095  # bytes, PATH_MAX without its end
MOST_FOLLOWED = 40  # links in one path; Linux follows no more
MOST_STEPS = 1_000_000  # of all paths together, about half a second
CHUNK = 64 * 1024
# what some file systems take for `.git`: another case, blanks and dots at its end, a stream, its short name on FAT
DOT_GIT = re.compile(rb"(?:\.git|git~[0-9]+)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL)
# code points that HFS+ leaves out when it compares names, in UTF-8
IGNORED = re.compile(rb"\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf")


class _File(NamedTuple):
    path: bytes
    id: str
    size: int


def check_out(
    store: Path,
    commit: str,
    folder: Path,
    search_path: str,
    *,
    most_files: int = MOST_FILES,
    most_bytes: int = MOST_BYTES,
) -> tuple[str, ...]:
    """Write a commit's files into a folder, which is made (mode 0700) or empty; gives the paths of submodules, escaped.

    Regular files get mode 0600, symbolic links stay such, submodules are left out. Raises `RefusedError` for a link that
    leads out of the folder and for a name that is dangerous, `LimitError` for too many files or bytes, `GitError` if the
    commit is not whole, `FileAccessError` if a file cannot be written; the folder is gone then.
    """
    plumbing = StorePlumbing(store, search_path)
    with reading(store, commit), closing(plumbing.objects()) as objects:
        files, links, submodules = _listed(plumbing, commit, most_files, most_bytes)
        objects.expect(link.id for link in links)
        targets = {link.path: objects.blob(link.id, limit=LARGEST_BLOB) for link in links}
        if len(targets) != len(links):
            raise RefusedError("two symbolic links of the commit have one name")
        _check_links(targets)
        _make(folder)
        try:
            _write(objects, os.fsencode(folder), files, targets)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return submodules


def _make(folder: Path) -> None:
    try:
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            if folder.is_symlink() or os.listdir(folder):
                raise
            folder.chmod(0o700)
    except OSError as error:
        raise FileAccessError(f"the folder for the files cannot be made: {(error.strerror or '').lower()}") from None


def _listed(
    plumbing: StorePlumbing, commit: str, most_files: int, most_bytes: int
) -> tuple[list[_File], list[_File], tuple[str, ...]]:
    """The regular files, the symbolic links and the submodules of a commit."""
    files: list[_File] = []
    links: list[_File] = []
    submodules: list[str] = []
    total = 0
    for mode, file in _entries(plumbing, commit):
        if len(files) + len(links) + len(submodules) == most_files:
            raise LimitError(f"the commit has more than {most_files} files")
        _check_name(file.path)
        if mode == SUBMODULE:
            submodules.append(_shown(file.path))
            continue
        total += file.size
        (links if mode == SYMLINK else files).append(file)
        if mode != SYMLINK and mode not in REGULAR:
            raise RefusedError(f"{_shown(file.path)}: mode {mode:o} is none of a file")
        if file.size > LARGEST_BLOB:
            raise LimitError(f"{_shown(file.path)} has {file.size} bytes, more than the limit of {LARGEST_BLOB}")
        if total > most_bytes:
            raise LimitError(f"the commit's files have more than {most_bytes} bytes")
        if mode == SYMLINK and file.size > LONGEST_LINK:
            raise RefusedError(f"{_shown(file.path)}: a symbolic link is too long")
    return files, links, tuple(submodules)


def _entries(plumbing: StorePlumbing, commit: str) -> Iterator[tuple[int, _File]]:
    """What `ls-tree` lists, while it does: a few objects can make a tree without end."""
    process = plumbing.start("ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit)
    timer = Timer(DEADLINE, process.kill)
    timer.daemon = True
    try:
        timer.start()
        rest = b""
        while process.stdout is not None and (more := process.stdout.read(CHUNK)):
            *lines, rest = (rest + more).split(b"\0")
            yield from map(_entry, lines)
        status = process.wait()
        if status == -signal.SIGKILL:
            raise LimitError(f"the commit's files could not be listed within {DEADLINE:g} seconds")
        if status:
            raise GitError("the commit's files cannot be listed", hint="is the commit in this store, and whole?")
    finally:
        timer.cancel()
        timer.join()
        with process:
            process.kill()


def _entry(line: bytes) -> tuple[int, _File]:
    head, _, path = line.partition(b"\t")
    mode, _, id, size = head.decode("ascii").split()
    if size == "BAD":
        raise GitError(f"{_shown(path)}: object {id} is not in this store")
    return int(mode, 8), _File(path, id, 0 if size == "-" else int(size))


def _check_name(path: bytes) -> None:
    names = path.split(b"/")
    if len(names) > DEEPEST or len(path) > LONGEST_PATH:
        raise LimitError(f"a path of the commit has more than {DEEPEST} folders or {LONGEST_PATH} bytes")
    for name in names:
        if name in {b"", b".", b".."} or DOT_GIT.fullmatch(IGNORED.sub(b"", name)):
            raise RefusedError(f"{_shown(path)}: a tree must not have such a name")


def _check_links(targets: Mapping[bytes, bytes]) -> None:
    """Each link, followed through all others, must end within the repository, whether something is there or not."""
    left = iter(range(MOST_STEPS))
    for path, target in targets.items():
        if not target or b"\0" in target:
            raise RefusedError(f"{_shown(path)}: a symbolic link to nothing")
        if not _stays_inside(path, targets, left):
            raise RefusedError(
                f"{_shown(path)}: the symbolic link leads out of the repository",
                hint="a link must be relative, and end within the repository",
            )


def _stays_inside(path: bytes, targets: Mapping[bytes, bytes], left: Iterator[int]) -> bool:
    """Walk a path as the kernel does (path_resolution(7)), on paper. A loop stays inside: it leads nowhere."""
    here: list[bytes] = []
    ahead = path.split(b"/")[::-1]
    links = 0
    while ahead:
        if next(left, None) is None:
            raise LimitError("the commit's symbolic links are too entangled to be followed")
        name = ahead.pop()
        if name == b"..":
            if not here:
                return False
            here.pop()
        elif name not in {b"", b"."}:
            here.append(name)
            target = targets.get(b"/".join(here))
            if target is not None:
                links += 1
                if target.startswith(b"/"):
                    return False
                if links > MOST_FOLLOWED:
                    return True
                here.pop()
                ahead += target.split(b"/")[::-1]
    return True


def _write(objects: Objects, folder: bytes, files: list[_File], targets: Mapping[bytes, bytes]) -> None:
    """Links come last, so that no file is written through one."""
    made: set[bytes] = {b""}
    path = b""
    objects.expect(file.id for file in files)
    try:
        for path, id, _ in files:
            _make_parents(folder, os.path.dirname(path), made)
            _write_file(os.path.join(folder, path), objects.blob(id, limit=LARGEST_BLOB))
        for path, target in targets.items():
            _make_parents(folder, os.path.dirname(path), made)
            os.symlink(target, os.path.join(folder, path))
    except OSError as error:
        why = (error.strerror or "input/output error").lower()
        raise FileAccessError(f"{_shown(path)} cannot be written: {why}") from None


def _write_file(path: bytes, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as stream:
        stream.write(data)


def _make_parents(folder: bytes, path: bytes, made: set[bytes]) -> None:
    if path in made:
        return
    _make_parents(folder, os.path.dirname(path), made)
    os.mkdir(os.path.join(folder, path), 0o700)
    made.add(path)


def _shown(path: bytes) -> str:
    text = path.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "?" for char in text)
