"""Contents by object id, from one `git cat-file --batch` that stays open."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sopskit.errors import GitError, LimitError

if TYPE_CHECKING:
    from sopskit.git.plumbing import Plumbing

LARGEST_BLOB = 64 * 1024 * 1024
NOT_HERE = "run git fetch --unshallow in a shallow clone (fetch-depth: 0 in CI), git fetch --refetch in a partial one"


class Objects:
    """Reads blobs. Not safe for use by several threads at a time."""

    __slots__ = ("_plumbing", "_process")

    def __init__(self, plumbing: Plumbing) -> None:
        """Nothing is started before the first blob."""
        self._plumbing = plumbing
        self._process: Any = None

    def blob(self, id: str, limit: int) -> bytes:
        """The blob's bytes. Raises `GitError` if it is not here or no blob, `LimitError` above `limit` bytes."""
        if not id.isascii() or not id.isalnum():
            raise GitError("this is no object id")
        kind, size = self._ask(id)
        if kind != "blob":
            self.close()
            raise GitError(f"object {id} is a {kind}, not a file")
        if size > limit:
            self.close()
            raise LimitError(f"object {id} has {size} bytes, more than the limit of {limit}")
        data: bytes = self._process.stdout.read(size)
        if len(data) != size or self._process.stdout.read(1) != b"\n":
            self.close()
            raise GitError(
                f"git cat-file ended within object {id}", hint="git fsck tells whether the repository is whole"
            )
        return data

    def _ask(self, id: str) -> tuple[str, int]:
        if self._process is None:
            self._process = self._plumbing.start("cat-file", "--batch")
        try:
            self._process.stdin.write(id.encode("ascii") + b"\n")
            self._process.stdin.flush()
            words = self._process.stdout.readline().split()
        except OSError:
            words = []
        if len(words) != 3:
            self.close()
            raise GitError(f"object {id} is not in this clone", hint=NOT_HERE)
        return words[1].decode("ascii"), int(words[2])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout, process.stderr):
            try:
                stream.close()
            except OSError:
                continue
        process.proc.kill()
        process.proc.wait()


def blob_id(data: bytes, object_format: str) -> str:
    """The id that git gives to a blob of these bytes; `object_format` is `sha1` or `sha256`."""
    digest = hashlib.new(object_format, b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def empty_tree_id(object_format: str) -> str:
    """The id of the tree without entries, which git knows without having it."""
    return hashlib.new(object_format, b"tree 0\0", usedforsecurity=False).hexdigest()
