"""A GnuPG home of our own for PGP keys that were handed in: in memory, without the user's keys, cards or agent."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import weakref
from typing import TYPE_CHECKING

from sopskit.errors import GpgError, RefusedError, SopskitError
from sopskit.keysources.ownfolder import make_own_folder
from sopskit.memory import SHARED_MEMORY, is_in_memory
from sopskit.signals import kept_back

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from sopskit.pgp import Gpg

PREFIX = "sopskit-gnupg-"
LONGEST_PLACE = 56  # characters: with the agent's socket in it a path must stay below 108 (unix(7))
DEADLINE = 30  # seconds for one call of gpg
# no smart cards, no passwords kept by a desktop, and nobody who could be asked
AGENT_OPTIONS = "disable-scdaemon\nno-allow-external-cache\npinentry-program /nonexistent\n"
IMPORT_OPTIONS = (
    "--batch",
    "--no-tty",
    "--status-fd=1",
    "--no-auto-check-trustdb",
    "--disable-dirmngr",
    "--no-auto-key-locate",
)
IMPORTED_PRIVATE = 16  # the flag of IMPORT_OK for a key with its private half (GnuPG, doc/DETAILS)


class PrivateGpgHome:
    """A folder of mode 0700 in memory that is gpg's home until `close`, or the end of the process at the latest.

    gpg-agent keeps the keys it is given in that folder, and in its own memory while it runs; `close` ends it.
    """

    __slots__ = ("__weakref__", "_finalizer", "folder", "gpg")

    def __init__(self, search_path: str) -> None:
        """Make the folder. gpg is looked for in the absolute folders of `search_path`.

        Raises `RefusedError` if no file system in memory is at hand, `GpgError` if there is no gpg.
        """
        from sopskit.pgp import Gpg

        self.folder, held = _make_folder()
        # gpg's home is also HOME: nothing that it starts finds a home of the user
        self.gpg: Gpg = Gpg(None, self.folder, environment={"PATH": search_path, "HOME": self.folder})
        self._finalizer = weakref.finalize(self, _remove, self.folder, held, self.gpg.child_environment(), os.getpid())
        try:
            self.gpg.locate()
            with open(os.path.join(self.folder, "gpg-agent.conf"), "w", encoding="ascii") as file:
                file.write(AGENT_OPTIONS)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """The home itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def add(self, armored: bytes) -> int:
        """Import private keys; the number of keys that came with their private half. Raises `GpgError`.

        A key that is protected by a passphrase is imported, and cannot be used: nobody could be asked.
        """
        command = [self.gpg.locate(), *IMPORT_OPTIONS, "--import"]
        lines = _run(command, armored, self.gpg.child_environment())
        words = [line.split() for line in lines.split(b"\n") if line.startswith(b"[GNUPG:] IMPORT_OK ")]
        return len({word[3] for word in words if len(word) > 3 and int(word[2]) & IMPORTED_PRIVATE})

    def close(self) -> None:
        """End the agent and remove the folder. Calling it again does nothing."""
        self._finalizer()


def _make_folder() -> tuple[str, int]:
    places = (tempfile.gettempdir(), SHARED_MEMORY)
    base = next((place for place in places if len(place) <= LONGEST_PLACE and is_in_memory(place)), None)
    if base is None:
        raise RefusedError(
            "PGP keys would have to be imported into a folder on a disk: neither /dev/shm nor the folder for "
            "temporary files is in memory",
            hint="mount a tmpfs (in Kubernetes an emptyDir with `medium: Memory`) and name it in TMPDIR",
        )
    try:
        return make_own_folder(PREFIX, base)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise RefusedError(f"no folder for PGP keys can be made: {reason}").at(file=base) from None


def remove_homes_of(process: int) -> None:
    """Remove what a process of this number, which was killed, has left in shared memory. Its agents must have ended."""
    for name in os.listdir(SHARED_MEMORY) if os.path.isdir(SHARED_MEMORY) else ():
        if name.startswith(f"{PREFIX}{process}-"):
            shutil.rmtree(os.path.join(SHARED_MEMORY, name), ignore_errors=True)


def _run(command: list[str], data: bytes, environment: Mapping[str, str]) -> bytes:
    """What gpg says on its status pipe. Its messages are dropped: they may quote what was in a key."""
    with kept_back() as let_through, _start(command, environment) as process:
        try:
            let_through()
            return process.communicate(data, timeout=DEADLINE)[0]
        except subprocess.TimeoutExpired:
            raise GpgError(f"gpg did not import a key within {DEADLINE} seconds") from None
        finally:
            process.kill()  # nothing happens to one that has ended


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise GpgError(f"gpg cannot be started: {(error.strerror or 'unknown error').lower()}") from None


def _remove(folder: str, held: int, environment: Mapping[str, str], owner: int) -> None:
    """End the agent and remove the folder; without gpgconf the agent ends by itself when the folder is gone."""
    if os.getpid() != owner:
        return  # a forked child ends, and the home is its parent's
    program = shutil.which("gpgconf", path=environment.get("PATH"))
    if program is not None and os.path.isdir(folder):
        for action in (["--kill", "all"], ["--remove-socketdir"]):
            try:
                _run([program, "--homedir", folder, *action], b"", environment)
            except SopskitError:
                break
    shutil.rmtree(folder, ignore_errors=True)
    os.close(held)
