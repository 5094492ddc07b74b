"""What is told of a round: status, events, metrics, notices. Not being able to tell stops nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.notify.message import Notice
from sopskit.deploy.reconcile import status as statuses
from sopskit.deploy.reconcile.report import Applied, Outcome
from sopskit.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sopskit.cluster import Connection
    from sopskit.deploy.reconcile.events import Events
    from sopskit.deploy.reconcile.metrics import Metrics
    from sopskit.deploy.reconcile.report import Report
    from sopskit.deploy.reconcile.source import BadSource, Source, SourceId
    from sopskit.deploy.reconcile.status import Status

MOST_TOLD = 20  # objects in one notice


class Before(NamedTuple):
    """What was known of a source before a round."""

    report: Report | None
    status: Status | None
    live: Mapping[str, Any]
    applied: Applied | None = None

    @property
    def last(self) -> Status | None:
        """What its object says: as it was written last, or by a supervisor before this one."""
        return self.status or statuses.of_live(self.live, self.applied)


class Teller:
    """Tells of rounds. Any number of threads may use it; `connection` is None where sources are no objects of the API."""

    def __init__(
        self,
        connection: Connection | None,
        events: Events | None,
        metrics: Metrics,
        notify: Callable[[Source, Notice], None],
        log: Callable[[str], None],
        cluster: str,
        *,
        log_all: bool = False,
    ) -> None:
        """`log` takes one line, with `log_all` also where nothing has changed; `cluster` is its name in notices."""
        self._connection = connection
        self._events = events
        self._metrics = metrics
        self._notify = notify
        self._log = log
        self._cluster = cluster
        self._log_all = log_all

    def finished(self, source: Source, report: Report, before: Before, seconds: float) -> Status | None:
        """Tell of a round; gives the status that is written now, None if it could not be."""
        self._metrics.round(source.id, report, seconds)
        if self._log_all or report.outcome is not Outcome.UNCHANGED or _was_bad(before.report):
            self._log(_line(source, report))
        for kind, text in news(report, before):
            self._event(source, kind, report, text)
            if any(kind in channel.kinds for channel in source.channels):
                self._notify(source, self._notice(source, kind, report, text))
        applied = before.applied
        if report.applied:
            applied = Applied(report.revision, source.generation, report.key_version)
        return self.status(source.id, statuses.of_report(source, report, applied), before)

    def status(self, id: SourceId, wanted: Status, before: Before) -> Status | None:
        """Write a status unless it is there already."""
        if wanted == before.status or self._connection is None:
            return wanted
        try:
            statuses.write_status(self._connection, id, wanted, before.live)
        except ClusterError as error:
            self._log(f"{id}: its status could not be written: {error}")
            return None
        return wanted

    def bad(self, source: BadSource, before: Before) -> Status | None:
        """Tell of a source that is not understood."""
        wanted = statuses.of_bad(source)
        self._metrics.ready(source.id, ready=False)
        if wanted != before.status:
            self._log(f"{source.id}: {source.message}")
            if self._events is not None:
                self._events.tell(source.id, source.uid, "Invalid", source.message, warning=True)
        return self.status(source.id, wanted, before)

    def rests(self, source: Source, before: Before) -> Status | None:
        """Tell that nothing is done with a source; gives the status that is written now."""
        wanted = statuses.of_suspended(source, before.last)
        if wanted != before.status:
            self._log(f"{source.id}: is suspended")
        return self.status(source.id, wanted, before)

    def gone(self, id: SourceId) -> None:
        """A source that is no longer listed."""
        self.forget(id)
        self._log(f"{id}: is gone; what it has applied stays")

    def forget(self, id: SourceId) -> None:
        """Drop what is counted of a source that is gone."""
        self._metrics.forget(id)

    def _event(self, source: Source, kind: str, report: Report, text: str) -> None:
        if self._events is None:
            return
        warning = kind in {"failed", "drifted"}
        reason = report.reason if kind == "failed" else kind.capitalize()
        if kind == "failed" and report.hint:
            text = f"{text} ({report.hint})"
        self._events.tell(source.id, source.uid, reason, text, warning=warning)

    def _notice(self, source: Source, kind: str, report: Report, text: str) -> Notice:
        lines = report.drifted if kind == "drifted" else report.lines
        return Notice(
            source=str(source.id),
            kind=kind,
            revision=report.revision,
            summary=text,
            lines=lines[:MOST_TOLD],
            repository=source.repository,
            branch=source.branch,
            cluster=self._cluster,
            time=time.time(),
        )


def news(report: Report, before: Before) -> list[tuple[str, str]]:
    """What of a round is worth telling: the kind of notice, and its line."""
    told: list[tuple[str, str]] = []
    last, applied = before.report, before.applied
    if report.outcome is Outcome.FAILED:
        told.append(("failed", report.message))
    elif _was_bad(last):
        told.append(("recovered", report.message))
    if report.outcome is Outcome.DRIFTED and (last is None or last.drifted != report.drifted):
        told.append(("drifted", report.message))
    if report.outcome is Outcome.APPLIED and report.drifted:
        told.append(("drifted", f"not as in Git, and put right: {report.message}"))
    elif report.outcome is Outcome.APPLIED or _is_new_revision(report, applied):
        told.append(("applied", report.message))
    if applied is not None and applied.key_version and report.key_version not in {"", applied.key_version}:
        told.append(("rotated", "the Secret with the keys has changed"))
    return told


def _is_new_revision(report: Report, applied: Applied | None) -> bool:
    """Whether a commit that changes no object is the one that counts from now on: its author waits for a word."""
    good = report.outcome is Outcome.UNCHANGED
    return good and applied is not None and applied.revision != report.revision


def _was_bad(report: Report | None) -> bool:
    return report is not None and report.outcome is Outcome.FAILED


def _line(source: Source, report: Report) -> str:
    hint = f" ({report.hint})" if report.hint else ""
    return f"{source.id}: {report.outcome.value}: {report.message}{hint}"
