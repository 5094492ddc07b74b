"""What happens in a child: it ends with its parent, within its limits, and nobody can look into its memory.

Imported by the forkserver, which becomes the reaper of whatever a killed child leaves behind.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import warnings
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from types import FrameType

# prctl(2)
PDEATHSIG, DUMPABLE, CHILD_SUBREAPER = 1, 4, 36
GRACE = 5  # seconds of processor time between the signal that asks and the one that kills
BROKEN = b"\0"  # before the name of an exception that nobody expected
FINE = b"\1"  # before what the function gave


class Limits(NamedTuple):
    """Of one child: seconds by the clock (and of processor time), bytes of address space; 0 for no limit of these."""

    seconds: float = 300.0
    memory: int = 4 * 1024**3


def adopt_orphans() -> None:
    """Become the parent of whatever a descendant leaves behind when it is killed. On Linux; elsewhere nothing is done."""
    _prctl(CHILD_SUBREAPER, 1)
    # Python's forkserver warns of every process that ends and is none of those it forked
    warnings.filterwarnings("ignore", "forkserver: waitpid returned unexpected pid")


def main(function: Callable[[object], bytes], argument: object, limits: Limits, answer: Connection) -> None:
    """Run a function and send what it gives. Of an exception only the name of its class leaves the process."""
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


def _send(answer: Connection, data: bytes) -> None:
    try:
        answer.send_bytes(data)
    except OSError:
        return  # the supervisor has gone


def _confine(limits: Limits) -> None:
    os.setsid()
    _prctl(PDEATHSIG, signal.SIGKILL)
    _prctl(DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + GRACE))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGXCPU, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 the signal module's
    """Unwind, so that programs that were started are ended and folders removed."""
    raise SystemExit(128 + number)


def _prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return  # not Linux
