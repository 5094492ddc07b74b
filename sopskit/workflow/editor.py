"""The user's editor on a plaintext that never touches a disk.

The file lies in a folder of its own (0700) on a file system in memory. It is gone when the editing ends, by a signal as
well; what a killed run left is removed by the next one. Editors that keep swap, backup or undo files elsewhere are told
not to.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import stat
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import EditorError, RefusedError
from sopskit.keysources.ownfolder import remove_if_left
from sopskit.memory import is_in_memory
from sopskit.workflow.files import read_all, reason, write_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType, TracebackType
    from typing import Self

PREFIX = "sopskit-edit-"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
# variables that hold a private key: an editor and its plug-ins have no use for it
PRIVATE = frozenset(("SOPS_AGE_KEY",))
DEFAULT_EDITORS = ("vim", "nano", "vi")
VIM = ("-n", "-i", "NONE", "-c", "set nobackup nowritebackup viminfo= | setlocal noswapfile noundofile")
EMACS = ("--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)")
# by the start of the program's name
QUIET_ARGUMENTS: Mapping[str, Sequence[str]] = {
    "vim": VIM,
    "gvim": VIM,
    "nvim": ("-n", "-i", "NONE", "-c", "set nobackup nowritebackup | setlocal noswapfile noundofile"),
    "nano": ("--ignorercfiles",),
    "emacs-": EMACS,
    "emacs": EMACS,
}
LOCAL_HISTORY = frozenset(("code", "codium", "code-insiders", "cursor", "idea", "goland", "pycharm", "webstorm", "zed"))


class Editor(NamedTuple):
    """A program with its arguments. `keeps_history`: it is known to keep copies of edited files of its own."""

    command: tuple[str, ...]
    keeps_history: bool


def find_editor(environ: Mapping[str, str]) -> Editor:
    """`SOPS_EDITOR`, else `EDITOR`, else the first of vim, nano and vi; split like a shell would. Raises `EditorError`."""
    for variable in ("SOPS_EDITOR", "EDITOR"):
        text = environ.get(variable, "")
        if text:
            try:
                words = shlex.split(text)
            except ValueError:
                raise EditorError(f"{variable} has a quote that is not closed") from None
            if words:
                return _quieted(words, environ)
    path = environ.get("PATH")
    for name in DEFAULT_EDITORS:
        if shutil.which(name, path=path):
            return _quieted([name], environ)
    raise EditorError("there is no editor: neither vim, nano nor vi was found", hint="set EDITOR, such as EDITOR=nano")


def _quieted(words: list[str], environ: Mapping[str, str]) -> Editor:
    program = shutil.which(words[0], path=environ.get("PATH"))
    if program is None:
        raise EditorError("the editor was not found", hint="SOPS_EDITOR or EDITOR names a program that is installed")
    name = os.path.basename(os.path.realpath(program))
    extra = next(
        (flags for start, flags in QUIET_ARGUMENTS.items() if name == start or name.startswith(f"{start}.")), ()
    )
    return Editor((*words, *extra), os.path.basename(words[0]) in LOCAL_HISTORY)


class Cancelled(BaseException):
    """A signal ended the editing. Not an error of ours: nothing that catches errors may stop it."""


class Session:
    """A private folder in memory with one file in it, for as long as the context lasts."""

    def __init__(
        self, folders: Sequence[str], name: str, *, anywhere: str | None = None, keyboard: bool = False
    ) -> None:
        """Use the first of `folders` that is in memory, or `anywhere` if the user named a folder. Raises `RefusedError`.

        With a `keyboard`, Ctrl+C is the editor's while it runs: vim's users leave the insert mode with it.
        """
        self._keyboard = keyboard
        self._base = anywhere or _first_in_memory(folders)
        self._name = name
        self._folder = ""
        self._lock = -1
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._cancelled = False  # by a signal while the editor was being started
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Make the folder; from here on a signal raises `Cancelled`."""
        _sweep(self._base)
        self._handlers = {number: signal.signal(number, self._cancel) for number in SIGNALS}
        try:
            self._folder = os.path.join(self._base, f"{PREFIX}{os.urandom(8).hex()}")
            os.mkdir(self._folder, 0o700)
            self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            status = os.fstat(self._lock)
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
                raise RefusedError("the folder for the plaintext is not ours alone").at(file=self._folder)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            self.__exit__(None, None, None)
            raise RefusedError(f"no folder for the plaintext can be made: {reason(error)}", hint=HINT).at(
                file=self._base
            ) from error
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the editor, remove everything, give the signals back."""
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        self._end_child()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._handlers = {}

    def edit(self, text: bytes, editor: Editor, environ: Mapping[str, str]) -> bytes:
        """Let the user edit `text`; gives what the editor left. Raises `EditorError` and `Cancelled`."""
        path = os.path.join(self._folder, self._name)
        self._write(text)
        try:
            passed = {name: value for name, value in environ.items() if name not in PRIVATE}
            self._start([*editor.command, path], passed)
            status = self._child.wait() if self._child is not None else 0
            self._child = None
        except OSError as error:
            raise EditorError(f"the editor could not be started: {reason(error)}") from error
        if -status in SIGNALS:
            raise Cancelled
        if status:
            how = f"exit status {status}" if status > 0 else f"signal {-status}"
            raise EditorError(f"the editor ended with {how}; the file is as it was")
        return self._read()

    def _start(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start the editor. A signal waits until it can be ended: it may run before `Popen` comes back."""
        self._starting = True
        try:
            self._child = subprocess.Popen(command, env=environ)
        finally:
            self._starting = False
        if self._cancelled:
            raise Cancelled

    def _write(self, text: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._name, flags, 0o600, dir_fd=self._lock)
            try:
                write_all(descriptor, text)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RefusedError(f"the plaintext does not fit into memory: {reason(error)}", hint=HINT) from error

    def _read(self) -> bytes:
        try:
            descriptor = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._lock)
        except OSError as error:
            raise EditorError(f"the edited file cannot be read: {reason(error)}") from error
        try:
            return read_all(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def _cancel(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 the protocol's
        runs = self._starting or self._child is not None
        if self._keyboard and runs and number in FROM_KEYBOARD:
            return
        if self._starting:
            self._cancelled = True
            return
        raise Cancelled

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


HINT = "name a folder with --temporary-folder DIR; if it is on a disk, the plaintext can be recovered from there"


def _first_in_memory(folders: Sequence[str]) -> str:
    for folder in folders:
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK) and is_in_memory(folder):
            return folder
    raise RefusedError("there is no folder in memory for the plaintext, and a disk does not forget", hint=HINT)


def _sweep(base: str) -> None:
    """Remove folders of the same user's runs that were killed: nobody holds their lock."""
    with contextlib.suppress(OSError):
        for name in os.listdir(base):
            if name.startswith(PREFIX):
                remove_if_left(os.path.join(base, name))
