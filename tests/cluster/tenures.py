"""Who held the lease when which object was written, judged by the API server's own audit log."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.reconcile.lease import DURATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.cluster.audited import Event

WRITING = {"create", "update", "patch", "delete"}
CONTENT = {"secrets", "configmaps"}


class Tenure(NamedTuple):
    """One process that held the lease, from when to when it renewed it, in seconds since the epoch."""

    credential: str
    began: float
    renewed: float


def is_write(event: Event) -> bool:
    """Whether it changed an object that a source has, or its inventory."""
    return event.verb in WRITING and event.resource in CONTENT and not event.dry and event.status < 300


def tenures(events: Iterable[Event]) -> list[Tenure]:
    """Who held the lease, one after the other; who lost it and got it back comes twice."""
    found: list[Tenure] = []
    for event in events:
        if event.resource != "leases" or event.verb not in WRITING or event.status >= 300:
            continue
        if not event.body["spec"]["holderIdentity"]:
            continue  # it was given back; the tenure ended with the renewal before
        if found and found[-1].credential == event.credential:
            found[-1] = found[-1]._replace(renewed=event.ended)
        else:
            found.append(Tenure(event.credential, event.ended, event.ended))
    return found


def intrusions(events: Sequence[Event]) -> list[str]:
    """Writes by a process that did not hold the lease all the while. Nothing: no two of them ever wrote at a time."""
    held = tenures(events)
    ends = [following.began for following in held[1:]] + [float("inf")]
    found: list[str] = []
    for event in filter(is_write, events):
        inside = any(
            tenure.credential == event.credential
            and tenure.began <= event.began
            and event.ended < min(end, tenure.renewed + DURATION)
            for tenure, end in zip(held, ends, strict=True)
        )
        if not inside:
            found.append(str(event))
    return found


def numbers(events: Iterable[Event]) -> list[int]:
    """The numbers of the commits whose content was written, in the order of the writes (see `tests.cluster.numbered`)."""
    return [number for event in events if is_write(event) and (number := _number(event)) is not None]


def _number(event: Event) -> int | None:
    data = (event.body or {}).get("data") if isinstance(event.body, dict) else None
    text = (data or {}).get("number")
    if text is None:
        return None
    if event.resource == "secrets":
        text = base64.b64decode(text).decode().removeprefix("test-only-")
    return int(text)
