"""Filestatus: is this an encrypted file? Nothing is decrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import NotEncryptedError
from sopskit.sops.crypt import load

if TYPE_CHECKING:
    from sopskit.document import Format


def is_encrypted(source: bytes, format: Format) -> bool:
    """Whether there is metadata with a version and a MAC. Raises `DocumentSyntaxError` or `MetadataError` if that cannot be told."""
    try:
        metadata = load(source, format).metadata
    except NotEncryptedError:
        return False
    return bool(metadata.version and metadata.mac)
