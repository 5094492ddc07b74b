"""Decrypt: encrypted bytes in, a verified document out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.sops.crypt import load, open_file
from sopskit.sops.datakey import DEFAULT_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.document import Format, Path
    from sopskit.sops.crypt import Opened
    from sopskit.sops.masterkeys import Keyring


def open_bytes(
    source: bytes, format: Format, keyring: Keyring, *, order: Sequence[str] = DEFAULT_ORDER, verify_mac: bool = True
) -> Opened:
    """Read and decrypt an encrypted file; `sopskit.sops.crypt` says what may be raised."""
    return open_file(load(source, format), keyring, order=order, verify_mac=verify_mac)


def extract(opened: Opened, path: Path, *, indent: int | None = None) -> bytes:
    """What stands at `path`, as sops prints it. Raises `PathNotFoundError`."""
    plain = opened.plain
    return plain.format.extract(plain, path, indent=indent) if path else plain.to_bytes()
