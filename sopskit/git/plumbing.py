"""Running git: a scrubbed environment, no hooks, no configured programs, no network, bytes in and out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

# what reaches git of the caller's environment: its own configuration (safe.directory), and nothing that redirects it
PASSED = ("HOME", "XDG_CONFIG_HOME", "TMPDIR", "USER", "LOGNAME")
FIXED = {
    "LC_ALL": "C",  # messages are recognised by their text
    "GIT_NO_REPLACE_OBJECTS": "1",  # a replace reference would change what a blob holds
    "GIT_GRAFT_FILE": "/dev/null/none",  # a graft would change which parents a commit has
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # for git before 2.44, which does not know the line above
}
OPTIONS = (
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "safe.bareRepository=explicit",
)
NOT_A_REPOSITORY = "not a git repository"
FOREIGN_OWNER = "dubious ownership"
BARE = "cannot use bare repository"
NOT_FETCHED = "from promisor remote"
NOT_HERE = "run git fetch --unshallow in a shallow clone (fetch-depth: 0 in CI), git fetch --refetch in a partial one"


class Answer(NamedTuple):
    """What a git command gave: exit status, standard output, and the last line of its complaint, made printable."""

    status: int
    output: bytes
    complaint: str


class Plumbing:
    """Starts git in one folder, with an environment of its own: neither `GIT_DIR` nor a private key gets through."""

    __slots__ = ("_command", "_environment")

    def __init__(
        self, folder: Path, environ: Mapping[str, str] | None, *, untrusted: Path, index_file: str | None = None
    ) -> None:
        """Prepare to run in `folder`. Raises `GitError` if there is no git.

        `environ` says where the user's own Git configuration is; without it, git reads none.
        A git program below `untrusted` is passed over.
        """
        passed = {name: environ[name] for name in PASSED if name in environ} if environ else {}
        program, search = _find_git(untrusted, environ)
        self._environment = {**passed, **FIXED, "PATH": search}
        if index_file is not None:
            self._environment["GIT_INDEX_FILE"] = index_file
        self._command = [program, *OPTIONS, "-C", str(folder)]

    def run(self, *arguments: str | bytes) -> Answer:
        """Run a plumbing command to its end, whatever its exit status. File names are bytes."""
        process = self._start(arguments, talks=False)
        output, complaint = process.communicate()
        return Answer(process.returncode, output, _printable(complaint))

    def output(self, *arguments: str | bytes) -> bytes:
        """Run a plumbing command that must succeed. Raises `GitError`."""
        answer = self.run(*arguments)
        if answer.status:
            raise failure(os.fsdecode(arguments[0]), answer)
        return answer.output

    def start(self, *arguments: str | bytes) -> subprocess.Popen[bytes]:
        """Start a command that is talked to over `stdin` and `stdout`. Whoever starts it ends it."""
        return self._start(arguments, talks=True)

    def _start(self, arguments: Sequence[str | bytes], *, talks: bool) -> subprocess.Popen[bytes]:
        from subprocess import DEVNULL, PIPE, Popen

        words = [os.fsencode(argument) for argument in arguments]
        if any(b"\0" in word for word in words):
            raise GitError("a NUL byte cannot stand in a name that git is asked for")
        try:
            return Popen(
                [*self._command, *words],
                env=self._environment,
                stdin=PIPE if talks else DEVNULL,
                stdout=PIPE,
                stderr=DEVNULL if talks else PIPE,
            )
        except OSError as error:  # the program is gone, or the arguments are too long
            raise GitError(f"git could not be started: {error.strerror}") from None


def failure(command: str, answer: Answer) -> GitError:
    """The error for a git command that failed."""
    if FOREIGN_OWNER in answer.complaint:
        return GitError(
            "git refuses this repository: it belongs to another user",
            hint="if you trust it: git config --global --add safe.directory FOLDER",
        )
    if BARE in answer.complaint:
        return GitError(
            "this folder is a bare repository inside a folder",
            hint="run sopskit in a work tree; a bare repository in a work tree may be planted",
        )
    if NOT_FETCHED in answer.complaint:
        return GitError(f"git {command} needs objects that are not in this clone", hint=NOT_HERE)
    return GitError(
        f"git {command} failed with exit status {answer.status}: {answer.complaint or 'no message'}",
        hint="git fsck tells whether the repository is whole",
    )


def _no_git() -> GitError:
    return GitError("the git program was not found", hint="install git, or add its folder to PATH")


def _find_git(untrusted: Path, environ: Mapping[str, str] | None) -> tuple[str, str]:
    """The absolute path of git and the PATH to give it, without relative folders and those below `untrusted`."""
    folders = [Path(part) for part in os.get_exec_path(environ)]
    search = os.pathsep.join(
        str(folder) for folder in folders if folder.is_absolute() and not folder.is_relative_to(untrusted)
    )
    program = shutil.which("git", path=search) if search else None
    if program is None:
        raise _no_git()
    return program, search


def _printable(complaint: bytes) -> str:
    lines = [line for line in complaint.decode("utf-8", "replace").split("\n") if line.strip()]
    line = next((line for line in lines if line.startswith("fatal:")), lines[-1] if lines else "")
    return "".join(char if char.isprintable() else "?" for char in line.removeprefix("fatal: "))
