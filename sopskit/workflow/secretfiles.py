"""What a file that was found in a folder says of itself: that it is a Secret, or that a merge was left half done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import parse
from sopskit.document.conflicts import unresolved_conflict
from sopskit.errors import SopskitError

if TYPE_CHECKING:
    from sopskit.document import Format


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
        return b"kind: Secret" in source and unresolved_conflict(source.decode("latin-1")) is not None
    return document.block is None and any(
        obj.identity.kind == "Secret" and effective_data(obj) for obj in objects(document)
    )


def check_merged(source: bytes) -> None:
    """Raise `DocumentSyntaxError` for text with the three marks of a conflict, in order, at starts of lines."""
    conflict = unresolved_conflict(source.decode("latin-1"))  # whatever the encoding, the marks are ASCII
    if conflict:
        raise conflict
