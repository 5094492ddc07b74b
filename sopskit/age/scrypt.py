"""Passphrases (age v1 section 9)."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, ClassVar

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sopskit.age.header import Stanza, Wrapped
from sopskit.age.primitives import Masked, b64decode, b64encode, seal, unseal
from sopskit.errors import HeaderError, IdentityError, RecipientError
from sopskit.secret import FileKey, SecretStr

if TYPE_CHECKING:
    from collections.abc import Sequence

STANZA_TYPE = "scrypt"
DEFAULT_WORK_FACTOR = 18
"""256 MiB and about a second."""
MAX_WORK_FACTOR = 22
"""Highest that is opened unless the caller says otherwise: 4 GiB of memory."""

_WORK_FACTORS = range(1, 31)
_SALT_PREFIX = b"age-encryption.org/v1/scrypt"
_SALT_SIZE = 16
_WRAPPED_KEY_SIZE = 32


class ScryptRecipient(Masked):
    """A passphrase to encrypt to; it must be the only recipient of a file."""

    __slots__ = ("_passphrase", "_work_factor")

    def __init__(self, passphrase: str, work_factor: int = DEFAULT_WORK_FACTOR) -> None:
        """Take a passphrase; it costs 2^`work_factor` KiB to try one.

        Raises `RecipientError` for an empty passphrase, `ValueError` for a work factor outside 1 to 30.
        """
        _check_work_factor(work_factor)
        if not passphrase or not _is_text(passphrase):
            raise RecipientError("the passphrase is empty or not valid Unicode text")
        self._passphrase = SecretStr(passphrase)
        self._work_factor = work_factor

    def wrap(self, file_key: FileKey) -> Wrapped:
        """One stanza, with a label nobody else has. Raises `RecipientError` if memory runs out."""
        salt = urandom(_SALT_SIZE)
        try:
            key = _derive(self._passphrase, salt, self._work_factor)
        except MemoryError:
            raise RecipientError(f"not enough memory for scrypt work factor {self._work_factor}") from None
        arguments = (b64encode(salt).decode("ascii"), str(self._work_factor))
        stanza = Stanza(STANZA_TYPE, arguments, seal(key, file_key.reveal()))
        return Wrapped((stanza,), frozenset((urandom(16).hex(),)))


class ScryptIdentity(Masked):
    """A passphrase to decrypt with."""

    __slots__ = ("_max_work_factor", "_passphrase")
    interactive: ClassVar[bool] = False

    def __init__(self, passphrase: str, max_work_factor: int = MAX_WORK_FACTOR) -> None:
        """Take a passphrase; a file that wants more than 2^`max_work_factor` KiB of work is refused.

        Raises `IdentityError` for an empty passphrase, `ValueError` for a limit outside 1 to 30.
        """
        _check_work_factor(max_work_factor)
        if not passphrase or not _is_text(passphrase):
            raise IdentityError("the passphrase is empty or not valid Unicode text")
        self._passphrase = SecretStr(passphrase)
        self._max_work_factor = max_work_factor

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Open the one stanza of a passphrase file; None for another passphrase.

        Raises `HeaderError` for a malformed stanza, one that is not alone, and too high a work factor.
        """
        for stanza in stanzas:
            if stanza.type == STANZA_TYPE:
                if len(stanzas) > 1:
                    raise HeaderError("the age file has a passphrase stanza next to others")
                file_key = self._unwrap(stanza)
                return FileKey(file_key) if file_key is not None else None
        return None

    def _unwrap(self, stanza: Stanza) -> bytes | None:
        salt = b64decode(stanza.args[0], _SALT_SIZE) if len(stanza.args) == 2 else None
        if salt is None or len(stanza.body) != _WRAPPED_KEY_SIZE:
            raise HeaderError("malformed scrypt stanza in the age header")
        work_factor = self._work_factor(stanza.args[1])
        try:
            key = _derive(self._passphrase, salt, work_factor)
        except MemoryError:
            raise HeaderError(f"not enough memory for scrypt work factor {work_factor} of the age file") from None
        return unseal(key, stanza.body)

    def _work_factor(self, text: str) -> int:
        """The number, refused as text first: an enormous one costs nothing, and `int` takes more than digits."""
        if not (text.isascii() and text.isdigit()) or text[0] == "0":
            raise HeaderError("malformed work factor in the scrypt stanza of the age header")
        if len(text) > 2 or int(text) > self._max_work_factor:
            raise HeaderError(f"the age file wants a scrypt work factor above the limit of {self._max_work_factor}")
        return int(text)

    def recipient(self) -> ScryptRecipient:
        """The same passphrase, to encrypt to."""
        return ScryptRecipient(self._passphrase.reveal())

    def reveal(self) -> str:
        """The passphrase."""
        return self._passphrase.reveal()


def _check_work_factor(number: int) -> None:
    if number not in _WORK_FACTORS:
        raise ValueError("scrypt work factors go from 1 to 30")


def _is_text(passphrase: str) -> bool:
    """Whether it has a UTF-8 form. Asked beforehand, because the encoder's own error would hold the passphrase."""
    return not any("\ud800" <= character <= "\udfff" for character in passphrase)


def _derive(passphrase: SecretStr, salt: bytes, work_factor: int) -> bytes:
    # As typed: no trimming, no Unicode normalisation.
    secret = passphrase.reveal().encode("utf-8")
    return Scrypt(_SALT_PREFIX + salt, 32, 1 << work_factor, 8, 1).derive(secret)
