"""Running git: a scrubbed environment, no hooks, no configured programs, no network, bytes in and out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping

# what reaches git of the caller's environment: its own configuration (safe.directory), and nothing that redirects it
PASSED = ("HOME", "XDG_CONFIG_HOME", "TMPDIR", "USER", "LOGNAME")
FIXED = {
    "LC_ALL": "C",  # messages are recognised by their text
    "GIT_NO_REPLACE_OBJECTS": "1",  # a replace reference would change what a blob holds
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
RUNNER_PROGRAM = "GIT_PYTHON_GIT_EXECUTABLE"
NOT_A_REPOSITORY = "not a git repository"
FOREIGN_OWNER = "dubious ownership"
BARE = "cannot use bare repository"


class Answer(NamedTuple):
    """What a git command gave: exit status, standard output, and the last line of its complaint, made printable."""

    status: int
    output: bytes
    complaint: str


class Plumbing:
    """Starts git in one folder.

    `env -i` stands before git because GitPython can only add to the environment of this process, never take away:
    neither `GIT_DIR` nor a private key in a variable shall reach git.
    """

    __slots__ = ("_command", "_runner")

    def __init__(
        self, folder: Path, environ: Mapping[str, str] | None, *, untrusted: Path, index_file: str | None = None
    ) -> None:
        """Prepare to run in `folder`. Raises `GitError` if there is no git.

        `environ` says where the user's own Git configuration is; without it, git reads none.
        A git program below `untrusted` is passed over.
        """
        passed = {name: environ[name] for name in PASSED if name in environ} if environ else {}
        program, search = _find_git(untrusted, environ)
        self._runner = _load_runner(program)
        variables = {**passed, **FIXED, "PATH": search}
        if index_file is not None:
            variables["GIT_INDEX_FILE"] = index_file
        assignments = (f"{name}={value}" for name, value in variables.items())
        self._command = ["/usr/bin/env", "-i", *assignments, program, *OPTIONS, "-C", str(folder)]

    def run(self, *arguments: str | bytes) -> Answer:
        """Run a plumbing command to its end, whatever its exit status. File names are bytes."""
        words = [os.fsdecode(argument) for argument in arguments]
        if any("\0" in word for word in words):
            raise GitError("a NUL byte cannot stand in a name that git is asked for")
        status, output, complaint = self._runner.execute(
            [*self._command, *words],
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
        return Answer(status, output, _printable(complaint))

    def output(self, *arguments: str | bytes) -> bytes:
        """Run a plumbing command that must succeed. Raises `GitError`."""
        answer = self.run(*arguments)
        if answer.status:
            raise failure(str(arguments[0]), answer)
        return answer.output

    def start(self, *arguments: str) -> Any:
        """Start a command that is talked to: GitPython's process with `stdin` and `stdout`, ended when it is let go."""
        from subprocess import PIPE

        return self._runner.execute([*self._command, *arguments], istream=PIPE, as_process=True)


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
    return GitError(
        f"git {command} failed with exit status {answer.status}: {answer.complaint or 'no message'}",
        hint="git fsck tells whether the repository is whole",
    )


def _load_runner(program: str) -> Any:
    """GitPython starts `git version` when it is imported, with the first git of PATH unless a variable names another."""
    before = os.environ.get(RUNNER_PROGRAM)
    os.environ[RUNNER_PROGRAM] = program
    try:
        from git.cmd import Git
    except ImportError:  # GitPython's answer to a git program that does not run
        raise _no_git() from None
    finally:
        if before is None:
            del os.environ[RUNNER_PROGRAM]
        else:
            os.environ[RUNNER_PROGRAM] = before
    return Git()


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


def _printable(complaint: str | bytes) -> str:
    text = complaint.decode("utf-8", "replace") if isinstance(complaint, bytes) else complaint
    lines = [line for line in text.split("\n") if line.strip()]
    line = next((line for line in lines if line.startswith("fatal:")), lines[-1] if lines else "")
    return "".join(char if char.isprintable() else "?" for char in line.removeprefix("fatal: "))
