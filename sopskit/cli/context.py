"""What a command has around it: streams, environment, terminals. Tests hand in their own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sopskit.errors import DataKeyError, FileAccessError, RefusedError, UsageError
from sopskit.workflow.files import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO, NoReturn, TextIO

    from sopskit.errors import SopskitError
    from sopskit.pgp import Gpg
    from sopskit.sops.masterkeys import Keyring


class Exit(BaseException):
    """Ends a command whose error has been shown, with the code that the command has for it."""

    def __init__(self, code: int) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


class Context:
    """Streams, environment and the root options `--config`, `--indent`. One for each run of a command."""

    def __init__(
        self,
        *,
        stdin: BinaryIO,
        stdout: BinaryIO,
        stderr: TextIO,
        environ: Mapping[str, str],
        terminals: frozenset[str] = frozenset(),
    ) -> None:
        """Take the outside; `terminals` names which of `stdin`, `stdout`, `stderr` are one."""
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.terminals = terminals
        self.config: str | None = None
        self._keyring: Keyring | None = None
        self._quiet: Keyring | None = None

    @classmethod
    def of_process(cls) -> Context:
        """The process's own. Closed standard streams are opened on nothing, so that no file is ever taken for one."""
        for descriptor in range(3):
            try:
                os.fstat(descriptor)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
        names = ("stdin", "stdout", "stderr")
        return cls(
            stdin=sys.stdin.buffer if sys.stdin else open(0, "rb", closefd=False),
            stdout=sys.stdout.buffer if sys.stdout else open(1, "wb", closefd=False),
            stderr=sys.stderr or open(2, "w", encoding="utf-8", closefd=False),
            environ=os.environ,
            terminals=frozenset(name for fd, name in enumerate(names) if os.isatty(fd)),
        )

    # --- showing

    def write(self, data: bytes) -> None:
        """Put a result on standard output. Raises `FileAccessError`, and `BrokenPipeError` if the reader has gone."""
        try:
            self.stdout.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileAccessError(f"standard output cannot be written: {reason(error)}") from error

    def say(self, text: str) -> None:
        """Put a line on standard output."""
        self.write(text.encode("utf-8", "backslashreplace") + b"\n")

    def note(self, text: str) -> None:
        """Put a line on standard error."""
        self.stderr.write(printable(text) + "\n")

    def warn(self, text: str, hint: str | None = None) -> None:
        """Put a warning on standard error."""
        self.note(f"sopskit: warning: {text}")
        if hint:
            self.note(f"sopskit: hint: {hint}")

    def show_error(self, error: SopskitError) -> None:
        """Put an error, what was tried to open a file, and the hint on standard error."""
        self.note(f"sopskit: error: {error}")
        if isinstance(error, DataKeyError):
            for line in (*_groups_tried(error), *self._sources_looked_at()):
                self.note(line)
        if error.hint:
            self.note(f"sopskit: hint: {error.hint}")

    def show_errors(self, errors: Sequence[SopskitError]) -> None:
        """Put the errors of many files on standard error: a line for each, and what they share once."""
        for error in errors:
            self.note(f"sopskit: error: {error}")
        if any(isinstance(error, DataKeyError) for error in errors):
            for line in self._sources_looked_at():
                self.note(line)
        for hint in dict.fromkeys(error.hint for error in errors):
            if hint:
                self.note(f"sopskit: hint: {hint}")

    def fail(self, error: SopskitError, code: int) -> NoReturn:
        """Show an error and end the command with one of sops's own codes."""
        self.show_error(error)
        raise Exit(code)

    def _sources_looked_at(self) -> list[str]:
        return [_source_line(*source) for source in self._keyring.report()] if self._keyring is not None else []

    # --- asking

    def ask(self, question: str) -> str:
        """Read a line after a question on standard output, as sops asks. Raises `RefusedError` at the end of input."""
        self.write(question.encode())
        self.stdout.flush()
        line = self.stdin.readline()
        if not line:
            raise RefusedError(
                "the question was not answered: the input has ended", hint="answer beforehand with --yes"
            )
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def prompt(self, question: str) -> str:
        """Read a secret from the terminal, unseen. Raises `UsageError` without a terminal."""
        import getpass

        try:
            return getpass.getpass(question)
        except (EOFError, OSError):
            raise UsageError("a passphrase is needed, and there is no terminal to ask at") from None

    # --- keys

    def keyring(self) -> Keyring:
        """The private keys of this environment, looked for when they are first needed."""
        if self._keyring is None:
            from sopskit.keysources import environment_keyring

            self._keyring = environment_keyring(self.environ, prompt=self.prompt, warn=self.warn)
        return self._keyring

    def quiet_keyring(self) -> Keyring:
        """The same, but nobody is asked for a passphrase or warned."""
        if self._quiet is None:
            from sopskit.keysources import environment_keyring

            self._quiet = environment_keyring(self.environ)
        return self._quiet

    def warn_of_sources(self) -> None:
        """Say which sources of private keys were there and could not be used: without them less was checked."""
        for location, _, problem in self._quiet.report() if self._quiet is not None else ():
            if problem:
                self.warn(f"no private key from {location}: {problem}")

    def gpg(self) -> Gpg:
        """The user's gpg; nothing is started before it is needed."""
        return self.keyring().gpg()


def _groups_tried(error: DataKeyError) -> list[str]:
    lines = []
    for number, group in enumerate(error.groups):
        if len(error.groups) > 1:
            lines.append(f"  key group {number}: {'opened' if group.opened else 'not opened'}")
        lines += [f"  {key}: {problem or 'opened'}" for key, problem in group.keys]
    return lines


def _source_line(location: str, found: int, problem: str | None) -> str:
    keys = "no private key" if not found else "1 private key" if found == 1 else f"{found} private keys"
    return f"  looked at {location}: {problem or keys}"


def printable(text: str) -> str:
    """One line for a terminal or a log.

    What a key, a file name or a recipient may hold to steer the one or to forge a line of the other is spelled out.
    """
    if text.isascii() and text.isprintable():
        return text
    from sopskit.redact import escape

    return escape(text)
