"""Commits by the thousand: a stream for `git fast-import` (git-fast-import(1)), whose files no work tree ever sees."""

from __future__ import annotations

import os
import subprocess
from typing import IO, TYPE_CHECKING, NamedTuple, Self, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

AUTHOR = b"Test Author <author@example.org>"


class Blob(NamedTuple):
    """What a commit puts at a path."""

    data: bytes
    mode: int = 0o100644


def git(folder: Path, *arguments: str, input: bytes | None = None) -> bytes:
    """Run git in a folder, free of the user's configuration; gives its output. Raises `CalledProcessError`."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], env=_environment(folder), input=input, capture_output=True, check=True
    ).stdout


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Test Author",
        "GIT_AUTHOR_EMAIL": "author@example.org",
        "GIT_COMMITTER_NAME": "Test Author",
        "GIT_COMMITTER_EMAIL": "author@example.org",
    }


class FastImport:
    """Writes commits to a new repository. Leaving the block ends the import."""

    def __init__(self, folder: Path) -> None:
        """Make the folder and a repository in it, with the branch main checked out but no files."""
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--initial-branch=main")
        self._process = subprocess.Popen(
            ["git", "-C", str(folder), "fast-import", "--quiet", "--force"],
            env=_environment(folder),
            stdin=subprocess.PIPE,
        )
        self._mark = 0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the import to end. Raises `CalledProcessError` if it failed."""
        self._input.close()
        if self._process.wait() and error is None:
            raise subprocess.CalledProcessError(self._process.returncode, "git fast-import")

    @property
    def _input(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)

    def commit(
        self,
        message: str,
        files: Mapping[bytes, Blob | None],
        parents: Sequence[int],
        seconds: int,
        branch: str = "main",
    ) -> int:
        """Write a commit; None deletes a file. Gives the mark that names it as a parent of others."""
        self._mark += 1
        data = message.encode()
        lines = [
            b"commit refs/heads/%s\n" % branch.encode(),
            b"mark :%d\n" % self._mark,
            b"author %s %d +0000\n" % (AUTHOR, seconds),
            b"committer %s %d +0000\n" % (AUTHOR, seconds),
            b"data %d\n%s\n" % (len(data), data),
        ]
        lines += [b"%s :%d\n" % (b"merge" if number else b"from", parent) for number, parent in enumerate(parents)]
        for path, blob in files.items():
            if blob is None:
                lines.append(b"D %s\n" % _quoted(path))
            else:
                lines.append(b"M %o inline %s\ndata %d\n" % (blob.mode, _quoted(path), len(blob.data)))
                lines += [blob.data, b"\n"]
        self._input.writelines([*lines, b"\n"])
        return self._mark


def _quoted(path: bytes) -> bytes:
    return b'"%s"' % path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
