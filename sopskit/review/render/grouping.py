"""Findings as people read them: one cause is one entry however many files it has, and one fault is told once.

Programs get every finding by itself (`json`, `sarif`, `gitlab`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.model import SEVERITIES
from sopskit.review.render import words

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from sopskit.review.model import Finding, ReviewDiff
    from sopskit.review.render.words import Voice

# ids that say of one file that one thing went wrong, the one with the most helpful remedy first
SAME_FAULT = (("ENC05", "ENC01", "ENC04"), ("MAC01", "MAC02"))
FEW_NAMES = 3  # environments that are named
READS = re.compile(r"(?<=\b(?:read|open)) this file\b")


class Entry(NamedTuple):
    """Findings that differ in their places only, at least one. `also` are ids of others that tell of the same fault.

    `environments` are those of their files, once each; None stands for files without one.
    """

    findings: tuple[Finding, ...]
    also: tuple[str, ...] = ()
    environments: tuple[str | None, ...] = ()

    @property
    def first(self) -> Finding:
        """What is said of all of them."""
        return self.findings[0]

    @property
    def files(self) -> int:
        """How many files it is about."""
        return len({finding.path for finding in self.findings})


def entries(review: ReviewDiff) -> list[Entry]:
    """All findings, in the order of the review: worst first, waived ones last."""
    environments = {file.path: file.environment for file in review.files}
    weaker = _weaker(review.findings)
    groups: dict[tuple[Hashable, tuple[str, ...]], list[Finding]] = {}
    for finding in review.findings:
        also = weaker.get(_fault(finding), ())
        if finding.id not in also:
            groups.setdefault((_cause(finding), also), []).append(finding)
    return [
        Entry(tuple(found), also, tuple(dict.fromkeys(environments.get(one.path) for one in found)))
        for (_, also), found in groups.items()
    ]


def _weaker(findings: Iterable[Finding]) -> dict[Hashable, tuple[str, ...]]:
    """For each fault that several ids tell of, those that are left out: all but the worst, or else the most helpful."""
    told: dict[Hashable, dict[str, Finding]] = {}
    for finding in findings:
        if _family(finding):
            told.setdefault(_fault(finding), {}).setdefault(finding.id, finding)
    return {fault: tuple(one.id for one in sorted(ids.values(), key=_rank)[1:]) for fault, ids in told.items()}


def _family(finding: Finding) -> tuple[str, ...]:
    return next((ids for ids in SAME_FAULT if finding.id in ids), ())


def _fault(finding: Finding) -> Hashable:
    return (_family(finding), finding.path, finding.waived)


def _rank(finding: Finding) -> tuple[int, int]:
    return (SEVERITIES.index(finding.severity), _family(finding).index(finding.id))


def _cause(finding: Finding) -> Hashable:
    told = (finding.id, finding.severity, finding.title, finding.message, finding.remedy)
    return (told, tuple(sorted(finding.args.items())), finding.needs_key, finding.waived)


# --- what is said of an entry


def label(entry: Entry) -> str:
    """`ENC01 (also ENC04)`."""
    return entry.first.id + (f" (also {', '.join(entry.also)})" if entry.also else "")


def message(entry: Entry, voice: Voice, begin: Callable[[str], str] = str) -> str:
    """What its findings say, with the number of files or places: `ben can now read 8 files of prod`.

    `begin` is what a sentence of ours goes through if it comes first.
    """
    finding = entry.first
    template = begin(finding.message)
    if len(entry.findings) == 1:
        return words.say(template, finding.args, voice)
    scope = _scope(entry, voice)
    before, *after = READS.split(template, maxsplit=1)
    if entry.files > 1 and after:
        said = words.say(f"{before} ", finding.args, voice)
        return f"{said}{scope}{words.say(after[0], finding.args, voice)}"
    return f"{scope}{voice.own(': ')}{words.message(finding, voice)}"


def _scope(entry: Entry, voice: Voice) -> str:
    if entry.files == 1:
        return voice.own(words.count(len(entry.findings), "place"))
    said = voice.own(words.count(entry.files, "file"))
    names = [one for one in entry.environments if one is not None]
    if len(names) != len(entry.environments):
        return said
    if len(names) > FEW_NAMES:
        return said + voice.own(f" of {len(names)} environments")
    *rest, last = map(voice.foreign, names)
    joined = f"{', '.join(rest)}{voice.own(' and ')}{last}" if rest else last
    return f"{said}{voice.own(' of ')}{joined}"
