"""Kubernetes Events about sources (events.k8s.io/v1): what `kubectl describe` shows, and what others may watch."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING

from sopskit.deploy.notify.pacing import Bucket
from sopskit.deploy.reconcile.source import API_VERSION, KIND
from sopskit.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.cluster import Connection
    from sopskit.deploy.reconcile.source import SourceId

CONTROLLER = "sopskit/reconcile"
LONGEST_NOTE = 1024  # characters, the API's own limit
QUIET = 600.0  # seconds in which the same is not said again
MOST_REMEMBERED = 10_000
# of one source, whatever they say: the API server keeps each for an hour (client-go's own limit, EventCorrelator)
BURST, EVERY = 25, 300.0  # seconds


class Events:
    """Writes events; the same of one source only every ten minutes. Not being able to write one stops nothing.

    Any number of threads may use it.
    """

    def __init__(
        self,
        connection: Connection,
        instance: str,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`instance` is the name of this replica; `log` takes a line about an event that could not be written."""
        self._connection = connection
        self._log = log
        self._instance = instance[:128]
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[tuple[SourceId, str, str], float] = {}
        self._buckets: dict[SourceId, Bucket] = {}

    def tell(self, id: SourceId, uid: str, reason: str, note: str, *, warning: bool) -> bool:
        """Write one, if it is news; whether it was written."""
        key = (id, reason, note)
        if not self._is_news(key):
            return False
        time_now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        content = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{id.name[:200].rstrip('.-')}-", "namespace": id.namespace},
            "eventTime": time_now,
            "type": "Warning" if warning else "Normal",
            "reason": reason[:128],
            "action": "Reconcile",
            "note": note[:LONGEST_NOTE],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": id.namespace,
                "name": id.name,
                "uid": uid,
            },
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
        }
        try:
            self._connection.create(f"/apis/events.k8s.io/v1/namespaces/{id.namespace}/events", content)
        except ClusterError as error:
            self._log(f"{id}: an event could not be written: {error}")
            with self._lock:
                self._said.pop(key, None)
            return False
        return True

    def _is_news(self, key: tuple[SourceId, str, str]) -> bool:
        """Whether it is to be written; from then on it counts as said."""
        now = self._clock()
        with self._lock:
            if now - self._said.get(key, now - 2 * QUIET) < QUIET:
                return False
            bucket = self._buckets.setdefault(key[0], Bucket(BURST, EVERY, now))
            if bucket.ready_at(now) > now:
                return False
            bucket.take(now)
            self._remember(key, now)
        return True

    def _remember(self, key: tuple[SourceId, str, str], now: float) -> None:
        if len(self._said) >= MOST_REMEMBERED:
            self._said = {key: at for key, at in self._said.items() if now - at < QUIET}
            self._buckets = {id: bucket for id, bucket in self._buckets.items() if not bucket.is_full(now)}
            if len(self._said) >= MOST_REMEMBERED:
                self._said.clear()
        self._said[key] = now
