"""What is done beside the loop: in threads, because a server has to answer; the loop's own thread takes what they give."""

from __future__ import annotations

import contextlib
import os
import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import ParamSpec, TypeAlias

    Arguments = ParamSpec("Arguments")
    Done: TypeAlias = Callable[[], None]

Result = TypeVar("Result")

THREADS = 8  # that look, and as many that tell: a server that does not answer must not keep others from being told


class Beside:
    """Threads, and a bell that they ring when they have something for the loop. What is given is called in its thread."""

    def __init__(self, log: Callable[[str], None]) -> None:
        """No thread runs yet. `log` hears of errors of our own."""
        self._log = log
        self._tellers = ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile")
        self._lookers = ThreadPoolExecutor(THREADS, thread_name_prefix="look")
        self._given: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self.bell, self._ringer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    # --- by any thread, or a signal's handler

    def wake(self) -> None:
        """Ring the bell."""
        try:
            os.write(self._ringer, b"\0")
        except (BlockingIOError, OSError):
            return  # it has rung already, or the loop has ended

    def put(self, done: Done) -> None:
        """Have something called by the loop."""
        self._given.put(done)
        self.wake()

    # --- by the loop

    def take(self) -> None:
        """Silence the bell, and call what was given."""
        with contextlib.suppress(BlockingIOError):  # it has not rung
            os.read(self.bell, 4096)
        while not self._given.empty():
            self._given.get()()

    def do(self, work: Callable[[], Done], otherwise: Done) -> None:
        """Do something in a thread; what it gives is called by the loop, `otherwise` after an unforeseen error."""
        self._tellers.submit(self._run, work, otherwise)

    def look(self, work: Callable[[], Done], otherwise: Done) -> None:
        """As `do`, in one of the threads that look."""
        self._lookers.submit(self._run, work, otherwise)

    def submit(
        self, work: Callable[Arguments, Result], *words: Arguments.args, **options: Arguments.kwargs
    ) -> Future[Result]:
        """Do something in a thread that another one will ask for."""
        return self._tellers.submit(work, *words, **options)

    def _run(self, work: Callable[[], Done], otherwise: Done) -> None:
        try:
            done = work()
        except Exception as error:  # noqa: BLE001 a source would wait for ever, and the error's text may hold a value
            self._log(f"an error of sopskit itself, {type(error).__name__}")
            done = otherwise
        self.put(done)

    def finish(self) -> None:
        """Begin no look any more, and call what all that was begun gives."""
        self._lookers.shutdown(wait=True, cancel_futures=True)
        self._tellers.shutdown(wait=True)
        self.take()

    def close(self) -> None:
        """After `finish`, when nobody wakes the loop any more."""
        os.close(self.bell)
        os.close(self._ringer)
