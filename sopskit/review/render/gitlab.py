"""The review as a report of GitLab's Code Quality: an array of remarks on lines of files.

Format: GitLab's documentation, "Code Quality report format"; it asks for paths from the root of the repository and shows only
one of several remarks with the same fingerprint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.redact import escape
from sopskit.review.render.annotations import annotate, fill
from sopskit.review.render.json import write

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff, Severity
    from sopskit.review.render.annotations import Annotation

SEVERITIES: dict[Severity, str] = {"block": "blocker", "high": "critical", "medium": "major", "low": "minor"}


def render(review: ReviewDiff) -> str:
    """The findings that are not waived, worst first, as a JSON array with a final line feed. ASCII only."""
    return write([_remark(annotation) for annotation in annotate(review) if annotation.finding.waived is None])


def _remark(annotation: Annotation) -> dict[str, Any]:
    finding = annotation.finding
    return {
        "description": f"{finding.id}: {fill(finding.message, finding.args)}",
        "check_name": finding.id,
        "fingerprint": annotation.fingerprint,
        "severity": SEVERITIES[finding.severity],
        "location": {"path": escape(finding.path), "lines": {"begin": annotation.line}},
    }
