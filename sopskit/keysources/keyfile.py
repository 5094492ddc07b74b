"""Files with age identities: SOPS_AGE_KEY_FILE, and the keys.txt of sops."""

# pathlib would cost a tenth of the start-up time

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sopskit.errors import FileAccessError, LimitError, Location
from sopskit.keysources.source import SIZE_LIMIT, Timing
from sopskit.keysources.text import read_identities, recipients_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.age import Identity
    from sopskit.keysources.source import Prompt, Warn


class KeyFile:
    """A file of identities, plain or encrypted. One named by the user must be there, a default one need not."""

    timing = Timing()

    def __init__(self, path: str, prompt: Prompt | None, warn: Warn | None, *, variable: str | None = None) -> None:
        """`variable` is the environment variable that names the file, if one does."""
        self.location = f"{variable}={path}" if variable else path
        self._path = path
        self._prompt = prompt
        self._warn = warn
        self._named = variable is not None

    def is_there(self) -> bool:
        """Whether it is to be read. A file that the user named and that is missing is an error, not an absence."""
        return self._named or os.path.exists(self._path)

    def load(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the protocol's
        """The identities in it. Raises `FileAccessError`, `LimitError`, `IdentityError`."""
        data = read_private(self._path, SIZE_LIMIT, self._warn)
        return read_identities(data, self._path, self._prompt)

    def recipients(self) -> Sequence[str]:
        """The public halves of what is in it."""
        return recipients_of(self.load(""), self._path)


def read_private(path: str, limit: int, warn: Warn | None) -> bytes:
    """A file that holds a private key. Raises `FileAccessError`, and `LimitError` for more than `limit` bytes.

    `warn` is told if others can read the file, or own it. A pipe will do: `SOPS_AGE_KEY_FILE=<(command)` names one.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(data) > limit:
        raise LimitError(f"more than {limit} bytes, which is no key file").at(file=path)
    if warn is not None and (complaint := _complaint(path, status)):
        warn(f"{path}: {complaint}")
    return data


def _unreadable(path: str, error: OSError) -> FileAccessError:
    reason = (error.strerror or "input/output error").lower()
    hint = "the shell expands ~ only outside of quotes" if path.startswith("~") else None
    return FileAccessError(f"cannot be read: {reason}", location=Location(path or '""'), hint=hint)


def _complaint(path: str, status: os.stat_result) -> str | None:
    """What is wrong with mode or owner; nothing for a pipe or a mounted Kubernetes Secret, which have their own."""
    if not stat.S_ISREG(status.st_mode) or _is_mounted_secret(path):
        return None
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        return f"the key file is open to other users (mode {mode:04o}); chmod 600 closes it"
    if status.st_uid not in (0, os.geteuid()):
        return "the key file belongs to another user, who can read and replace it"
    return None


def _is_mounted_secret(path: str) -> bool:
    """Whether the kubelet made the file: it is a link into `..data`, which is a link to the current version."""
    folder = os.path.dirname(path)
    return os.path.islink(path) and os.path.islink(os.path.join(folder, "..data"))
