"""Contents by object id, from one `git cat-file --batch` that stays open."""

from __future__ import annotations

from itertools import islice
from typing import IO, TYPE_CHECKING, cast

from sopskit.errors import GitError, LimitError
from sopskit.git.plumbing import NOT_HERE

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterable
    from subprocess import Popen

    from sopskit.git.plumbing import Plumbing

LARGEST_BLOB = 64 * 1024 * 1024
LARGEST_COMMIT = 1024 * 1024
# Asked for at once: their ids, 65 bytes each with SHA-256, fit the smallest pipe there is (4096 bytes), so git takes them
# all in before anybody reads its answers, and neither side waits for the other.
TOGETHER = 60
MOST_READ_AHEAD = 16 * 1024 * 1024  # bytes that are kept for later


class Objects:
    """Reads blobs and commits. Not safe for use by several threads at a time."""

    __slots__ = ("_ahead", "_expected", "_plumbing", "_process")

    def __init__(self, plumbing: Plumbing) -> None:
        """Nothing is started before the first object."""
        self._plumbing = plumbing
        self._process: Popen[bytes] | None = None
        self._expected: dict[str, None] = {}
        self._ahead: dict[str, bytes] = {}

    def __del__(self) -> None:
        """End the process, if nobody did."""
        self.close()

    def expect(self, ids: Iterable[str]) -> None:
        """Say which blobs will be read, in about this order: they are then fetched many at a time, each for one reading.

        A turn to git and back takes several times as long as what it does for a small file.
        """
        self._expected = dict.fromkeys(ids)

    def blob(self, id: str, limit: int) -> bytes:
        """The blob's bytes. Raises `GitError` if it is not here or no blob, `LimitError` above `limit` bytes."""
        if id in self._expected:
            self._read_ahead(id, limit)
        data = self._ahead.pop(id, None)
        return data if data is not None and len(data) <= limit else self._read(id, "blob", limit)

    def _read_ahead(self, first: str, limit: int) -> None:
        """Read some of the expected blobs. What is missing, large or no blob is left to those who ask for it."""
        del self._expected[first]
        ids = [first, *islice(self._expected, TOGETHER - 1)]
        for id in ids[1:]:
            del self._expected[id]
        room = MOST_READ_AHEAD - sum(map(len, self._ahead.values()))
        try:
            self._write(*ids)
            for id in ids:
                data = self._receive(id, "blob", min(room, limit))
                room -= len(data)
                self._ahead[id] = data
        except (GitError, LimitError):
            self.close()

    def commit(self, id: str) -> bytes:
        """The commit's bytes: headers, an empty line, the message.

        Raises `GitError` if it is not here, no commit, or its bytes are not those that `id` names; `LimitError` if it is
        larger than any honest one.
        """
        data = self._read(id, "commit", LARGEST_COMMIT)
        if object_id("commit", data, "sha1" if len(id) == 40 else "sha256") != id:
            raise GitError(f"object {id} is damaged", hint="git fsck tells whether the repository is whole")
        return data

    def _read(self, id: str, expected: str, limit: int) -> bytes:
        self._write(id)
        return self._receive(id, expected, limit)

    def _write(self, *ids: str) -> None:
        for id in ids:
            if not id.isascii() or not id.isalnum():
                raise GitError("this is no object id")
        if self._process is None:
            self._process = self._plumbing.start("cat-file", "--batch")
        input = cast("IO[bytes]", self._process.stdin)
        try:
            input.write("".join(f"{id}\n" for id in ids).encode("ascii"))
            input.flush()
        except OSError:
            raise self._not_here(ids[0]) from None

    def _receive(self, id: str, expected: str, limit: int) -> bytes:
        """The answer of git for the next of the ids written."""
        output = cast("IO[bytes]", cast("Popen[bytes]", self._process).stdout)
        words = output.readline().split()
        if len(words) != 3:
            raise self._not_here(id)
        kind, size = words[1].decode("ascii"), int(words[2])
        if kind != expected:
            self.close()
            raise GitError(f"object {id} is a {kind}, not a {'file' if expected == 'blob' else expected}")
        if size > limit:
            self.close()
            raise LimitError(f"object {id} has {size} bytes, more than the limit of {limit}")
        data = output.read(size)
        if len(data) != size or output.read(1) != b"\n":
            self.close()
            raise GitError(
                f"git cat-file ended within object {id}", hint="git fsck tells whether the repository is whole"
            )
        return data

    def _not_here(self, id: str) -> GitError:
        self.close()
        return GitError(f"object {id} is not in this clone", hint=NOT_HERE)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # what was not flushed yet
                continue
        process.wait()


def digest_of(kind: str, size: int, object_format: str) -> hashlib._Hash:
    """What makes the id of an object of `size` bytes; they are still to be fed."""
    import hashlib  # loads an OpenSSL of its own

    return hashlib.new(object_format, f"{kind} {size}\0".encode(), usedforsecurity=False)


def object_id(kind: str, data: bytes, object_format: str) -> str:
    """The id that git gives to an object; `kind` is `blob`, `commit` or `tree`, `object_format` `sha1` or `sha256`."""
    digest = digest_of(kind, len(data), object_format)
    digest.update(data)
    return digest.hexdigest()


def blob_id(data: bytes, object_format: str) -> str:
    """The id of a blob of these bytes."""
    return object_id("blob", data, object_format)


def empty_tree_id(object_format: str) -> str:
    """The id of the tree without entries, which git knows without having it."""
    return object_id("tree", b"", object_format)
