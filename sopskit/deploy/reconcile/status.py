"""What a source's object says of itself: conditions as `kubectl wait` and kstatus read them, and the last revisions."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.reconcile.report import Applied, Outcome
from sopskit.deploy.reconcile.source import API_VERSION, KIND
from sopskit.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.cluster import Connection
    from sopskit.deploy.reconcile.report import Report
    from sopskit.deploy.reconcile.source import BadSource, Source, SourceId

    Object = dict[str, Any]

READY, RECONCILING, STALLED, DRIFTED = "Ready", "Reconciling", "Stalled", "Drifted"
INVALID, SUSPENDED = OF_NO_ROUND = ("Invalid", "Suspended")  # reasons
LONGEST_MESSAGE = 1024  # characters; the API allows 32768, and it is read on a screen
MANAGER = "sopskit-status"


class Condition(NamedTuple):
    """One condition, but for the time of its last change."""

    type: str
    status: bool
    reason: str
    message: str


class Status(NamedTuple):
    """What is to be written. Comparable: what is written already is not written again.

    `request` is the value of the annotation `REQUEST` that the last round saw. `about` is the generation whose round the
    conditions Ready and Drifted tell of, 0 for `generation`: `kubectl wait` must not take them for the new one's.
    """

    generation: int
    conditions: tuple[Condition, ...]
    attempted: str = ""
    applied: Applied | None = None
    round: tuple[tuple[str, str | int], ...] = ()
    request: str = ""
    about: int = 0


def of_report(source: Source, report: Report, applied: Applied | None) -> Status:
    """The status after a round; `applied` is what is in the cluster as a whole."""
    good = report.outcome in {Outcome.APPLIED, Outcome.UNCHANGED}
    ready = Condition(READY, good, report.reason, _cut(report.message, report.hint))
    conditions = [ready]
    if report.outcome is Outcome.DRIFTED:
        conditions.append(Condition(DRIFTED, True, "Drifted", _cut(report.message, "")))
    counts = (("created", report.created), ("changed", report.changed), ("deleted", report.deleted))
    told = (("outcome", report.outcome.value), ("objects", report.objects), *counts)
    # a round that changed nothing is no news: the last one that did stays
    round = () if report.outcome is Outcome.UNCHANGED else told
    return Status(source.generation, tuple(conditions), report.revision, applied, round, source.request)


def of_running(source: Source, before: Status | None) -> Status:
    """While a round works on something new."""
    last = before or Status(0, ())
    kept = [item for item in last.conditions if item.type not in {RECONCILING, STALLED}]
    now = Condition(RECONCILING, True, "Progressing", "a round is under way")
    about = last.about or last.generation
    return last._replace(generation=source.generation, conditions=(*kept, now), about=about)


def of_live(live: Mapping[str, Any], applied: Applied | None) -> Status | None:
    """What an object says already, from a supervisor before this one; None if it says nothing."""
    items = [item for item in live.get("conditions") or () if isinstance(item, dict)]
    conditions = tuple(
        Condition(
            str(item.get("type")), item.get("status") == "True", str(item.get("reason")), str(item.get("message"))
        )
        for item in items
    )
    attempted, request = (str(live.get(name) or "") for name in ("lastAttemptedRevision", "lastHandledRequest"))
    about = [item.get("observedGeneration") for item in items if item.get("type") == READY]
    generation = about[0] if about and isinstance(about[0], int) else 0
    return Status(0, conditions, attempted, applied, request=request, about=generation) if conditions else None


def of_bad(source: BadSource) -> Status:
    """A source that is not understood; waiting does not help."""
    message = _cut(source.message, "")
    conditions = (Condition(READY, False, INVALID, message), Condition(STALLED, True, INVALID, message))
    return Status(source.generation, conditions)


def of_suspended(source: Source, before: Status | None) -> Status:
    """A source that rests: what was said of its last round stays, but nothing is under way."""
    last = before or Status(0, ())
    of_round = tuple(
        item for item in last.conditions if item.type in {READY, DRIFTED} and item.reason not in OF_NO_ROUND
    )
    if not of_round:
        rests = Condition(READY, False, SUSPENDED, "it rests, as spec.suspend asks")
        return last._replace(generation=source.generation, conditions=(rests,), about=0)
    return last._replace(generation=source.generation, conditions=of_round, about=last.about or last.generation)


def _cut(message: str, hint: str) -> str:
    text = f"{message} ({hint})" if hint else message
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."


def write_status(connection: Connection, id: SourceId, status: Status, live: Mapping[str, Any]) -> None:
    """Write it by server-side apply; the time of a condition is kept while its status stays. Raises `ClusterError`.

    `live` is the object's status as it was read. A source that is gone has no status.
    """
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = {item.get("type"): item for item in live.get("conditions") or () if isinstance(item, dict)}
    content: Object = {
        "observedGeneration": status.generation,
        "conditions": [_condition(item, status, before.get(item.type), now) for item in status.conditions],
    }
    applied = status.applied or Applied("", 0, "")
    told = (status.attempted, applied.revision, applied.key_version, status.request)
    names = ("lastAttemptedRevision", "lastAppliedRevision", "keysVersion", "lastHandledRequest")
    for name, value in zip(names, told, strict=True):
        if value:
            content[name] = value
    if status.applied is not None:
        content["lastAppliedGeneration"] = applied.generation
    round = dict(status.round)
    if round or live.get("lastRound"):
        content["lastRound"] = {"time": now, **round} if round else live["lastRound"]
    metadata = {"name": id.name, "namespace": id.namespace}
    body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": content}
    try:
        connection.apply(f"{id.path}/status", json.dumps(body).encode(), manager=MANAGER, force=True)
    except RefusalError as error:
        if error.status != 404:
            raise


def _condition(item: Condition, status: Status, before: Mapping[str, Any] | None, now: str) -> Object:
    generation = status.about or status.generation if item.type in {READY, DRIFTED} else status.generation
    word = "True" if item.status else "False"
    since = before.get("lastTransitionTime") if before and before.get("status") == word else None
    return {
        "type": item.type,
        "status": word,
        "reason": item.reason,
        "message": item.message,
        "observedGeneration": generation,
        "lastTransitionTime": since or now,
    }
