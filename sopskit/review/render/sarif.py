"""The review as SARIF 2.1.0 (OASIS standard), for GitHub's code scanning and other readers of it.

GitHub keeps 5,000 results of a run, shows ten tags of a rule and needs a place for each result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from sopskit import __version__
from sopskit.redact import escape, escape_path
from sopskit.review.render.annotations import LONGEST, annotate, fill
from sopskit.review.render.json import write
from sopskit.review.render.placeholders import capital
from sopskit.review.render.words import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.review.findings.policy import Policy
    from sopskit.review.model import Finding, NotChecked, ReviewDiff, Severity
    from sopskit.review.render.annotations import Annotation

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5000
LEVELS: dict[Severity, str] = {"block": "error", "high": "error", "medium": "warning", "low": "note"}
# GitHub's scale of security alerts, 0 to 10: from 9.0 critical, from 7.0 high, from 4.0 medium
SCORES: dict[Severity, str] = {"block": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
ROOT = "%SRCROOT%"
# section 3.11 of the standard: braces mark placeholders, brackets links; doubled or after a backslash they are themselves
LITERALS = str.maketrans({"{": "{{", "}": "}}", "[": "\\[", "]": "\\]", "\\": "\\\\"})


def render(review: ReviewDiff, policies: Sequence[Policy] = ()) -> str:
    """One run as JSON, with a final line feed, ASCII only. `policies` are told as its rules, found or not.

    Waived findings are suppressed results. More than 5,000 results are cut from the end, and a notification says so.
    """
    annotations = list(annotate(review))
    return write({"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(review, policies, annotations)]})


def _run(review: ReviewDiff, policies: Sequence[Policy], annotations: Sequence[Annotation]) -> dict[str, Any]:
    uris = {file.path: quote_from_bytes(file.path_bytes) for file in review.files if file.path_bytes is not None}
    numbers = {policy.id: number for number, policy in enumerate(policies)}
    return {
        "tool": {
            "driver": {
                "name": "sopskit",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(policy) for policy in policies],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(review, len(annotations) - MOST_RESULTS)],
        "results": [_result(annotation, numbers, uris) for annotation in annotations[:MOST_RESULTS]],
    }


def _rule(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "shortDescription": {"text": policy.title},
        "fullDescription": {"text": policy.why},
        "help": {"text": f"{policy.why}\n\nWhat to do: {policy.remedy}"},
        "defaultConfiguration": {"level": LEVELS[policy.severity]},
        "properties": {"tags": ["security", "sops"], "security-severity": SCORES[policy.severity]},
    }


def _invocation(review: ReviewDiff, left_out: int) -> dict[str, Any]:
    notes = [_not_checked(item) for item in review.not_checked]
    if left_out > 0:
        text = f"{left_out} more findings are left out; sopskit review-diff --format json has all of them"
        notes.append({"level": "warning", "message": {"text": text}})
    return {
        "executionSuccessful": review.verdict != "undecided",
        "exitCode": review.exit_code,
        "toolExecutionNotifications": notes,
    }


def _not_checked(item: NotChecked) -> dict[str, Any]:
    text = f"not checked: {_literal(item.path)}: {_literal(item.reason)}"
    return {"level": "error" if item.decisive else "note", "message": {"text": text}}


def _result(annotation: Annotation, numbers: Mapping[str, int], uris: Mapping[str, str]) -> dict[str, Any]:
    finding, fingerprint = annotation.finding, annotation.fingerprint
    number = numbers.get(finding.id)
    return {
        "ruleId": finding.id,
        **({} if number is None else {"ruleIndex": number}),
        "level": LEVELS[finding.severity],
        "message": {"text": f"{_sentence(finding, finding.message)}. {_sentence(finding, finding.remedy)}"},
        "locations": [_location(annotation, uris)],
        # GitHub would else make the first of a hash of the line, which changes with every new ciphertext
        "partialFingerprints": {"primaryLocationLineHash": fingerprint, "sopskit/v1": fingerprint},
        "suppressions": _suppressions(annotation),
    }


def _sentence(finding: Finding, template: str) -> str:
    return fill(capital(template), finding.args, _literal)


def _location(annotation: Annotation, uris: Mapping[str, str]) -> dict[str, Any]:
    finding = annotation.finding
    uri = uris.get(finding.path) or quote_from_bytes(finding.path.encode("utf-8", "surrogateescape"))
    physical = {
        "artifactLocation": {"uri": uri, "uriBaseId": ROOT},
        "region": {"startLine": annotation.line},
    }
    if finding.key is None:
        return {"physicalLocation": physical}
    name = shorten(escape_path(finding.key), LONGEST) or "the top level"
    return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": name, "kind": "member"}]}


def _suppressions(annotation: Annotation) -> list[dict[str, Any]]:
    """Empty where the finding counts: once one result of a run tells its suppressions, all have to (section 3.27.23)."""
    waived = annotation.finding.waived
    if waived is None:
        return []
    reason = f"{waived.reason} ({waived.owner}, until {waived.expires})"
    return [{"kind": "external", "status": "accepted", "justification": escape(shorten(reason, LONGEST))}]


def _literal(text: str) -> str:
    """Text of the repository within a message: no link, no placeholder, no control character."""
    return escape(shorten(text, LONGEST)).translate(LITERALS)
