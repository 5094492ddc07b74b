"""The review of one file: read both sides, compare, name the operation, apply the policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.compare import compare
from sopskit.review.findings import find
from sopskit.review.findings.subject import Subject
from sopskit.review.model import FileReview, Sides
from sopskit.review.operations import classify, unchanged

if TYPE_CHECKING:
    from sopskit.review.compare import Comparison
    from sopskit.review.findings.subject import Rule
    from sopskit.review.model import FileStatus, MacState
    from sopskit.review.sides import Side


def review_file(
    path: bytes,
    old_path: bytes | None,
    status: FileStatus,
    sides: Sides[Side | None],
    rules: Sides[Rule | None],
    data: Sides[bytes | None],
) -> FileReview:
    """Review one changed file. A side is None where the file does not exist there, is no regular file or was not read."""
    comparison = compare(*sides)
    same = data.head is not None and data.base == data.head
    operations = (unchanged(status),) if same else classify(*sides, comparison)
    name = path_text(path)
    subject = Subject(name, status, sides, comparison, operations, rules, data)
    side = sides.head or sides.base
    return FileReview(
        path=name,
        status=status,
        old_path=None if old_path is None else path_text(old_path),
        path_bytes=None if _is_utf8(path) else path,
        format=side.format if side else None,
        encrypted=Sides(*(None if side is None else side.metadata is not None for side in sides)),
        operations=operations,
        mac=Sides(_mac(sides.base, None), _mac(sides.head, comparison)),
        data_key=comparison.data_key,
        changes=comparison.changes,
        recipients=Sides(*(side.recipients() if side else () for side in sides)),
        threshold=Sides(
            *(side.metadata.shamir_threshold or None if side and side.metadata else None for side in sides)
        ),
        rules=Sides(*(side.rules() if side else {} for side in sides)),
        findings=find(subject),
    )


def path_text(path: bytes) -> str:
    r"""A path as text; bytes that are no UTF-8 stand as `\xNN`."""
    return path.decode("utf-8", "backslashreplace")


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _mac(side: Side | None, comparison: Comparison | None) -> MacState | None:
    if side is None or side.metadata is None:
        return None
    if not side.metadata.mac:
        return "missing"
    return "stale" if comparison is not None and comparison.stale else "unchecked"
