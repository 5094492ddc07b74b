"""What the supervisor knows of one source, between two rounds and during one."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, cast

from sopskit.deploy.reconcile.report import Applied
from sopskit.deploy.reconcile.repository import store_name
from sopskit.deploy.reconcile.schedule import Due
from sopskit.deploy.reconcile.source import BadSource, Source
from sopskit.deploy.reconcile.telling import Before

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from typing import Any

    from sopskit.deploy.reconcile.report import Report
    from sopskit.deploy.reconcile.status import Status

REST = 3600.0  # seconds until a source that rests is looked at again, unless it changes


class Phase(enum.Enum):
    """What is done with a source now. Only one thing is at a time."""

    WAITING = enum.auto()  # until it is due
    LOOKING = enum.auto()  # whether it needs a round
    QUEUED = enum.auto()  # until a child is free
    RUNNING = enum.auto()  # in a child
    TELLING = enum.auto()  # what the round found


class State:
    """One source. Used by the loop's thread only."""

    __slots__ = (
        *("applied", "applied_by", "began", "due", "folder", "full_at", "live", "phase"),
        *("report", "rounds", "running", "source", "status", "telling", "tried"),
    )

    def __init__(self, source: Source | BadSource, live: Mapping[str, Any], now: float) -> None:
        """A source that is seen for the first time is due at once. `live` is the status that its object has."""
        self.source = source
        self.live = live
        self.due = Due(now)
        self.phase = Phase.WAITING
        self.report: Report | None = None
        self.status: Status | None = None
        self.applied = _applied(live)
        self.applied_by: Source | None = None
        self.tried: Source | BadSource | None = None
        self.rounds = 0
        self.began = now
        self.full_at = now
        self.folder = ""
        self.telling: Future[Status | None] | None = None
        self.running: Source

    @property
    def is_good(self) -> bool:
        """Whether the source is understood."""
        return isinstance(self.source, Source)

    @property
    def good(self) -> Source:
        """The source, which is understood."""
        return cast("Source", self.source)

    @property
    def bad(self) -> BadSource:
        """The source, which is not understood."""
        return cast("BadSource", self.source)

    @property
    def is_new(self) -> bool:
        """Whether the source has changed since its last round began."""
        return self.tried != self.source

    @property
    def in_place(self) -> Applied | None:
        """What has been in the cluster as it should be; for this generation too, if it would apply the same."""
        if self.applied is None or self.applied_by is None or not self.applied_by.applies_as(self.good):
            return self.applied
        return self.applied._replace(generation=self.good.generation)

    @property
    def stores(self) -> set[str]:
        """The names of Git's stores that it needs: of its source, and of the round that runs."""
        needed = [self.good] if self.is_good else []
        if self.phase is Phase.RUNNING:
            needed.append(self.running)
        return {store_name(source) for source in needed}

    @property
    def before(self) -> Before:
        """What is known of it, for those who tell of it."""
        return Before(self.report, self.status, self.live, self.applied)

    def update(self, source: Source | BadSource, live: Mapping[str, Any], now: float) -> None:
        """What a list has found. A source that has changed is due at once."""
        self.live = live
        if source != self.source:
            self.source = source
            self.due = Due(now)

    def queue(self) -> None:
        """Wait for a child."""
        self.phase = Phase.QUEUED

    def run(self, folder: str, now: float) -> None:
        """A child begins to work on it, in a folder of its own."""
        self.phase = Phase.RUNNING
        self.folder = folder
        self.running = self.good
        self.began = self.full_at = now
        self.telling = None

    def again(self, now: float) -> None:
        """What was begun has come to nothing, and nobody is told."""
        self.phase = Phase.WAITING
        self.due = Due(now, self.due.failures)

    def rest(self, now: float) -> None:
        """Nothing is done with it for a while."""
        self.due = Due(now + REST)
        self.rounds += 1
        self.tried = self.source

    def told(self, status: Status | None) -> None:
        """What its object says by now."""
        self.status = status

    def over(self, source: Source, report: Report, status: Status | None, due: Due) -> None:
        """A round of the source, as it was then, is over."""
        self.phase = Phase.WAITING
        self.rounds += 1
        self.status = status
        self.report = report
        self.tried = source
        if report.applied:
            self.applied = Applied(report.revision, source.generation, report.key_version)
            self.applied_by = source
        self.due = due if self.source == source else Due(0.0)


def _applied(live: Mapping[str, Any]) -> Applied | None:
    """What the status of an object says, from a supervisor before this one."""
    parts = (live.get("lastAppliedRevision"), live.get("lastAppliedGeneration"), live.get("keysVersion"))
    revision, generation, key_version = parts
    if isinstance(revision, str) and isinstance(generation, int) and isinstance(key_version, str):
        return Applied(revision, generation, key_version)
    return None
