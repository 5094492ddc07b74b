"""A program with a deadline, which is ended together with all that it started."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import contextmanager
from subprocess import DEVNULL, PIPE, Popen
from threading import Timer
from typing import IO, TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError
from sopskit.signals import kept_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_COMPLAINT = 64 * 1024  # bytes that are kept of a complaint


class Program(NamedTuple):
    """What to start. It is started in the root folder, in a session of its own, with these descriptors and no others.

    If it `talks`, standard input and output are pipes. `largest_file` limits the files it writes, in bytes; 0 for no limit.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    talks: bool = False
    descriptors: tuple[int, ...] = ()
    largest_file: int = 0


class Running:
    """A program that runs; `late` once it was ended because of its deadline."""

    __slots__ = ("_process", "late")

    def __init__(self, process: Popen[bytes]) -> None:
        """Made by `running`."""
        self._process = process
        self.late = False

    @property
    def input(self) -> IO[bytes]:
        """Its standard input."""
        return _there(self._process.stdin)

    @property
    def output(self) -> IO[bytes]:
        """Its standard output."""
        return _there(self._process.stdout)

    def complaint(self) -> bytes:
        """What it says on standard error until that is closed, by the deadline at the latest; the last 64 KiB of it."""
        kept = b""
        while more := _there(self._process.stderr).read(MOST_COMPLAINT):
            kept = (kept + more)[-MOST_COMPLAINT:]
        return kept

    def status(self) -> int:
        """Its exit status when it has ended, minus the signal's number if it was killed."""
        # it is not reaped yet: the number of its process group stays its own until that is killed
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        if ended is None:
            raise AssertionError("waitid waits")
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def limit_files(self, size: int) -> None:
        """Let it write no file above `size` bytes, 0 for any; on Linux only. What it started before may."""
        if size and hasattr(resource, "prlimit"):
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, size))

    def overdue(self) -> None:
        """End it, because it is late."""
        self.late = True
        self.kill()

    def kill(self) -> None:
        """End it and its children."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """End it and its children, and the pipes to it."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # what was not written yet
                continue
        self._process.wait()


@contextmanager
def running(program: Program, seconds: float) -> Iterator[Running]:
    """Start a program for so many seconds at most. It has ended, with its children, when the block is left.

    Raises `GitError` if it cannot be started.
    """
    with kept_back() as let_through:
        started = Running(_start(program))
        timer = Timer(seconds, started.overdue)
        timer.daemon = True
        try:
            let_through()
            started.limit_files(program.largest_file)
            timer.start()
            yield started
        finally:
            timer.cancel()
            if timer.ident is not None:
                timer.join()  # it must not kill a number that is somebody else's by then
            started.close()


def _start(program: Program) -> Popen[bytes]:
    ends = PIPE if program.talks else DEVNULL
    try:
        return Popen(
            program.argv,
            env=program.environ,
            cwd="/",
            stdin=ends,
            stdout=ends,
            stderr=PIPE,
            start_new_session=True,
            pass_fds=program.descriptors,
            restore_signals=False,  # SIGXFSZ stays ignored, so that git says that a file became too large
        )
    except OSError as error:
        name = os.path.basename(program.argv[0])
        raise GitError(f"{name} cannot be started: {(error.strerror or '').lower()}") from None


def _there(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("the program was started without this pipe")
    return stream
