"""Signals that ask a command to end, while it has programs running and folders in memory."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise, as SIGINT does: programs are ended, the pipes' folder and gpg's home removed.

    The exit code is the shell's, 128 and the signal's number.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # a program that calls the command as a function: signals are its own
        return
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 the signal module's
    raise SystemExit(128 + number)
