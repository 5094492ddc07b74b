"""Signals that ask the process to end, kept back while a program is started that somebody must end."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


@contextlib.contextmanager
def kept_back() -> Iterator[Callable[[], None]]:
    """Let the signals wait until the block is left, or until the function that it gives is called.

    One that came while a program is started would leave that running: nobody would know its number yet.
    The program starts with these signals kept back too; SIGKILL ends it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def let_through() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield let_through
    finally:
        let_through()
