"""What a file that was found in a folder says of itself: that it is a Secret, or that a merge was left half done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import parse
from sopskit.errors import DocumentSyntaxError, SopskitError

if TYPE_CHECKING:
    from sopskit.document import Format

# what git writes at the start of a line: ours, the middle, theirs
CONFLICT_MARKS = (b"<<<<<<< ", b"=======", b">>>>>>> ")


def is_plain_secret(source: bytes, format: Format) -> bool:
    """Whether this is a plaintext manifest with a Kubernetes Secret that holds data.

    Never raises: what cannot be read is none (a chart's templates), unless a merge was left half done in it. Only text
    that has the word is parsed.
    """
    if format.NAME not in ("yaml", "json") or b"Secret" not in source:
        return False
    from sopskit.manifest import effective_data, objects

    try:
        document = parse(source, format)
    except SopskitError:
        return b"kind: Secret" in source and _conflict(source) is not None
    return document.block is None and any(
        obj.identity.kind == "Secret" and effective_data(obj) for obj in objects(document)
    )


def check_merged(source: bytes) -> None:
    """Raise `DocumentSyntaxError` for text with the three marks of a conflict, in order, at starts of lines."""
    line = _conflict(source)
    if line is not None:
        error = DocumentSyntaxError("a merge conflict is not resolved", hint="it stands between <<<<<<< and >>>>>>>")
        raise error.at(line=line)


def _conflict(source: bytes) -> int | None:
    """The line where the first conflict starts."""
    first = position = 0
    lines = source.split(b"\n") if CONFLICT_MARKS[0] in source else []
    for number, line in enumerate(lines, 1):
        if line.startswith(CONFLICT_MARKS[position]):
            first = first if position else number
            position += 1
        if position == len(CONFLICT_MARKS):
            return first
    return None
