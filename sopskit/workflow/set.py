"""Set and unset: change one place of an encrypted file; every other value keeps its ciphertext."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import AlreadyEncryptedError, PathNotFoundError, UsageError
from sopskit.sops.crypt import seal_file

if TYPE_CHECKING:
    from datetime import datetime

    from sopskit.document import Document, Path, Raw
    from sopskit.sops.crypt import Opened


def parse_value(text: bytes) -> Raw:
    """Read a JSON value; integers stay exact. Raises `UsageError`, which never quotes the text."""
    import json

    def refuse(constant: str) -> float:
        raise ValueError(constant)

    try:
        value: Raw = json.loads(text.decode("utf-8"), parse_constant=refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise UsageError(
            "the value is not valid JSON", hint="""a text is JSON in double quotes: '"text"'; or use --value-file"""
        ) from None
    return value


def _unique(pairs: list[tuple[str, Raw]]) -> dict[str, Raw]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("repeated key")
    return value


def set_value(
    opened: Opened, path: Path, value: Raw, *, now: datetime, idempotent: bool, indent: int | None
) -> bytes | None:
    """The file with `value` at `path`; None if it was there already and `idempotent` is asked for.

    Raises `PathNotFoundError`, and `AlreadyEncryptedError` for a path in the `sops` entry.
    """
    _check_path(opened.plain, path)
    changed = opened.plain.format.assign(opened.plain, path, value)
    if idempotent and _same(opened.plain, changed, value):
        return None
    return _seal(opened, changed, now=now, indent=indent)


def unset_value(opened: Opened, path: Path, *, now: datetime, idempotent: bool, indent: int | None) -> bytes | None:
    """The file without what stands at `path`; None if nothing does and `idempotent` is asked for.

    Raises `PathNotFoundError`, and `AlreadyEncryptedError` for a path in the `sops` entry.
    """
    _check_path(opened.plain, path)
    try:
        changed = opened.plain.format.remove(opened.plain, path)
    except PathNotFoundError:
        if idempotent:
            return None
        raise
    return _seal(opened, changed, now=now, indent=indent)


def _seal(opened: Opened, plain: Document, *, now: datetime, indent: int | None) -> bytes:
    sealed = seal_file(plain, opened.file.metadata, opened.data_key, now=now, like=opened, indent=indent)
    return sealed.document.to_bytes()


def _check_path(plain: Document, path: Path) -> None:
    if not path:
        raise UsageError("the key path is empty", hint='name a place in the file, such as ["data"]["password"]')
    first = path[0]
    reserved = plain.format.NAME == "dotenv" and isinstance(first, str) and first.startswith("sops_")
    if reserved or (first == "sops" and plain.format.NAME != "dotenv"):
        raise AlreadyEncryptedError("the entry sops is SOPS's own and cannot be set", hint="use another name")


def _same(before: Document, after: Document, value: Raw) -> bool:
    if before.text == after.text:
        return True
    leaves = [
        [(leaf.parent.document, leaf.path, leaf.kind, leaf.data) for leaf in doc.leaves()] for doc in (before, after)
    ]
    return leaves[0] == leaves[1] and not _holds_empty(value)


def _holds_empty(value: Raw) -> bool:
    """Whether there is an empty list or mapping in it, which has no leaves to compare."""
    if isinstance(value, dict):
        return not value or any(map(_holds_empty, value.values()))
    return isinstance(value, list) and (not value or any(map(_holds_empty, value)))
