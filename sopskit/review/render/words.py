"""What the renderers say, in one voice: counts, places, what was not checked, the verdict.

Our own words and texts out of the repository are kept apart until the very end: a `Voice` tells how a renderer spells each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import escape, escape_path, harmless
from sopskit.review.model import SEVERITIES
from sopskit.review.render.placeholders import ELLIPSIS, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sopskit.document import Path
    from sopskit.review.model import End, FileReview, Finding, NotChecked, ObjectChange, ReviewDiff

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
AROUND = 12  # characters of what two long texts have in common, on each side of what differs
WORDS = {"reencrypted": "re-encrypted", "encrypted": "now encrypted", "decrypted": "now plain text"}


class Voice(NamedTuple):
    """How a renderer spells our own words, and texts out of the repository, which are hostile.

    Of two texts that are longer than `limit` characters only what differs is shown.
    """

    own: Callable[[str], str]
    foreign: Callable[[str], str]
    arrow: str = " → "
    limit: int = 1_000


def shorten(text: str, limit: int) -> str:
    """A text of at most `limit` characters: what is too long loses its middle, since both ends tell paths apart."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 3
    return text[: limit - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


def apart(sides: Sequence[str], voice: Voice) -> str:
    """What it was and what it is, or the one that is known. Of two that are too long, the part in which they differ.

    So they look different however much they have in common.
    """
    told = [voice.foreign(side) for side in sides]
    if len(told) == 2 and any(
        len(side) > voice.limit or ELLIPSIS in one for side, one in zip(sides, told, strict=True)
    ):
        old, new = map(harmless, sides)
        start = _in_common(old, new)
        end = _in_common(old[start:][::-1], new[start:][::-1])
        told = [voice.foreign(_excerpt(side, start, end, voice.limit)) for side in (old, new)]
    return voice.arrow.join(told)


def _in_common(old: str, new: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(old), len(new)))


def _excerpt(text: str, start: int, end: int, limit: int) -> str:
    """What stands between the common start and the common end, with a little of both. Cut behind, where it is too long."""
    first = 0 if start <= AROUND + 1 else start - AROUND
    last = len(text) if end <= AROUND + 1 else len(text) - end + AROUND
    before, after = (ELLIPSIS if first else ""), (ELLIPSIS if last < len(text) else "")
    if last - first > limit - 2:
        last, after = first + limit - 2, ELLIPSIS
    return f"{before}{text[first:last]}{after}"


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
    if review.base is not None:
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


def told_files(review: ReviewDiff) -> list[FileReview]:
    """The files that are told of, worst first: those of a check did not change, and have nothing but their findings."""
    return worst_first(review) if review.base is not None else []


def _worst(file: FileReview) -> int:
    open_ones = (SEVERITIES.index(finding.severity) for finding in file.findings if finding.waived is None)
    return min(open_ones, default=len(SEVERITIES))


def object_name(one: ObjectChange, voice: Voice) -> str:
    """`Secret prod/api`."""
    return f"{voice.foreign(one.kind)} {voice.foreign('/'.join(part for part in (one.namespace, one.name) if part))}"


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


def not_checked(review: ReviewDiff, voice: Voice, most: int) -> Iterator[str]:
    """What should have been looked at and was not, a line for each reason, with at most so many files."""
    paths: dict[str, list[str]] = {}
    for item in review.not_checked:
        paths.setdefault(item.reason, []).append(item.path)
    for reason, found in paths.items():
        more = voice.own(f" and {len(found) - most} more") if len(found) > most else ""
        yield f"{', '.join(map(voice.foreign, found[:most]))}{more}: {voice.foreign(reason)}"


def limits(review: ReviewDiff) -> Iterator[str]:
    """What this review could not see, in our own words."""
    from sopskit.review.files import CLOSED, NOT_TOLD

    reasons = {(item.path, item.reason) for item in review.not_checked}
    closed = {path for path, reason in reasons if reason == CLOSED and (path, NOT_TOLD) not in reasons}
    unchecked = [file for file in review.files if file.encrypted.head and file.mac.head in (None, "unchecked")]
    untold = [file for file in unchecked if review.mode == "keyed" and file.path not in closed]
    if review.mode == "keyless" and review.files:
        macs = [f"MAC of {count(len(unchecked), 'file')}"] if unchecked else []
        yield "not checked without a key: " + ", ".join([*macs, "kinds of values"])
    elif len(unchecked) > len(untold):
        yield f"not checked, no key at hand: MAC of {count(len(unchecked) - len(untold), 'file')}"
    if untold:
        whose = "its author is" if len(untold) == 1 else "their author is"
        yield f"the MAC of {count(len(untold), 'file')} is not told: {whose} not known to be a reader (docs/reviewing.md)"
    if review.mode == "keyed" and not review.guard.equality:
        yield "which values are equal is not said for all files: the author is not known to be a reader of them"
    if has_ordinals(review):
        yield "values with the same =number are equal"


def has_ordinals(review: ReviewDiff) -> bool:
    """Whether any value is said to be equal to another."""
    values = (value for file in review.files for change in file.changes for value in change.value)
    return any(value is not None and value.same_as is not None for value in values)
