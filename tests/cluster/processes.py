"""Servers that end with the tests, however the tests end.

A server is started by this very file, run as a program. It holds one end of a pipe whose other end only the test
process has: when that is closed, be it by a SIGKILL, the server is stopped and its folder removed. It has a session of
its own, so that Ctrl-C in a terminal stops the tests first and the servers after their last request.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KILL = b"k"
PATIENCE = 20  # seconds that a server has to end in before it is killed


class ServerError(Exception):
    """A server did not start. The message holds the end of its log."""


class Server:
    """One program that runs until it is stopped. `log` gets what it prints, run after run."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environ: Mapping[str, str] | None = None,
        removes: Path | None = None,
    ) -> None:
        """`removes` is a folder that nobody needs once the server has ended."""
        self.command = command
        self.log = log
        self.environ = dict(environ or {})
        self.removes = removes
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the program is there."""
        return self._keeper is not None and self._keeper.poll() is None

    def start(self, ready: Callable[[], bool], timeout: float = 90) -> None:
        """Start and wait until `ready`. Does nothing if it runs. Raises `ServerError`."""
        if self.running:
            return
        self.stop()
        self._keeper = keeper = self._spawn()
        deadline = time.monotonic() + timeout
        while not ready():
            if keeper.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.command[0]} did not get ready:\n{self.tail()}")
            time.sleep(0.05)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", __file__, str(self.removes or ""), *self.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environ,
                cwd=self.log.parent,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it in good order and wait. Does nothing if it does not run."""
        self._end(b"")

    def kill(self) -> None:
        """End it as a crash would, and wait."""
        self._end(KILL)

    def _end(self, order: bytes) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        try:
            keeper.communicate(order, timeout=PATIENCE * 2)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()

    def tail(self, size: int = 3000) -> str:
        """The end of the log."""
        return self.log.read_bytes()[-size:].decode("utf-8", "replace")


def main() -> int:
    """Keep one server: the folder to remove (or an empty text), then the command."""
    folder, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    ended = os.pidfd_open(child.pid)
    # end of input: the test asks for the end, or is gone itself
    if 0 in select.select([0, ended], [], [])[0]:
        child.send_signal(signal.SIGKILL if os.read(0, 1) == KILL else signal.SIGTERM)
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
    status = child.wait()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
