"""What SARIF and GitLab's Code Quality have in common: a finding as a remark on a line of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact import escape
from sopskit.review.render.words import Voice, say, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sopskit.review.model import Finding, ReviewDiff

LONGEST = 200  # code points of one argument: no key, path or recipient needs more to be known by


class Annotation(NamedTuple):
    """A finding, the line it belongs to in head, 1-based, and a fingerprint that no other finding of the report has.

    The fingerprint is the finding's own with its ordinal among those that share it (two strangers in one file): both
    forges show only one of several findings with the same. It holds nothing that is derived from a value.
    """

    finding: Finding
    line: int
    fingerprint: str


def annotate(review: ReviewDiff) -> Iterator[Annotation]:
    """All findings, worst first, waived ones last. A line of base means nothing in head: the first line stands for it."""
    seen: dict[str, int] = {}
    for finding in review.findings:
        own = finding.fingerprint
        seen[own] = seen.get(own, 0) + 1
        line = finding.line if finding.line and finding.side == "head" else 1
        yield Annotation(finding, line, f"{own}:{seen[own]}")


def fill(text: str, args: Mapping[str, int | str], spell: Callable[[str], str] = escape) -> str:
    """One of our sentences with its placeholders filled. `spell` makes harmless what came out of the repository."""
    return say(text, args, Voice(own=str, foreign=lambda piece: spell(shorten(piece, LONGEST))))
