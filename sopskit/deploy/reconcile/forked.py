"""What happens in a child: it ends with its parent, within its limits, and nobody can look into its memory.

Imported by the forkserver, which becomes the reaper of whatever a killed child leaves behind.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import multiprocessing
import os
import resource
import signal
import sys
import time
import warnings
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from types import FrameType

# prctl(2)
PDEATHSIG, DUMPABLE, CHILD_SUBREAPER = 1, 4, 36
ARENA_MAX = -8  # mallopt(3)
GRACE = 5  # seconds, or seconds of processor time, between the signal that asks and the one that kills
BROKEN = b"\0"  # before the name of an exception that nobody expected
FINE = b"\1"  # before what the function gave


class Limits(NamedTuple):
    """Of one child: seconds by the clock (and of processor time), bytes of address space; 0 for no limit of these.

    A process that the child forks or starts may have as much again.
    """

    seconds: float = 300.0
    memory: int = 4 * 1024**3


_forkserver = 0  # its process's number, in it and in what it forks


def adopt_orphans() -> None:
    """Become the parent of whatever a descendant leaves behind when it is killed. On Linux; elsewhere nothing is done."""
    global _forkserver
    _forkserver = os.getpid()
    _prctl(CHILD_SUBREAPER, 1)
    # a terminal that closes asks the supervisor to end, which lets rounds finish; multiprocessing does so for SIGINT
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    atexit.register(_end_all)
    # Python's forkserver warns of every process that ends and is none of those it forked
    warnings.filterwarnings("ignore", "forkserver: waitpid returned unexpected pid")


def main(function: Callable[[object], bytes], argument: object, limits: Limits, answer: Connection) -> None:
    """Run a function and send what it gives. Of an exception only the name of its class leaves the process."""
    gc.disable()  # a round is short, and all its memory goes when it ends
    try:
        _confine(limits)
        answer.send_bytes(FINE + function(argument))
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 a traceback would show the lines that hold values
        _send(answer, BROKEN + type(error).__name__.encode())
    finally:
        answer.close()


def parent(argument: object) -> bytes:  # noqa: ARG001 called as every function of a child is
    """The process that forks the children."""
    return str(os.getppid()).encode()


def children_of(pid: int) -> set[int]:
    """The children of a process, by their numbers; none on other systems than Linux."""
    try:
        files = list(Path(f"/proc/{pid}/task").glob("*/children"))
        return {int(word) for file in files for word in file.read_text().split()}
    except OSError:
        return set()


def _end_all() -> None:
    """At the end of the forkserver, which is after that of its children: kill what those have left."""
    deadline = time.monotonic() + GRACE
    while os.getpid() == _forkserver and (left := children_of(_forkserver)) and time.monotonic() < deadline:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for pid in left:
            os.waitpid(pid, 0)


def _send(answer: Connection, data: bytes) -> None:
    try:
        answer.send_bytes(data)
    except OSError:
        return  # the supervisor has gone


def _confine(limits: Limits) -> None:
    os.setsid()
    _prctl(PDEATHSIG, signal.SIGKILL)
    if _forkserver and os.getppid() != _forkserver:
        os._exit(1)  # the forkserver ended before we could ask to end with it
    # its daemons (gpg's agent) are its own as long as it runs: at the forkserver they would pass for what a dead child left
    _prctl(CHILD_SUBREAPER, 1)
    _first_to_go()
    _prctl(DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _few_arenas()
    if limits.memory:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + GRACE))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGXCPU, _end)
    _end_with_supervisor()


def _first_to_go() -> None:
    """If memory runs out, let the kernel take a round and not the supervisor (proc(5), oom_score_adj)."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:
        return  # not Linux


def _end_with_supervisor() -> None:
    """Have SIGTERM sent to this process when the supervisor ends, which may have been killed: another replica may work soon.

    The forkserver does not see it: its end of a pipe to tell is one that multiprocessing hands to each child too. The
    kernel sends the signal (fcntl(2), F_SETSIG), so that this process has one thread and may fork to open many files.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None or sys.platform != "linux":
        return
    pipe = supervisor.sentinel
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if wait([pipe], 0):
        raise SystemExit(1)  # it ended before that


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 the signal module's
    """Unwind, so that programs that were started are ended and folders removed; not for long, and asked once."""
    for asking in (signal.SIGTERM, signal.SIGXCPU):
        signal.signal(asking, signal.SIG_IGN)
    signal.alarm(GRACE)  # its own signal's default is to end the process
    raise SystemExit(128 + number)


def _few_arenas() -> None:
    """Let threads share two pools of memory: glibc would reserve 64 MiB of address space for each of 8 threads per core."""
    try:
        ctypes.CDLL(None).mallopt(ARENA_MAX, 2)
    except (OSError, AttributeError):
        return  # not glibc


def _prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return  # not Linux
