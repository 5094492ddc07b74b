"""What is told of a source: one notice, cut to a size and made harmless before it goes to anybody."""

from __future__ import annotations

import re
from typing import NamedTuple

from sopskit.redact import escape

LONGEST_SUMMARY = 500  # characters
LONGEST_LINE = 300
LONGEST_NAME = 400
MOST_LINES = 50
MARKS = {"applied": "+", "recovered": "+", "failed": "!", "drifted": "~", "rotated": "*"}
USER_OR_QUERY = re.compile(r"(?<=://)[^/]*@|[?#].*", re.DOTALL)


class Notice(NamedTuple):
    """What is told. Nothing but this is ever sent, and no value is in it.

    `source` is namespace/name; `kind` one of applied, failed, drifted, recovered and rotated; `revision` a commit id or
    empty; `summary` one line; `lines` the objects: `+ Secret dev/app`; `time` seconds since the epoch.
    """

    source: str
    kind: str
    revision: str
    summary: str
    lines: tuple[str, ...]
    repository: str
    branch: str
    cluster: str
    time: float


def tidy(notice: Notice) -> Notice:
    """The notice with every text on one line, escaped and of bounded length, and no user or query in the repository's URL."""
    lines = tuple(shorten(line, LONGEST_LINE) for line in notice.lines[:MOST_LINES])
    rest = len(notice.lines) - len(lines)
    return Notice(
        source=shorten(notice.source, LONGEST_NAME),
        kind=shorten(notice.kind, LONGEST_NAME),
        revision=shorten(notice.revision, LONGEST_NAME),
        summary=shorten(notice.summary, LONGEST_SUMMARY),
        lines=(*lines, f"and {rest} more") if rest > 0 else lines,
        repository=shorten(USER_OR_QUERY.sub("", notice.repository), LONGEST_NAME),
        branch=shorten(notice.branch, LONGEST_NAME),
        cluster=shorten(notice.cluster, LONGEST_NAME),
        time=notice.time,
    )


def shorten(text: str, most: int) -> str:
    """Escaped text of at most so many characters; three points stand for what is cut off."""
    safe = escape(text[: most + 1])  # escaping only makes it longer: what is behind cannot count
    return safe if len(safe) <= most else f"{safe[: most - 3]}..."


def title(notice: Notice) -> str:
    """Whom it is about and what has happened: `dev/app in staging: failed`."""
    place = f" in {notice.cluster}" if notice.cluster else ""
    return f"{notice.source}{place}: {notice.kind}"
