"""Encrypted bytes in, verified plaintext out, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Limits, format_for_path
from sopskit.errors import NotEncryptedError, SopskitError
from sopskit.sops.crypt import load, open_file

if TYPE_CHECKING:
    from sopskit.sops.masterkeys import Keyring

LIMITS = Limits(size=5 * 1024 * 1024)  # as Flux has it
# a file of a structured format without this word has no metadata; one of another format is SOPS's if it has a token too
METADATA_WORD = b"sops"
TOKEN_START = b"ENC[AES256_GCM,"


class OpenedSource(NamedTuple):
    """The plaintext of a source file, and the values that were encrypted in it."""

    plaintext: bytes
    secrets: frozenset[str]

    def __repr__(self) -> str:
        """No content."""
        return "<opened source>"


class DecryptionProvider:
    """Opens source files with the private keys of a keyring. The MAC check cannot be switched off here."""

    __slots__ = ("_keyring",)

    def __init__(self, keyring: Keyring) -> None:
        """Nothing is read yet."""
        self._keyring = keyring

    def open(self, source: bytes, path: str) -> OpenedSource | None:
        """The verified plaintext of a SOPS file; None for a file that is none. `path` tells the format.

        Raises what `sopskit.sops.crypt` raises for a broken file or a missing key, with the path.
        """
        format = format_for_path(path)
        if METADATA_WORD not in source or (format.NAME == "binary" and TOKEN_START not in source):
            return None
        try:
            opened = open_file(load(source, format, limits=LIMITS), self._keyring)
        except NotEncryptedError:
            return None
        except SopskitError as error:
            raise error.at(file=path) from None
        secrets = frozenset(plain.spelling.decode("utf-8", "surrogateescape") for _, plain in opened.opened)
        return OpenedSource(opened.plain.to_bytes(), secrets)
