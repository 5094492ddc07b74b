"""What a review says: one model that every renderer draws from, redacted before it exists (schema `sopskit.review/1`).

It holds no value, no part of one, no length and no digest. Field names are those of the JSON form. Texts that came out of
the repository (paths, key names, refs) are hostile; a renderer escapes them.
"""

# ruff: noqa: RUF009
# Sides is an immutable tuple

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    from sopskit.document import Path

    ChangeKind: TypeAlias = Literal[
        "added", "removed", "changed", "retyped", "reencrypted", "encrypted", "decrypted", "comment"
    ]
    FileStatus: TypeAlias = Literal["added", "deleted", "modified", "renamed", "copied", "mode-changed", "type-changed"]
    OperationId: TypeAlias = Literal[
        "create",
        "delete",
        "encrypt",
        "decrypt",
        "edit",
        "updatekeys",
        "rotate",
        "reencrypt",
        "hand-edit",
        "format-only",
        "unchanged",
        "plain-edit",
        "unknown",
    ]
    Confidence: TypeAlias = Literal["consistent", "ambiguous"]
    MacState: TypeAlias = Literal["stale", "missing", "unchecked"]
    DataKeyState: TypeAlias = Literal["same", "new", "unknown"]
    Severity: TypeAlias = Literal["block", "high", "medium", "low"]
    ValueKind: TypeAlias = Literal["opaque", "empty"]

SCHEMA = "sopskit.review/1"
SEVERITIES: tuple[Severity, ...] = ("block", "high", "medium", "low")
T = TypeVar("T")


class Sides(NamedTuple, Generic[T]):
    """The two states of something."""

    base: T
    head: T


class Point(NamedTuple):
    """A place in a text; line and column are 1-based and count code points."""

    line: int
    column: int


class Range(NamedTuple):
    """From `start` to just before `end`."""

    start: Point
    end: Point


@dataclass(frozen=True, slots=True)
class Value:
    """What may be said about a value: without a key only whether it is empty."""

    kind: ValueKind


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one leaf, or to the comments of one container. `certain` is False for what only looks so."""

    document: int
    path: Path
    change: ChangeKind
    encrypted: Sides[bool | None]
    type: Sides[str | None]
    value: Sides[Value | None]
    range: Sides[Range | None]
    certain: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Recipient:
    """Somebody who can open a file: the kind of key, its text as the file claims it, and its key group."""

    type: str
    id: str
    group: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class RecipientChange:
    """A recipient that was added to or removed from a file."""

    change: Literal["added", "removed"]
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class Operation:
    """What was probably done to a file. Everything can be imitated by hand, so it "looks like" it."""

    id: OperationId
    confidence: Confidence
    explanation: str
    args: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reviewer should know. `message` and `remedy` hold no text of the repository but through `args`."""

    id: str
    severity: Severity
    title: str
    message: str
    remedy: str
    path: str
    args: Mapping[str, int | str] = field(default_factory=dict)
    side: Literal["base", "head"] = "head"
    document: int | None = None
    line: int | None = None
    key: Path | None = None
    needs_key: bool = False


@dataclass(frozen=True, slots=True)
class FileReview:
    """What happened to one file. `path_bytes` is set only where the name is not UTF-8."""

    path: str
    status: FileStatus
    old_path: str | None = None
    path_bytes: bytes | None = None
    format: str | None = None
    encrypted: Sides[bool | None] = Sides(None, None)
    operations: tuple[Operation, ...] = ()
    mac: Sides[MacState | None] = Sides(None, None)
    data_key: DataKeyState = "unknown"
    changes: tuple[Change, ...] = ()
    recipients: Sides[tuple[Recipient, ...]] = Sides((), ())
    threshold: Sides[int | None] = Sides(None, None)
    rules: Sides[Mapping[str, str | bool]] = Sides({}, {})
    findings: tuple[Finding, ...] = ()

    @property
    def recipient_changes(self) -> tuple[RecipientChange, ...]:
        """Recipients that only one side of a file that is encrypted on both has."""
        if self.encrypted != (True, True):
            return ()
        base, head = set(self.recipients.base), set(self.recipients.head)
        added = [RecipientChange("added", one) for one in self.recipients.head if one not in base]
        return tuple(added + [RecipientChange("removed", one) for one in self.recipients.base if one not in head])


class NotChecked(NamedTuple):
    """A file that should have been looked at and could not. `decisive` ones leave the review undecided."""

    path: str
    reason: str
    decisive: bool


class Commit(NamedTuple):
    """An end of the range: the words that named it, and the commit's id."""

    ref: str
    commit: str


@dataclass(frozen=True, slots=True)
class ReviewDiff:
    """The whole review. `threshold` is the least severity that makes it fail.

    `paths` are those that it was limited to, relative to the repository's root; none: everything was looked at.
    """

    base: Commit
    head: Commit
    files: tuple[FileReview, ...]
    not_checked: tuple[NotChecked, ...] = ()
    threshold: Severity = "high"
    paths: tuple[str, ...] = ()
    mode: Literal["keyless"] = "keyless"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all files, worst first, else in the order of the files."""
        found = [finding for file in self.files for finding in file.findings]
        return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))

    @property
    def verdict(self) -> Literal["clean", "findings", "undecided"]:
        """`findings` if one is at or above the threshold; `undecided` if a SOPS file could not be read."""
        if any(item.decisive for item in self.not_checked):
            return "undecided"
        limit = SEVERITIES.index(self.threshold)
        failing = any(SEVERITIES.index(finding.severity) <= limit for finding in self.findings)
        return "findings" if failing else "clean"

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 2 undecided."""
        return {"clean": 0, "findings": 1, "undecided": 2}[self.verdict]
