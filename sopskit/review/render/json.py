"""The review for programs: the schema `sopskit.review/1`, whose JSON Schema is in `review.schema.json`."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from sopskit import __version__
from sopskit.redact import escape
from sopskit.review.model import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from sopskit.review.model import (
        Change,
        CommitOperations,
        End,
        FileReview,
        Finding,
        ObjectChange,
        Operation,
        Range,
        Recipient,
        ReviewDiff,
        Sides,
        Value,
    )

    T = TypeVar("T")


def render(review: ReviewDiff) -> str:
    r"""One JSON object, as `write` does it.

    Every string is Unicode: what was no UTF-8 stands as `\xNN`, half a surrogate pair as `\u{NNNN}`.
    """
    return write(_review(review))


def write(report: Any) -> str:
    """JSON, indented, with a final line feed, that can be shown as it is.

    It is ASCII, so that no control or bidirectional character stands in it. Two number signs are kept apart: in a log they
    start a command to the runners of GitHub Actions (`##[`), Azure Pipelines and TeamCity.
    """
    return json.dumps(report, indent=2, ensure_ascii=True, allow_nan=False).replace("##", "#\\u0023") + "\n"


def _review(review: ReviewDiff) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "tool": {"name": "sopskit", "version": __version__},
        "mode": review.mode,
        "base": None if review.base is None else _end(review.base),
        "head": _end(review.head),
        "config": {"commit": review.config.commit, "source": _text(review.config.source)},
        "guard": {"equality": review.guard.equality, "why": _text(review.guard.why)},
        "threshold": review.threshold,
        "exit_code": review.exit_code,
        "verdict": review.verdict,
        "summary": {
            "files": len(review.files),
            "changes": sum(len(file.changes) for file in review.files),
            "findings": dict(review.counts),
        },
        "not_checked": [{"path": _text(item.path), "reason": _text(item.reason)} for item in review.not_checked],
        "truncated": review.truncated,
        **({"paths": _texts(review.paths)} if review.paths else {}),
        "environments": [{"name": _text(one.name), "files": one.files} for one in review.environments],
        "files": [_file(file, equality=review.guard.equality) for file in review.files],
        "findings": [_finding(finding) for finding in review.findings],
    }


def _end(end: End) -> dict[str, Any]:
    return {"ref": _text(end.ref), "commit": end.commit}


# --- files


def _file(file: FileReview, *, equality: bool) -> dict[str, Any]:
    name = {} if file.path_bytes is None else {"path_bytes": b64encode(file.path_bytes).decode("ascii")}
    return {
        "path": _text(file.path),
        "old_path": _text(file.old_path),
        **name,
        "status": file.status,
        "format": file.format,
        "environment": _text(file.environment),
        **({} if file.old_environment is None else {"old_environment": _text(file.old_environment)}),
        "encrypted": _sides(file.encrypted),
        "operations": [_operation(operation) for operation in file.operations],
        "commits": [_commit(commit) for commit in file.commits],
        "mac": _sides(file.mac),
        "data_key": file.data_key,
        "changes": [_change(change, equality=equality) for change in file.changes],
        "recipients": _sides(file.recipients, lambda side: [_recipient(one) for one in side]),
        "threshold": _sides(file.threshold),
        "rules": {**_sides(file.rules, _mapping), "matched": _text(file.matched)},
        "objects": [_object(one) for one in file.objects],
        "findings": [_finding(finding) for finding in file.findings],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "confidence": operation.confidence,
        "explanation": operation.explanation,
        "args": _mapping(operation.args),
    }


def _commit(commit: CommitOperations) -> dict[str, Any]:
    return {"commit": _text(commit.commit), "operations": [_operation(operation) for operation in commit.operations]}


def _recipient(recipient: Recipient) -> dict[str, Any]:
    return {
        "type": _text(recipient.type),
        "id": _text(recipient.id),
        "name": _text(recipient.name),
        "group": recipient.group,
    }


def _object(changed: ObjectChange) -> dict[str, Any]:
    return {
        "kind": _text(changed.kind),
        "namespace": _text(changed.namespace),
        "name": _text(changed.name),
        "keys": [{"key": _text(one.key), "change": one.change, "from": _text(one.origin)} for one in changed.keys],
    }


# --- changes


def _change(change: Change, *, equality: bool) -> dict[str, Any]:
    return {
        "document": change.document,
        "path": _texts(change.path),
        "from": None if change.origin is None else _texts(change.origin),
        "change": change.change,
        "encrypted": _sides(change.encrypted),
        "type": _sides(change.type, _text),
        "value": _sides(change.value, lambda value: None if value is None else _value(value, equality=equality)),
        "range": _sides(change.range, _range),
        "certain": change.certain,
        **({"parts": _texts(change.parts)} if change.parts else {}),
    }


def _value(value: Value, *, equality: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": value.kind}
    if value.facts:
        said["facts"] = _mapping(value.facts)
    if value.same_as is not None and equality:
        said["same_as"] = value.same_as
    if value.text is not None:
        said["text"] = _text(value.text)
    return said


def _range(span: Range | None) -> dict[str, Any] | None:
    return None if span is None else {"start": span.start._asdict(), "end": span.end._asdict()}


# --- findings


def _finding(finding: Finding) -> dict[str, Any]:
    waived = finding.waived
    return {
        "id": finding.id,
        "severity": finding.severity,
        "title": finding.title,
        "message": finding.message,
        "remedy": finding.remedy,
        "args": _mapping(finding.args),
        "path": _text(finding.path),
        "side": finding.side,
        "document": finding.document,
        "line": finding.line,
        "key": None if finding.key is None else _texts(finding.key),
        "commit": finding.commit,
        "needs_key": finding.needs_key,
        "waived": None if waived is None else {name: _text(text) for name, text in waived._asdict().items()},
        "fingerprint": finding.fingerprint,
    }


# --- pieces


def _sides(sides: Sides[T], draw: Callable[[T], Any] = lambda side: side) -> dict[str, Any]:
    return {"base": draw(sides.base), "head": draw(sides.head)}


def _mapping(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Facts, arguments and rules: texts are made Unicode, numbers and truth values stay."""
    return {
        _text(name): _texts(value) if isinstance(value, tuple) else _text(value) if isinstance(value, str) else value
        for name, value in mapping.items()
    }


def _texts(parts: Iterable[str | int]) -> list[str | int]:
    return [_text(part) if isinstance(part, str) else part for part in parts]


def _text(text: str | None) -> Any:
    """A text without surrogates, which strict readers of JSON refuse (RFC 8259 section 8.2)."""
    if text is None or text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return "".join(escape(char) if "\ud800" <= char <= "\udfff" else char for char in text)
