"""The review for programs, schema `sopskit.review/1`."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sopskit import __version__
from sopskit.review.model import SCHEMA, SEVERITIES

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff

# fields that the schema has only where they say something
ONLY_IF_SET = frozenset(("path_bytes",))


def render(review: ReviewDiff) -> str:
    """One JSON object, indented, with a final line feed. ASCII only, so that no control or bidirectional character stands in it."""
    return json.dumps(_review(review), indent=2, ensure_ascii=True) + "\n"


def _review(review: ReviewDiff) -> dict[str, Any]:
    findings = review.findings
    return {
        "schema": SCHEMA,
        "tool": {"name": "sopskit", "version": __version__},
        "mode": review.mode,
        "base": review.base._asdict(),
        "head": review.head._asdict(),
        "guard": {"equality": False, "why": "no key was used"},
        **({"paths": list(review.paths)} if review.paths else {}),
        "threshold": review.threshold,
        "exit_code": review.exit_code,
        "verdict": review.verdict,
        "summary": {
            "files": len(review.files),
            "changes": sum(len(file.changes) for file in review.files),
            "findings": {name: sum(one.severity == name for one in findings) for name in SEVERITIES},
        },
        "not_checked": [{"path": item.path, "reason": item.reason} for item in review.not_checked],
        "truncated": False,
        "files": [_plain(file) for file in review.files],
        "findings": [_plain(finding) for finding in findings],
    }


def _plain(value: Any) -> Any:
    """Dataclasses and named tuples become objects, other sequences lists."""
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(entry) for name, entry in named if entry is not None or name not in ONLY_IF_SET}
    if hasattr(value, "_asdict"):
        return {key: _plain(entry) for key, entry in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
