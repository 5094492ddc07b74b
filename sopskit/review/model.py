"""What a review says: one model that every renderer draws from, redacted before it exists (schema `sopskit.review/1`).

It holds no secret value, no part of one, no length and no digest. Field names are those of the JSON form. Texts that
came out of the repository (paths, key names, refs, author names) are hostile; a renderer escapes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    from sopskit.document import Path

    ChangeKind: TypeAlias = Literal[
        "added", "removed", "changed", "moved", "retyped", "reencrypted", "encrypted", "decrypted", "comment"
    ]
    FileStatus: TypeAlias = Literal["added", "deleted", "modified", "renamed", "copied", "mode-changed", "type-changed"]
    OperationId: TypeAlias = Literal[
        "create",
        "delete",
        "copy",
        "encrypt",
        "decrypt",
        "edit",
        "updatekeys",
        "rotate",
        "reencrypt",
        "revert",
        "hand-edit",
        "merge",
        "format-only",
        "unchanged",
        "plain-edit",
        "unknown",
    ]
    Confidence: TypeAlias = Literal["consistent", "ambiguous"]
    MacState: TypeAlias = Literal["valid", "invalid", "stale", "missing", "unchecked"]
    DataKeyState: TypeAlias = Literal["same", "new", "unknown"]
    Severity: TypeAlias = Literal["block", "high", "medium", "low"]
    Fact: TypeAlias = str | int | bool | tuple[str, ...]

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


class Value(NamedTuple):
    """What may be said about a value: its kind, and with a key the facts that are allowed for that kind.

    Values of a report with the same ordinal `same_as` are equal. `text` is set only for what is plain text in the
    repository anyway, and no secret (`sopskit.review.cleartext` says when).
    """

    kind: str
    facts: Mapping[str, Fact] = {}
    same_as: int | None = None
    text: str | None = None


class Change(NamedTuple):
    """What happened to one leaf, or to the comments of one container. `certain` is False for what only looks so.

    `document` counts from 0 (in head, or in base for what is gone). `origin` is where a moved leaf was. `parts` are
    components that changed inside a value, as far as they may be told (`host` of a URL).
    """

    document: int
    path: Path
    change: ChangeKind
    encrypted: Sides[bool | None]
    type: Sides[str | None]
    value: Sides[Value | None]
    range: Sides[Range | None]
    certain: bool = True
    origin: Path | None = None
    parts: tuple[str, ...] = ()


class Recipient(NamedTuple):
    """Somebody who can open a file: the kind of key, its text as the file claims it, its key group, and who that is."""

    type: str
    id: str
    group: int = 0
    name: str | None = None


class RecipientChange(NamedTuple):
    """A recipient that was added to or removed from a file."""

    change: Literal["added", "removed"]
    recipient: Recipient


class Operation(NamedTuple):
    """What was probably done to a file. Everything can be imitated by hand, so it "looks like" it."""

    id: OperationId
    confidence: Confidence
    explanation: str
    args: Mapping[str, int | str] = {}


class CommitOperations(NamedTuple):
    """What one commit of the range did to a file."""

    commit: str
    operations: tuple[Operation, ...]


class ObjectKey(NamedTuple):
    """An entry of a Secret or ConfigMap as the cluster gets it; `origin` is the field it is taken from (`stringData`)."""

    key: str
    change: Literal["added", "removed", "changed", "reencrypted", "encrypted", "decrypted"]
    origin: str


class ObjectChange(NamedTuple):
    """The entries of one Kubernetes object that changed, `data` and `stringData` unified."""

    kind: str
    namespace: str
    name: str
    keys: tuple[ObjectKey, ...]


class Waived(NamedTuple):
    """Why a finding does not count. `expires` is an ISO date."""

    reason: str
    owner: str
    expires: str


class Finding(NamedTuple):
    """Something a reviewer should know. `message` and `remedy` hold no text of the repository but through `args`."""

    id: str
    severity: Severity
    title: str
    message: str
    remedy: str
    path: str
    args: Mapping[str, int | str] = {}
    side: Literal["base", "head"] = "head"
    document: int | None = None
    line: int | None = None
    key: Path | None = None
    commit: str | None = None
    needs_key: bool = False
    waived: Waived | None = None

    @property
    def fingerprint(self) -> str:
        """Tells two findings apart: made of id, path, document and key alone, never of a value."""
        import hashlib

        place = "\0".join((self.id, self.path, str(self.document), repr(self.key)))
        return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class FileReview(NamedTuple):
    """What happened to one file. `path_bytes` is set only where the name is not UTF-8."""

    path: str
    status: FileStatus
    old_path: str | None = None
    path_bytes: bytes | None = None
    format: str | None = None
    environment: str | None = None
    old_environment: str | None = None
    encrypted: Sides[bool | None] = Sides(None, None)
    operations: tuple[Operation, ...] = ()
    commits: tuple[CommitOperations, ...] = ()
    mac: Sides[MacState | None] = Sides(None, None)
    data_key: DataKeyState = "unknown"
    changes: tuple[Change, ...] = ()
    recipients: Sides[tuple[Recipient, ...]] = Sides((), ())
    threshold: Sides[int | None] = Sides(None, None)
    rules: Sides[Mapping[str, str | bool]] = Sides({}, {})
    matched: str | None = None
    objects: tuple[ObjectChange, ...] = ()
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


class End(NamedTuple):
    """An end of the range: the words that named it, and the commit's id. None for the index, the work tree and files."""

    ref: str
    commit: str | None


class ConfigSource(NamedTuple):
    """Where severities, waivers, names and environments were read."""

    commit: str | None = None
    source: str | None = None


class Guard(NamedTuple):
    """Whether equality of values is said, and why (not)."""

    equality: bool = False
    why: str = "no key was used"


class EnvironmentFiles(NamedTuple):
    """How many changed files an environment has."""

    name: str
    files: int


class ReviewDiff(NamedTuple):
    """The whole review. `threshold` is the least severity that makes it fail; `base` is None for a check.

    `paths` are those that it was limited to, relative to the repository's root; none: everything was looked at.
    `other_findings` are those on files that did not change. `strict`: what could not be checked makes it undecided.
    """

    base: End | None
    head: End
    files: tuple[FileReview, ...]
    not_checked: tuple[NotChecked, ...] = ()
    threshold: Severity = "high"
    paths: tuple[str, ...] = ()
    mode: Literal["keyless", "keyed"] = "keyless"
    config: ConfigSource = ConfigSource()
    guard: Guard = Guard()
    environments: tuple[EnvironmentFiles, ...] = ()
    other_findings: tuple[Finding, ...] = ()
    truncated: bool = False
    strict: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, worst first, waived ones last, else in the order of the files."""
        found = [finding for file in self.files for finding in file.findings]
        found += self.other_findings
        return tuple(
            sorted(found, key=lambda finding: (finding.waived is not None, SEVERITIES.index(finding.severity)))
        )

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings of each severity count: waived ones do not."""
        counts: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
        for finding in self.findings:
            if finding.waived is None:
                counts[finding.severity] += 1
        return counts

    @property
    def verdict(self) -> Literal["clean", "findings", "undecided"]:
        """`findings` if one is at or above the threshold; `undecided` if a SOPS file could not be read."""
        if any(item.decisive or self.strict for item in self.not_checked):
            return "undecided"
        limit = SEVERITIES.index(self.threshold)
        failing = any(count for severity, count in self.counts.items() if SEVERITIES.index(severity) <= limit)
        return "findings" if failing else "clean"

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 2 undecided."""
        return {"clean": 0, "findings": 1, "undecided": 2}[self.verdict]
