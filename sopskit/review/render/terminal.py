"""The review for people at a terminal: worst first, one line of plain language for each file, values masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape, escape_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.model import Change, FileReview, Finding, ReviewDiff, Severity

SIGNS = {"added": "+", "removed": "-"}
SHORT_ID = 12
COLOURS: dict[Severity, str] = {"block": "\x1b[1;31m", "high": "\x1b[1;33m"}  # bold red, bold yellow
NO_COLOUR = "\x1b[0m"


def render(review: ReviewDiff, *, colour: bool = False) -> str:
    """The whole review, with a final line feed. `colour` makes the titles of severe findings stand out."""
    return "\n".join(_lines(review, colour=colour)) + "\n"


def _lines(review: ReviewDiff, *, colour: bool) -> Iterator[str]:
    base, head = review.base, review.head
    yield (
        f"sopskit review: {escape(base.ref)} {base.commit[:SHORT_ID]} -> {escape(head.ref)} {head.commit[:SHORT_ID]}"
        f", no key used, {_count(len(review.files), 'file')}"
    )
    yield from (f"only in {escape(path)}" for path in review.paths)
    for finding in review.findings:
        yield ""
        yield from _finding(finding, colour=colour)
    for file in review.files:
        yield ""
        yield from _file(file)
    for item in review.not_checked:
        yield ""
        yield f"not checked: {escape(item.path)}: {escape(item.reason)}"
    yield ""
    yield _verdict(review)


def _finding(finding: Finding, *, colour: bool) -> Iterator[str]:
    place = escape(finding.path) + (f":{finding.line}" if finding.line else "")
    key = f" {escape_path(finding.key)}" if finding.key else ""
    args = {name: escape(str(value)) for name, value in finding.args.items()}
    title = f"{finding.severity.upper()} {finding.id} {finding.title}"
    mark = COLOURS.get(finding.severity) if colour else None
    yield f"{mark}{title}{NO_COLOUR}" if mark else title
    yield f"  {place}{key}"
    yield f"  {finding.message.format_map(args)}"
    yield f"  try: {finding.remedy}"


def _file(file: FileReview) -> Iterator[str]:
    moved = f" (was {escape(file.old_path)})" if file.old_path else ""
    yield f"{escape(file.path)}{moved}: {file.status}"
    for operation in file.operations:
        yield f"  {operation.explanation}"
    for one in file.recipient_changes:
        yield f"  {SIGNS[one.change]} recipient {escape(one.recipient.type)} {escape(one.recipient.id)}"
    for side, sign in ((file.rules.base, "-"), (file.rules.head, "+")):
        if file.encrypted == (True, True) and file.rules.base != file.rules.head:
            yield from (f"  {sign} rule {name}: {escape(str(value))}" for name, value in side.items())
    yield from (_change(change) for change in file.changes)


def _change(change: Change) -> str:
    document = f" (document {change.document + 1})" if change.document else ""
    doubt = "" if change.certain else ", as far as can be seen without a key"
    sign = SIGNS.get(change.change, "~")
    where = escape_path(change.path) or "the top level"
    if change.change == "comment":
        return f"  ~ comments of {where}{document} changed{doubt}"
    kinds = [kind for kind in (change.type.base, change.type.head) if kind is not None]
    kind = " -> ".join(dict.fromkeys(escape(kind) for kind in kinds))
    state = "encrypted" if change.encrypted.head or change.encrypted.base else "plain"
    return f"  {sign} {where}{document}: {change.change} ({kind}, {state}){doubt}"


def _verdict(review: ReviewDiff) -> str:
    if review.verdict == "undecided":
        return "undecided: an encrypted file could not be read"
    counts: dict[str, int] = {}
    for finding in review.findings:
        counts[finding.severity] = counts.get(finding.severity, 0) + 1
    found = ", ".join(f"{count} {severity}" for severity, count in counts.items()) or "none"
    return f"findings: {found}; MACs are not checked without a key"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
