"""What a round has to say: names, never values. It leaves the child as JSON, so that nothing else can come with it."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from sopskit.redact import escape

MOST_LINES = 200  # objects or reasons that are told one by one
LONGEST_TEXT = 2000  # characters of a message or a line
UNREACHABLE = "ClusterUnreachable"  # the reason of a round for which the API server was away


class Outcome(enum.Enum):
    """How a round ended."""

    APPLIED = "applied"  # something was created, changed or deleted
    UNCHANGED = "unchanged"  # all was as it should be
    DRIFTED = "drifted"  # the cluster has departed from Git, and was left so
    FAILED = "failed"


class Applied(NamedTuple):
    """What has been in the cluster as it should be: the revision, the source's generation, the version of its keys."""

    revision: str
    generation: int
    key_version: str


@dataclass(frozen=True, slots=True)
class Report:
    """One round.

    `reason` is the condition's, `message` for people, `lines` the objects with a sign before each: `+ Secret dev/app`.
    `drifted` are objects that had been as they should be and were not any more. `applied` says whether all of the
    revision is in the cluster, whatever came after that. `key_version` is the resourceVersion of the Secret with the
    keys. `seen` is what `idle` compares: the collections, and a digest of the marks of the objects in them.
    """

    outcome: Outcome
    reason: str
    message: str
    revision: str = ""
    hint: str = ""
    lines: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()
    objects: int = 0
    created: int = 0
    changed: int = 0
    deleted: int = 0
    applied: bool = False
    key_version: str = ""
    collections: tuple[str, ...] = ()
    seen: str = ""

    def harmless(self) -> Report:
        """The same with every text on one line, escaped and cut: names come out of a repository, and are read on screens."""
        return replace(
            self,
            message=_harmless(self.message),
            hint=_harmless(self.hint),
            lines=tuple(map(_harmless, self.lines)),
            drifted=tuple(map(_harmless, self.drifted)),
        )

    def to_json(self) -> bytes:
        """As the child sends it."""
        return json.dumps(asdict(self) | {"outcome": self.outcome.value}).encode()


def _harmless(text: str) -> str:
    return escape(text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}...")


def from_json(data: bytes) -> Report:
    """What `to_json` wrote. Raises `ValueError` for anything else."""
    content = json.loads(data)
    if not isinstance(content, dict) or content.keys() != {field.name for field in fields(Report)}:
        raise ValueError("no report")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return Report(**values | {"outcome": Outcome(content["outcome"])})
