"""The lease kept in the background, and everything ended at once when it is lost."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from sopskit.deploy.reconcile.lease import RENEW

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.deploy.reconcile.lease import Lease

WATCH = 0.25  # seconds between two looks at the clock


class Leadership:
    """Two threads: one talks to the API server, the other only looks at the clock, so that nothing can keep it waiting."""

    def __init__(self, lease: Lease, on_change: Callable[[bool], None], log: Callable[[str], None]) -> None:
        """`on_change` is told when the lease is got and when it is lost; it must not wait for anything. `log` takes a line."""
        self._lease = lease
        self._on_change = on_change
        self._log = log
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._renew, "lease"), (self._watch, "lease-watch"))
        ]

    @property
    def held(self) -> bool:
        """Whether this process may work."""
        return self._lease.held

    def start(self) -> None:
        """Begin to want it."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let others have it. What it was needed for must be over."""
        self._stop.set()
        for thread in self._threads:
            thread.join(RENEW)
        self._lease.release()

    def _renew(self) -> None:
        said = ""
        while not self._stop.is_set():
            with contextlib.suppress(Exception):  # what is not renewed is given up; this thread must go on
                self._lease.keep()
            problem = self._lease.problem
            if problem and problem != said:
                self._log(f"the lease cannot be asked for: {problem}")
            said = problem
            self._stop.wait(RENEW / 4)

    def _watch(self) -> None:
        before = False
        while not self._stop.is_set():
            now = self._lease.held
            if now is not before:
                before = now
                self._on_change(now)
            self._stop.wait(WATCH)
