"""The user's gpg: which program, with which home, environment and deadline."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from sopskit.errors import GpgError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.pgp.runner import Runner
    from sopskit.pgp.transcript import Transcript

# What gpg, its agent and pinentry need. Everything else stays here: tokens, keys, SOPS_*, PYTHON*, LD_*.
PASSED_ON = frozenset(
    {
        "DBUS_SESSION_BUS_ADDRESS",
        "DISPLAY",
        "GPG_TTY",
        "HOME",
        "INSIDE_EMACS",
        "LOGNAME",
        "PINENTRY_USER_DATA",
        "TERM",
        "TMPDIR",
        "USER",
        "WAYLAND_DISPLAY",
        "XAUTHORITY",
        "XDG_RUNTIME_DIR",
        "XDG_SESSION_TYPE",
    }
)


class Gpg:
    """A gpg to be started when a PGP key is met; making one of these costs nothing.

    `program` is an absolute path, or a name to be looked for in the absolute entries of PATH (None: `gpg`).
    `home` is what GNUPGHOME shall be (None: gpg's own default). `timeout` is in seconds for one call, and
    includes the time a person takes to type a passphrase. `environment` is the caller's environment, of
    which only the names in `PASSED_ON` reach gpg.
    """

    __slots__ = ("_environment", "_lock", "_runner", "home", "program", "timeout")

    def __init__(
        self,
        program: str | None,
        home: str | None,
        *,
        timeout: float = 60,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the parts; nothing is looked up or started yet."""
        self.program = program
        self.home = home
        self.timeout = timeout
        self._environment = environment if environment is not None else {}
        self._runner: Runner | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Program and home; never the environment."""
        return f"Gpg({self.program!r}, {self.home!r}, timeout={self.timeout!r})"

    def encrypt(self, plaintext: bytes, fingerprint: str) -> Transcript:
        """Let gpg encrypt `plaintext`, armored, to the key with exactly this fingerprint. Raises `GpgError`."""
        with self._lock:
            return self._ready().encrypt_to(plaintext, fingerprint)

    def decrypt(self, message: bytes) -> Transcript:
        """Let gpg decrypt `message`. The transcript is not judged yet. Raises `GpgError`."""
        with self._lock:
            return self._ready().decrypt_message(message)

    def secret_keys(self) -> frozenset[str]:
        """The fingerprints (upper case) of the keys and subkeys whose private half gpg has. Raises `GpgError`.

        Asked before many files are opened: gpg takes as long to say that it lacks a key as to use one.
        """
        with self._lock:
            return self._ready().list_secret_keys()

    def locate(self) -> str:
        """The absolute path of the program. Raises `GpgError` if there is none.

        Relative paths and relative PATH entries are passed over: a repository could plant its own gpg there.
        """
        name = self.program or "gpg"
        if os.path.isabs(name):
            candidates = [name]
        elif os.sep in name:
            raise GpgError(
                f"the gpg program is named by a relative path: {name}",
                hint="give an absolute path, or the bare name of a program in PATH",
            )
        else:
            candidates = [os.path.join(folder, name) for folder in self._search_path()]
        for candidate in candidates:
            if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
        raise GpgError(
            f"the gpg program was not found: {name}",
            hint="install GnuPG 2.1 or newer, or name the program in SOPS_GPG_EXEC",
        )

    def child_environment(self) -> dict[str, str]:
        """The environment gpg is started with: the allow-list, plain messages, the home."""
        passed = {name: value for name, value in self._environment.items() if name in PASSED_ON}
        passed["PATH"] = os.pathsep.join(self._search_path())
        passed["LC_ALL"] = "C"
        if self.home is not None:
            passed["GNUPGHOME"] = self.home
        return passed

    def _search_path(self) -> list[str]:
        path = self._environment.get("PATH", os.defpath)
        return [folder for folder in path.split(os.pathsep) if os.path.isabs(folder)]

    def _pinentry_charset(self) -> list[str]:
        # LC_ALL=C is for gpg's messages; pinentry must still read the user's letters.
        for name in ("LC_ALL", "LC_CTYPE", "LANG"):
            if value := self._environment.get(name):
                return ["--lc-ctype", value]
        return []

    def _ready(self) -> Runner:
        if self._runner is None:
            if self.home is not None and not os.path.isdir(self.home):
                raise GpgError(f"the gpg home is not a folder: {self.home}", hint="check GNUPGHOME")
            program = self.locate()
            from sopskit.pgp.runner import start

            self._runner = start(program, self.child_environment(), self._pinentry_charset(), self.timeout)
        return self._runner
