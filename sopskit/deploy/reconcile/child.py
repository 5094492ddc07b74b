"""Rounds in processes of their own, so that plaintext and private keys leave with the process that had them.

`multiprocessing`'s forkserver forks them: a process with one thread, which has the modules loaded already. It is started
from an empty interpreter and never has a key itself. All is driven by one thread of the supervisor.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.reconcile import forked
from sopskit.deploy.reconcile.forked import BROKEN, Limits, children_of
from sopskit.deploy.shadow import remove_trees_of
from sopskit.errors import SopskitError
from sopskit.keysources.gpghome import remove_homes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

PRELOAD = "sopskit.deploy.reconcile.preloaded"
GRACE = 5.0  # seconds between the signal that asks a child to end and the one that ends it
MOST_ANSWERED = 16 * 1024 * 1024  # bytes


class ChildError(SopskitError):
    """A child that gave nothing: it ran out of time or memory, crashed, or was ended."""


class Ended(NamedTuple):
    """A child that has ended: its key, and what it gave, or why it gave nothing."""

    key: Any
    answer: bytes | ChildError


class _Child:
    """A process, where its answer comes from, and when it must have ended."""

    __slots__ = ("answer", "asked_to_end", "deadline", "handle", "key", "process", "reason", "receiver")

    def __init__(self, key: Any, process: ForkServerProcess, receiver: Connection, deadline: float) -> None:
        self.key = key
        self.process = process
        self.receiver = receiver
        self.deadline = deadline
        self.handle = _handle(process.pid)
        self.answer: bytes | None = None
        self.reason = ""
        self.asked_to_end = False


class Children:
    """The children of a supervisor. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is started yet."""
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([PRELOAD])
        self._running: list[_Child] = []
        self._clock = clock
        self._server = 0

    def __len__(self) -> int:
        """How many run."""
        return len(self._running)

    def keys(self) -> list[Any]:
        """The keys of those that run."""
        return [child.key for child in self._running]

    def warm_up(self) -> None:
        """Start the forkserver, and wait until it has loaded what the children need. Raises `ChildError`."""
        try:
            self.start("", forked.parent, None, Limits(60.0, 0))
        except OSError as error:
            raise ChildError(
                f"no process for rounds can be started: {(error.strerror or str(error)).lower()}",
                hint="the path of the temporary folder may be too long for a socket; name a shorter one in TMPDIR",
            ) from None
        while not (ended := self.wait(1.0)):
            pass
        answer = ended[0].answer
        if isinstance(answer, ChildError):
            raise answer
        self._server = int(answer)

    def start(self, key: Any, function: Callable[[Any], bytes], argument: object, limits: Limits) -> None:
        """Run a function of a module in a child. `argument` is pickled, so it can hold no secret."""
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(target=forked.main, args=(function, argument, limits, sender), daemon=True)
        process.start()
        sender.close()
        self._running.append(_Child(key, process, receiver, self._clock() + limits.seconds))

    def wait(self, timeout: float, others: Sequence[Any] = ()) -> list[Ended]:
        """Wait so many seconds for one that ends, or until one of `others` has something to read."""
        now = self._clock()
        pause = min([timeout, *(max(0.0, child.deadline - now) for child in self._running)])
        sources = [source for child in self._running for source in _sources(child)]
        ready = set(wait([*sources, *others], pause))
        for child in self._running:
            if child.answer is None and child.receiver in ready:
                _receive(child)
            if self._clock() >= child.deadline:
                self._end(child, "it did not end in time")
        done = [child for child in self._running if child.process.exitcode is not None]
        self._running = [child for child in self._running if child not in done]
        return [self._ended(child) for child in done]

    def end(self, key: Any, reason: str) -> None:
        """Ask a child to end; it is killed some seconds later."""
        for child in self._running:
            if child.key == key:
                self._end(child, reason)

    def kill_now(self) -> None:
        """Kill all that run. Any thread may call this; `wait` gives them as ended."""
        for child in tuple(self._running):
            try:
                signal.pidfd_send_signal(child.handle, signal.SIGKILL)
            except OSError:
                continue  # it has ended

    def close(self) -> None:
        """Ask all that run to end, and kill what does not within some seconds."""
        running, self._running = self._running, []
        for child in running:
            child.process.terminate()
        deadline = self._clock() + GRACE
        for child in running:
            child.process.join(max(0.0, deadline - self._clock()))
            child.process.kill()
            child.process.join()
        for child in running:
            self._ended(child)

    def _end(self, child: _Child, reason: str) -> None:
        child.reason = child.reason or reason
        if child.asked_to_end:
            child.process.kill()
        else:
            child.process.terminate()
            child.asked_to_end = True
        child.deadline = self._clock() + GRACE

    def _ended(self, child: _Child) -> Ended:
        if child.answer is None:
            _receive(child)
        status, number = child.process.exitcode, child.process.pid
        child.receiver.close()
        if child.handle >= 0:
            os.close(child.handle)
        child.process.close()
        self._kill_orphans()
        if status and number is not None:
            remove_homes_of(number)
            remove_trees_of(number)
        answer = child.answer
        if answer and not answer.startswith(BROKEN):
            return Ended(child.key, answer[1:])
        if answer:
            why = f"it failed unexpectedly ({answer[1:].decode('ascii', 'replace')})"
        else:
            why = child.reason or _why(status)
        return Ended(child.key, ChildError(f"the round was cut off: {why}"))

    def _kill_orphans(self) -> None:
        """End what killed children have left: the forkserver has become their parent."""
        if not self._server:
            return
        known = {child.process.pid for child in self._running}
        for pid in children_of(self._server) - known:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _handle(pid: int | None) -> int:
    """A descriptor that means this process and no later one of the same number; -1 if it has ended already."""
    try:
        return os.pidfd_open(pid) if pid is not None else -1
    except ProcessLookupError:
        return -1


def _sources(child: _Child) -> list[Any]:
    return [child.process.sentinel] if child.answer is not None else [child.receiver, child.process.sentinel]


def _receive(child: _Child) -> None:
    try:
        if child.receiver.poll():
            child.answer = child.receiver.recv_bytes(MOST_ANSWERED)
    except (EOFError, OSError):
        child.answer = b""


def _why(status: int | None) -> str:
    if status is None or status >= 0:
        return f"it ended with exit status {status}"
    return f"it was ended by signal {-status}"
