"""The message authentication code over the values of a file (SOPS section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA512, Hash  # hashlib would load OpenSSL a second time: 5 ms

from sopskit.errors import EncryptedValueError, MacMismatchError, ValueTamperedError
from sopskit.secret import equal
from sopskit.sops import values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# SHA-256 of "sops": separates MACs over encrypted values alone from MACs over all (SOPS section 5.1)
ONLY_ENCRYPTED = bytes.fromhex("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69")


def compute(pieces: Iterable[bytes], *, only_encrypted: bool) -> str:
    """SHA-512 over the canonical bytes of the leaves in walk order, as 128 upper-case hexadecimal digits."""
    digest = Hash(SHA512())
    if only_encrypted:
        digest.update(ONLY_ENCRYPTED)
    digest.update(b"".join(pieces))
    return digest.finalize().hex().upper()


def seal(cipher: AESGCM, mac: str, aad: str, iv: bytes) -> str:
    """The MAC as it stands in the file: a token whose additional data is `lastmodified`."""
    return values.seal(cipher, mac.encode("ascii"), "str", aad.encode("utf-8"), iv)


def verify(cipher: AESGCM, stored: str, aad: str, computed: str) -> None:
    """Compare in constant time. Raises `MacMismatchError`, also for a MAC that is missing or does not open."""
    hint = (
        "the file was changed without its key, or merged by hand; restore it from Git, or, if the change is known and wanted, "
        "write a new MAC with: sopskit rotate -i --ignore-mac FILE"
    )
    if not stored:
        raise MacMismatchError("the file has no MAC", hint=hint)
    try:
        opened = values.open_value(cipher, values.EncryptedValue.parse(stored), aad.encode("utf-8"))
    except (EncryptedValueError, ValueTamperedError):
        raise MacMismatchError("the MAC does not open: mac or lastmodified was changed", hint=hint) from None
    if not equal(opened.data, computed.encode("ascii")):
        raise MacMismatchError("the MAC does not fit the values of the file", hint=hint)
