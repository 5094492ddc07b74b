"""Signals that ask the process to end, kept back while a program is started that somebody must end."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def kept_back() -> Iterator[Callable[[], None]]:
    """Let the signals wait until the block is left, or until the function that it gives is called.

    One that came while a program is started would leave that running: nobody would know its number yet. Their handlers
    are exchanged, not their delivery stopped: with several threads the kernel would choose another one, and Python
    would call the handler in the main thread all the same. Outside of the main thread no handler runs, so nothing is done.
    """
    came: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 the signal module's
        came.append(number)

    # None is a handler that was not installed by Python: it stays, as does what is ignored
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in ENDING if is_main}
    changed = {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}
    waiting = True

    def let_through() -> None:
        nonlocal waiting
        if waiting:
            for number, handler in changed.items():
                if signal.getsignal(number) is keep:  # or another signal's handler has changed it
                    signal.signal(number, handler)
            waiting = False
        while came:
            signal.raise_signal(came.pop())

    try:
        for number in changed:
            signal.signal(number, keep)
        yield let_through
    finally:
        let_through()
