"""Commands that print private keys: SOPS_AGE_KEY_CMD and SOPS_AGE_SSH_PRIVATE_KEY_CMD."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sopskit.errors import CommandError, IdentityError, KeyAccessError
from sopskit.keysources.source import Timing
from sopskit.keysources.ssh import SSH_SIZE_LIMIT
from sopskit.keysources.text import read_identities

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from sopskit.age import Identity
    from sopskit.keysources.source import Prompt

KEY_COMMAND = "SOPS_AGE_KEY_CMD"
SSH_COMMAND = "SOPS_AGE_SSH_PRIVATE_KEY_CMD"
# bytes, and seconds: a person may have to touch a token or unlock a password store
OUTPUT_LIMIT = 1024 * 1024
DEADLINE = 60.0


class KeyCommand:
    """A command that prints identities. It is told the recipient, so it can pick the key."""

    location = KEY_COMMAND
    timing = Timing(late=True, per_recipient=True)

    def __init__(self, environ: Mapping[str, str], prompt: Prompt | None, deadline: float = DEADLINE) -> None:
        """Nothing is run yet."""
        self._environ = environ
        self._prompt = prompt
        self._deadline = deadline

    def is_there(self) -> bool:
        """Whether the variable is set."""
        return self.location in self._environ

    def load(self, recipient: str) -> Sequence[Identity]:
        """Run it. Raises `CommandError`, `IdentityError`."""
        output = run(self.location, self._environ, recipient, OUTPUT_LIMIT, self._deadline)
        return read_identities(output, self.location, self._prompt)

    def recipients(self) -> Sequence[str]:
        """Not known without running it."""
        raise KeyAccessError("a command, which is not run to list keys").at(file=self.location)


class SshKeyCommand:
    """A command that prints an SSH private key, which must have no passphrase."""

    location = SSH_COMMAND
    timing = Timing(late=True, stanza_prefix="ssh-", per_recipient=True)

    def __init__(self, environ: Mapping[str, str], deadline: float = DEADLINE) -> None:
        """Nothing is run yet."""
        self._environ = environ
        self._deadline = deadline

    def is_there(self) -> bool:
        """Whether the variable is set."""
        return self.location in self._environ

    def load(self, recipient: str) -> Sequence[Identity]:
        """Run it. Raises `CommandError`, `IdentityError`."""
        from sopskit.age import parse_ssh_identity

        output = run(self.location, self._environ, recipient, SSH_SIZE_LIMIT, self._deadline)
        try:
            return [parse_ssh_identity(output, None)]
        except IdentityError as error:
            raise error.at(file=self.location) from None

    def recipients(self) -> Sequence[str]:
        """Not known without running it."""
        raise KeyAccessError("a command, which is not run to list keys").at(file=self.location)


def run(variable: str, environ: Mapping[str, str], recipient: str, limit: int, deadline: float) -> bytes:
    """What the command in `variable` prints. It has no input, and nobody sees its messages.

    It stays in our process group, so that it can ask at the terminal. Neither the command nor its output is quoted in
    an error. Raises `CommandError`.
    """
    import subprocess

    words = split(environ[variable], variable)
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in environ.items() if name != "SOPS_AGE_KEY"}
            | {"SOPS_AGE_RECIPIENT": recipient},
        )
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or "not a command").lower()
        raise CommandError(f"the command in {variable} cannot be started: {reason}") from None
    with process:
        try:
            output = _read(process, limit, time.monotonic() + deadline)
        finally:
            process.kill()
    if output is None:
        raise CommandError(
            f"the command in {variable} did not end within {deadline:g} seconds, or printed more than {limit} bytes"
        )
    if process.returncode != 0:
        raise CommandError(
            f"the command in {variable} failed (exit code {process.returncode})",
            hint="run it by hand with SOPS_AGE_RECIPIENT set to see its messages",
        )
    return output


def _read(process: subprocess.Popen[bytes], limit: int, end: float) -> bytes | None:
    """All output of a process that ends by itself; None if it is too late or too much."""
    import subprocess
    from select import select

    output = bytearray()
    descriptor = process.stdout.fileno() if process.stdout else -1
    while len(output) <= limit and (left := end - time.monotonic()) > 0:
        if not select([descriptor], [], [], left)[0]:
            return None
        chunk = os.read(descriptor, 65536)
        output.extend(chunk)
        if not chunk:
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                return None
            return bytes(output)
    return None


def split(text: str, variable: str) -> list[str]:
    """Words with shell-like quoting; `#` at the start of a word begins a comment. Raises `CommandError`."""
    import io
    import shlex

    stream = io.StringIO(text)
    lexer = shlex.shlex(stream, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""  # it would see comments inside of words, as in op://vault/item#field
    words: list[str] = []
    try:
        while True:
            start = stream.tell()
            word = lexer.get_token()
            if word is None or text[start:].lstrip().startswith("#"):
                break
            words.append(word)
    except ValueError:
        raise CommandError(f"the command in {variable} has a quote that is not closed") from None
    if not words:
        raise CommandError(f"{variable} is set, but holds no command", hint=f"unset {variable}")
    return words
