"""What the renderers say, in one voice: counts, one line of plain language for each file, rows of changes, the verdict.

Our own words and texts out of the repository are kept apart until the very end: a `Voice` tells how a renderer spells each.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import escape, escape_path
from sopskit.review.model import SEVERITIES
from sopskit.review.render.placeholders import ELLIPSIS, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sopskit.document import Path
    from sopskit.review.model import End, FileReview, Finding, NotChecked, Operation, ReviewDiff

NUMBER = re.compile("[0-9]{1,6}")  # longer ones may be taken for a commit
SHORT_ID = 7  # characters of a commit id, as Git abbreviates it
TRUNCATED = "there was more than could be looked at: this review is not complete"

# what is said of an operation in one line; the others say it with their own explanation
OPERATIONS = {
    ("edit", "consistent"): "looks like an edit",
    ("updatekeys", "consistent"): "looks like updatekeys",
    ("rotate", "consistent"): "rotated: a new data key over the old values",
    ("rotate", "ambiguous"): "looks like a rotation, which somebody who cannot read the file can imitate",
    ("reencrypt", "consistent"): "encrypted anew by a reader",
    ("reencrypt", "ambiguous"): "encrypted anew, or replaced by somebody who cannot read it",
    ("hand-edit", "consistent"): "changed without sops",
}
STATUSES = {
    "renamed": "renamed from {path}",
    "copied": "copied from {path}",
    "mode-changed": "file mode changed",
    "type-changed": "kind of file changed",
}
MACS = {
    "valid": "MAC valid",
    "invalid": "the MAC is wrong",
    "stale": "the MAC is too old, decrypting will fail",
    "missing": "there is no MAC",
}
COUNTED = ("changed", "added", "removed", "moved", "retyped", "reencrypted", "encrypted", "decrypted")
DOUBT = "looks like "
WORDS = {"reencrypted": "re-encrypted", "encrypted": "now encrypted", "decrypted": "now plain text"}
# operations whose sentence says all there is to say about values
SILENT = frozenset(("delete", "unchanged", "format-only"))


class Voice(NamedTuple):
    """How a renderer spells our own words, and texts out of the repository, which are hostile."""

    own: Callable[[str], str]
    foreign: Callable[[str], str]
    arrow: str = " → "


def shorten(text: str, limit: int) -> str:
    """A text of at most `limit` characters: what is too long loses its middle, since both ends tell paths apart."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 3
    return text[: limit - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


def say(template: str, args: Mapping[str, int | str], voice: Voice) -> str:
    """A sentence with its `{placeholders}` filled. Short numbers stand among our own words."""
    return "".join(
        voice.foreign(piece) if hostile and not NUMBER.fullmatch(piece) else voice.own(piece)
        for piece, hostile in pieces(template, args)
    )


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def title(review: ReviewDiff, voice: Voice) -> list[str]:
    """The pieces of the headline: what is compared, with or without a key, and how much."""
    ends = [_end(end, voice) for end in (review.base, review.head) if end is not None]
    values = sum(change.change != "comment" for file in review.files for change in file.changes)
    recipients = sum(len(file.recipient_changes) for file in review.files)
    counts = [count(len(review.files), "file")]
    counts += [count(number, noun) for number, noun in ((values, "value"), (recipients, "recipient")) if number]
    key = "with a key" if review.mode == "keyed" else "no key used"
    return [voice.arrow.join(ends), voice.own(key), voice.own(", ".join(counts))]


def _end(end: End, voice: Voice) -> str:
    if not end.commit:
        return voice.foreign(end.ref)
    commit = escape(end.commit[:SHORT_ID])
    return commit if end.ref and end.commit.startswith(end.ref) else f"{voice.foreign(end.ref)} {commit}"


def worst_first(review: ReviewDiff) -> list[FileReview]:
    """The files: those with the worst findings first, else in their order."""
    return sorted(review.files, key=_worst)


def _worst(file: FileReview) -> int:
    open_ones = (SEVERITIES.index(finding.severity) for finding in file.findings if finding.waived is None)
    return min(open_ones, default=len(SEVERITIES))


def file_line(file: FileReview, voice: Voice) -> str:
    """What happened to a file, in one line of plain language."""
    said = [_operation(operation, voice) for operation in file.operations]
    if file.status in STATUSES and not any(operation.id == "unchanged" for operation in file.operations):
        said.insert(0, say(STATUSES[file.status], {"path": file.old_path or file.path}, voice))
    said = _together(said or [voice.own(file.status)], voice)
    counts = _value_counts(file) + _recipient_counts(file)
    if file.rules.base != file.rules.head and file.encrypted == (True, True):
        counts.append("encryption rules changed")
    line = ", ".join(said + [voice.own(one) for one in counts])
    tested = _decryption(file)
    return f"{line}; {voice.own(tested)}" if tested else line


def _operation(operation: Operation, voice: Voice) -> str:
    template = OPERATIONS.get((operation.id, operation.confidence), operation.explanation)
    return say(template, operation.args, voice)


def _together(said: list[str], voice: Voice) -> list[str]:
    """`looks like updatekeys and an edit`: the words of doubt once."""
    doubt = voice.own(DOUBT)
    if len(said) == 2 and all(one.startswith(doubt) for one in said):
        return [f"{said[0]} {voice.own('and')} {said[1].removeprefix(doubt)}"]
    return said


def _value_counts(file: FileReview) -> list[str]:
    if any(operation.id in SILENT for operation in file.operations):
        return []
    kinds = Counter[str](change.change for change in file.changes)
    comments = kinds.pop("comment", 0)
    number = kinds.total()
    words = [f"{kinds[kind]} {WORDS.get(kind, kind)}" for kind in COUNTED if kinds[kind]]
    of = next((one.args["values"] for one in file.operations if "values" in one.args), None)
    values = f"{number} of {count(int(of), 'value')}" if of is not None else count(number, "value")
    said = []
    if len(words) == 1:
        said = [f"{values} {words[0].partition(' ')[2]}"]
    elif words:
        said = [f"{values} ({', '.join(words)})"]
    elif file.encrypted == (True, True) and not comments:
        doubted = any(operation.confidence == "ambiguous" for operation in file.operations)
        said = ["no value looks changed" if doubted else "no value changed"]
    return said + (["comments changed"] if comments else [])


def _recipient_counts(file: FileReview) -> list[str]:
    kinds = Counter(one.change for one in file.recipient_changes)
    return [f"{count(kinds[kind], 'recipient')} {kind}" for kind in ("added", "removed") if kinds[kind]]


def _decryption(file: FileReview) -> str:
    if not file.encrypted.head:
        return ""
    return MACS.get(file.mac.head or "", "decryption not tested")


def message(finding: Finding, voice: Voice) -> str:
    """What a finding says."""
    return say(finding.message, finding.args, voice)


def place(finding: Finding, voice: Voice) -> str:
    """Where it is: `path:line`, and the commit if the finding names one."""
    where = voice.foreign(finding.path + (f":{finding.line}" if finding.line else ""))
    commit = f" {voice.own('in')} {escape(finding.commit[:SHORT_ID])}" if finding.commit else ""
    return where + commit


def key_path(path: Path, document: int, voice: Voice) -> str:
    """A leaf's place in its file."""
    where = voice.foreign(escape_path(path)) if path else voice.own("the top level")
    return where + (voice.own(f" (document {document + 1})") if document else "")


def severities(review: ReviewDiff) -> list[str]:
    """`1 block`, `2 low`: how many findings count, worst first; and how many are waived."""
    found = [f"{number} {severity}" for severity, number in review.counts.items() if number]
    waived = sum(finding.waived is not None for finding in review.findings)
    return found + ([f"{waived} waived"] if waived else [])


def verdict(review: ReviewDiff) -> str:
    """The review in one line, without text of the repository."""
    found = ", ".join(severities(review)) or "none"
    if review.verdict == "undecided":
        undecided = count(sum(item.decisive or review.strict for item in review.not_checked), "file")
        return f"undecided: {undecided} could not be checked; findings: {found}"
    return f"findings: {found}"


def unreadable(item: NotChecked, voice: Voice) -> str:
    """A file that should have been looked at and was not, and why."""
    return f"{voice.foreign(item.path)}: {voice.foreign(item.reason)}"


def limits(review: ReviewDiff) -> Iterator[str]:
    """What this review could not see, in our own words."""
    files = sum(bool(file.encrypted.head) and file.mac.head in (None, "unchecked") for file in review.files)
    unchecked = [f"MAC of {count(files, 'file')}"] if files else []
    if review.mode == "keyless" and review.files:
        yield "not checked without a key: " + ", ".join([*unchecked, "kinds of values"])
    elif unchecked:
        yield f"not checked, no key at hand: {unchecked[0]}"
    if review.mode == "keyed" and not review.guard.equality:
        yield "which values are equal is not said for all files: the author is not known to be a reader of them"
    if has_ordinals(review):
        yield "values with the same =number are equal"


def has_ordinals(review: ReviewDiff) -> bool:
    """Whether any value is said to be equal to another."""
    values = (value for file in review.files for change in file.changes for value in change.value)
    return any(value is not None and value.same_as is not None for value in values)
