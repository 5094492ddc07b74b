"""A private copy of a tree in which every encrypted file is a FIFO that serves its plaintext: nothing of it meets a disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from sopskit.deploy.tree import Source

STACK_SIZE = 256 * 1024


class ShadowTree:
    """The files of `sources`, below a new folder of mode 0700, at their paths relative to `root`. A context manager."""

    __slots__ = ("_fifos", "_outer", "_root", "_sources", "folder")

    def __init__(self, sources: Iterable[Source], root: Path) -> None:
        """Nothing is written before the context is entered."""
        self._sources = sources
        self._root = root
        self._fifos: list[_Fifo] = []

    def __enter__(self) -> Self:
        """Make the tree and start to serve."""
        self._outer = Path(tempfile.mkdtemp(prefix="sopskit-render-")).resolve()
        self.folder = self._outer / "tree"
        try:
            self.folder.mkdir(mode=0o700)
            for source in self._sources:
                self._place(source)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving and remove the tree."""
        self._remove()

    def path(self, original: Path) -> Path:
        """Where a path of the original tree stands here."""
        return self.folder / original.relative_to(self._root)

    def _place(self, source: Source) -> None:
        path = self.path(source.path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if source.opened is None:
            path.write_bytes(source.data)
        else:
            self._fifos.append(_Fifo(path, self._outer / f"{len(self._fifos)}.next", source.opened.plaintext))

    def _remove(self) -> None:
        for fifo in self._fifos:
            fifo.stop()
        self._fifos = []
        shutil.rmtree(self._outer)


class _Fifo:
    """Serves `data` at `path` as often as it is opened.

    When the open for writing returns, a fresh FIFO is renamed over the path before the text goes to the old one:
    a writer that opened the same FIFO again at once would hand the first reader its text twice. The fresh one is made
    at `fresh`, beside the tree, where no file of the tree can have its name.
    """

    def __init__(self, path: Path, fresh: Path, data: bytes) -> None:
        self._path = path
        self._fresh = fresh
        self._data = data
        self._stopped = False
        os.mkfifo(path, 0o600)
        size = threading.stack_size(STACK_SIZE)
        try:
            self._thread = threading.Thread(target=self._serve, daemon=True)
            self._thread.start()
        finally:
            threading.stack_size(size)

    def _serve(self) -> None:
        while True:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)  # waits for a reader
            try:
                if self._stopped:
                    return
                os.mkfifo(self._fresh, 0o600)
                self._fresh.rename(self._path)
                _write_all(descriptor, self._data)
            finally:
                os.close(descriptor)

    def stop(self) -> None:
        """End the thread: be the reader that it waits for."""
        self._stopped = True
        while self._thread.is_alive():
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self._thread.join(timeout=0.05)
            os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        return  # the reader has seen enough
