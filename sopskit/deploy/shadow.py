"""A private copy of a tree in which every encrypted file is a FIFO that serves its plaintext: nothing of it meets a disk."""

from __future__ import annotations

import _thread
import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from sopskit.errors import BuildError, LimitError
from sopskit.keysources.ownfolder import make_own_folder
from sopskit.memory import SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from sopskit.deploy.tree import Source

PREFIX = "sopskit-render-"
LEAST_ROOM = 16 * 1024 * 1024  # bytes, above what is needed
STACK = 256 * 1024  # bytes for a thread; with the usual 8 MiB, 500 of them would be all of a limit of 4 GiB
NO_LINKS: Mapping[Path, Path] = {}
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class ShadowTree:
    """The files of `sources`, below a new folder of mode 0700, at their paths relative to `root`. A context manager."""

    __slots__ = ("_fifos", "_folders", "_held", "_links", "_outer", "_root", "_serving", "_sources", "folder")

    def __init__(
        self, sources: Sequence[Source], root: Path, links: Mapping[Path, Path] = NO_LINKS, *, serving: bool = True
    ) -> None:
        """`links` are links to folders, and where they lead. Nothing is written before the context is entered.

        Unless `serving`, who opens an encrypted file waits until `serve` is called.
        """
        self._serving = serving
        self._sources = sources
        self._links = links
        self._root = root
        self._folders: set[str] = set()
        self._fifos: list[_Fifo] = []

    def __enter__(self) -> Self:
        """Make the tree and, if so wished, start to serve. Raises what `serve` raises."""
        size = sum(len(source.data) for source in self._sources if source.opened is None)
        folder, self._held = make_own_folder(PREFIX, _memory_for(size))
        self._outer = os.path.realpath(folder)
        self.folder = Path(self._outer, "tree")
        try:
            self._make_folder(str(self.folder))
            for link, target in self._links.items():
                self._link(str(self.path(link)), str(self.path(target)))
            self._place_all()
            if self._serving:
                self.serve()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving and remove the tree."""
        self._remove()

    def serve(self) -> None:
        """Start to hand out the encrypted files. Raises `LimitError` if the system has not enough threads."""
        with _deaf_threads():
            for fifo in self._fifos:
                fifo.start()

    def check(self) -> None:
        """Raise `BuildError` if a file could not be served: a reader may have taken it for an empty one."""
        if any(fifo.failed for fifo in self._fifos):
            raise BuildError("a decrypted file could not be handed to the builder", hint="the disk may be full")

    def path(self, original: Path) -> Path:
        """Where a path of the original tree stands here."""
        return self.folder / original.relative_to(self._root)

    def _place_all(self) -> None:
        folder, root = str(self.folder), str(self._root).rstrip(os.sep)
        for source in self._sources:
            path = folder + str(source.path).removeprefix(root)
            self._make_folder(os.path.dirname(path))
            if self._links and os.path.lexists(path):
                continue  # it was placed under its other name, on the other side of a link
            if source.opened is None:
                _write_file(path, source.data)
            else:
                self._fifos.append(_Fifo(path, f"{self._outer}/{len(self._fifos)}.next", source.opened.plaintext))

    def _make_folder(self, path: str) -> None:
        if path not in self._folders:
            os.makedirs(path, mode=0o700, exist_ok=True)
            self._folders.add(path)

    def _link(self, link: str, target: str) -> None:
        self._make_folder(target)
        self._make_folder(os.path.dirname(link))
        os.symlink(target, link)

    def _remove(self) -> None:
        for fifo in self._fifos:
            fifo.wake()
        for fifo in self._fifos:
            fifo.join()
        self._fifos = []
        try:
            shutil.rmtree(self._outer)
        finally:
            os.close(self._held)


def remove_trees_of(process: int) -> None:
    """Remove what a process of this number, which was killed, has left in memory. Its builders must have ended."""
    for folder in Path(SHARED_MEMORY).glob(f"{PREFIX}{process}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _memory_for(size: int) -> str | None:
    """A folder in memory that has room for `size` bytes of plain files and more; None for the usual temporary folder.

    Not for secrecy: no plaintext is in the files. On a disk it takes five times as long to make a FIFO.
    """
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return None
    room = status.f_bavail * status.f_frsize
    return SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK | os.X_OK) and room > 2 * size + LEAST_ROOM else None


@contextlib.contextmanager
def _deaf_threads() -> Iterator[None]:
    """What the threads inherit: a small stack, and no signals.

    Signals are for the main thread, which may block them for a while.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    size = _thread.stack_size(STACK)
    try:
        yield
    finally:
        _thread.stack_size(size)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _Fifo:
    """Serves `data` at `path` as often as it is opened.

    When the open for writing returns, a fresh FIFO is renamed over the path before the text goes to the old one:
    a writer that opened the same FIFO again at once would hand the first reader its text twice. The fresh one is made
    at `fresh`, beside the tree, where no file of the tree can have its name.
    """

    __slots__ = ("_data", "_ended", "_fresh", "_path", "_stopped", "failed")

    def __init__(self, path: str, fresh: str, data: bytes) -> None:
        self._path = path
        self._fresh = fresh
        self._data = data
        self._stopped = False
        self.failed = False
        self._ended = _thread.allocate_lock()
        os.mkfifo(path, 0o600)

    def start(self) -> None:
        """Serve in a thread of its own. Raises `LimitError` if there can be no more of them.

        A `threading.Thread` would do, but to start one waits for it, a tenth of a millisecond for each file.
        """
        self._ended.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._ended.release()
            raise LimitError("every encrypted file takes a thread, and the system allows no more of them") from None

    def _run(self) -> None:
        try:
            self._serve()
        except OSError:
            self.failed = True
        finally:
            self._ended.release()

    def _serve(self) -> None:
        while True:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)  # waits for a reader
            try:
                if self._stopped:
                    return
                os.mkfifo(self._fresh, 0o600)
                os.rename(self._fresh, self._path)
                _write_all(descriptor, self._data)
            except OSError:
                self.failed = True  # before the reader is told that this is all
                raise
            finally:
                os.close(descriptor)

    def wake(self) -> None:
        """Be the reader that the thread waits for, so that it sees that it is to end."""
        self._stopped = True
        os.close(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))

    def join(self) -> None:
        """Wait for the thread's end."""
        while not self._ended.acquire(timeout=0.05):
            self.wake()
        self._ended.release()


def _write_file(path: str, data: bytes) -> None:
    descriptor = os.open(path, NEW_FILE, 0o600)
    try:
        _write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        return  # the reader has seen enough
