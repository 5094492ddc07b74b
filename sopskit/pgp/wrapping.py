"""Data keys in and out of PGP messages (SOPS section 9.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import GpgError, RecipientError

if TYPE_CHECKING:
    from collections.abc import Collection

    from sopskit.pgp.gpg import Gpg

HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
# Messages for one recipient have about 1 KiB; gpg is not even started for one beyond this many bytes.
MESSAGE_LIMIT = 64 * 1024
# A whole data key, and a Shamir share of one.
KEY_LENGTHS = (32, 33)


def is_fingerprint(text: str) -> bool:
    """Whether `text` is a full fingerprint: 40 or 64 hexadecimal digits, and perhaps `!` for exactly this subkey.

    Anything shorter is a search to gpg: `a`, `*`, a short key ID or a mail address all pick some key.
    """
    digits = text.removesuffix("!")
    return len(digits) in (40, 64) and HEX_DIGITS.issuperset(digits)


def wrap(key: bytes, fingerprint: str, gpg: Gpg) -> str:
    """Encrypt `key` to `fingerprint`: armored, without surrounding white space.

    The key need not be trusted or signed: naming the full fingerprint is the trust decision. Raises
    `RecipientError` for a text that is no fingerprint or a key that is missing, expired or revoked, else `GpgError`.
    """
    from sopskit.pgp.transcript import encrypted_message

    if not is_fingerprint(fingerprint):
        raise RecipientError(
            "a PGP key is named by its full fingerprint of 40 or 64 hexadecimal digits",
            hint="gpg --list-keys --with-colons shows it in the lines that start with fpr",
        )
    return encrypted_message(gpg.encrypt(key, fingerprint), fingerprint)


def unwrap(armored: str, gpg: Gpg, *, lengths: Collection[int] = KEY_LENGTHS) -> bytes:
    """Decrypt a message that must hold a key of one of `lengths` bytes; gpg picks the secret key.

    Raises `KeyAccessError` if gpg has no secret key for it, `GpgError` for everything else.
    """
    from sopskit.pgp.transcript import decrypted_key

    message = armored.encode("utf-8", "surrogateescape")
    if len(message) > MESSAGE_LIMIT:
        raise GpgError(f"the PGP message has {len(message)} bytes, more than the limit of {MESSAGE_LIMIT}")
    return decrypted_key(gpg.decrypt(message), lengths)
