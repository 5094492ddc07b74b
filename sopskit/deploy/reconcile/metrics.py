"""What Prometheus may read (https://prometheus.io/docs/practices/naming/): names of sources and numbers, nothing else.

Series of a source are there from its first round until it is gone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import prometheus_client as prometheus

from sopskit.deploy.reconcile.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.deploy.reconcile.report import Report
    from sopskit.deploy.reconcile.source import SourceId

SOURCE = ("source_namespace", "source")
BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # seconds
CONTENT_TYPE = prometheus.CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """All metrics of one process, in a registry of their own. Any number of threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        disable: Callable[[], None] = prometheus.disable_created_metrics
        disable()  # a second series for each, which text of this version has no use for
        self._clock = clock
        self._registry = registry = prometheus.CollectorRegistry()

        def gauge(name: str, text: str, labels: tuple[str, ...] = SOURCE) -> prometheus.Gauge:
            return prometheus.Gauge(name, text, labels, registry=registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = SOURCE) -> prometheus.Counter:
            return prometheus.Counter(name, text, labels, registry=registry)

        self._rounds = counter("sopskit_rounds", "Rounds by how they ended.", (*SOURCE, "outcome"))
        self._seconds = prometheus.Histogram(
            "sopskit_round_duration_seconds", "How long rounds took.", SOURCE, registry=registry, buckets=BUCKETS
        )
        self._ready = gauge("sopskit_source_ready", "Whether the last round of a source went well (1) or failed (0).")
        self._drift = counter("sopskit_drift", "Objects found not to be as they had been applied.")
        self._objects = gauge("sopskit_objects", "Objects of the revision that was applied last.")
        self._writes = counter("sopskit_object_writes", "Objects created, changed and deleted.", (*SOURCE, "action"))
        self._success = gauge("sopskit_last_success_timestamp_seconds", "When a round of a source last went well.")
        self._notices = counter("sopskit_notifications", "Notifications by what became of them.", ("channel", "result"))
        self._leader = gauge("sopskit_is_leader", "Whether this replica works (1) or waits (0).", ())

    def round(self, id: SourceId, report: Report, seconds: float) -> None:
        """A round is over, or a look that took its place."""
        good = report.outcome is not Outcome.FAILED
        self._rounds.labels(*id, report.outcome.value).inc()
        self._seconds.labels(*id).observe(seconds)
        self._drift.labels(*id).inc(len(report.drifted))
        self.ready(id, ready=good)
        for action, count in (("created", report.created), ("changed", report.changed), ("deleted", report.deleted)):
            if (
                report.outcome is not Outcome.UNCHANGED
            ):  # what has no round of its own repeats the numbers of the last one
                self._writes.labels(*id, action).inc(count)
        if report.applied:
            self._objects.labels(*id).set(report.objects)
        if good:
            self._success.labels(*id).set(self._clock())

    def ready(self, id: SourceId, *, ready: bool) -> None:
        """Whether a source is as it should be, known without a round."""
        self._ready.labels(*id).set(ready)

    def notification(self, channel: str, result: str) -> None:
        """What became of one notification: `channel` is the kind of receiver."""
        self._notices.labels(channel, result).inc()

    def leading(self, leading: bool) -> None:
        """Whether this replica has the lease, or needs none."""
        self._leader.set(leading)

    def forget(self, id: SourceId) -> None:
        """A source is gone, and its series with it."""
        labels = dict(zip(SOURCE, id, strict=True))
        for metric in (
            *(self._rounds, self._seconds, self._ready, self._drift),
            *(self._objects, self._writes, self._success),
        ):
            metric.remove_by_labels(labels)

    def text(self) -> bytes:
        """All of it, in the text format 0.0.4."""
        return prometheus.generate_latest(self._registry)
