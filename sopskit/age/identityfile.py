"""Identity files that are themselves age files under a passphrase (age v1 section 15.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sopskit.age import header
from sopskit.age.armor import dearmor, is_armored
from sopskit.age.file import decrypt
from sopskit.age.parse import FILE_LIMIT, parse_identities
from sopskit.age.primitives import Masked
from sopskit.age.scrypt import MAX_WORK_FACTOR, STANZA_TYPE, ScryptIdentity
from sopskit.errors import ArmorError, HeaderError, IdentityError, IntegrityError, NoIdentityMatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sopskit.age.header import Stanza
    from sopskit.age.protocols import KeyIdentity
    from sopskit.secret import FileKey


class EncryptedIdentities(Masked):
    """The identities in an encrypted identity file. The passphrase is asked for when they are first needed."""

    __slots__ = ("_data", "_max_work_factor", "_opened", "_passphrase")
    interactive: ClassVar[bool] = True

    def __init__(self, data: bytes, passphrase: Callable[[], str], *, max_work_factor: int = MAX_WORK_FACTOR) -> None:
        """Take the content of the file, binary or armored.

        Raises `IdentityError` if it is too large, malformed, or encrypted to anything but a passphrase.
        """
        if len(data) > FILE_LIMIT:
            raise IdentityError(f"an identity file is not larger than {FILE_LIMIT} bytes")
        try:
            self._data = dearmor(data) if is_armored(data) else data
            stanzas = header.parse(self._data).stanzas
        except (ArmorError, HeaderError) as error:
            raise IdentityError(f"the encrypted identity file is malformed: {error.message}", hint=error.hint) from None
        if [stanza.type for stanza in stanzas] != [STANZA_TYPE]:
            raise IdentityError("an encrypted identity file must be encrypted with a passphrase and nothing else")
        self._passphrase = passphrase
        self._max_work_factor = max_work_factor
        self._opened: tuple[KeyIdentity, ...] | None = None

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Offer the stanzas to the identities in the file, in order.

        Raises `IdentityError` for a wrong passphrase or a content that is no identity file, and what they raise.
        """
        for identity in self.identities():
            file_key = identity.unwrap(stanzas)
            if file_key is not None:
                return file_key
        return None

    def identities(self) -> Sequence[KeyIdentity]:
        """The identities in the file; asks for the passphrase the first time. Raises as `unwrap` does."""
        if self._opened is None:
            self._opened = tuple(self._open())
        return self._opened

    def _open(self) -> list[KeyIdentity]:
        passphrase = ScryptIdentity(self._passphrase(), self._max_work_factor)
        try:
            # Decoding cannot quote the text in its error: what is no UTF-8 becomes characters no identity has.
            text = decrypt(self._data, [passphrase], armored=False).decode("utf-8", "replace")
        except NoIdentityMatchError:
            raise IdentityError("the passphrase of the identity file is wrong") from None
        except (HeaderError, IntegrityError) as error:
            # Another class than for the file to be opened: that one is not at fault.
            raise IdentityError(f"the encrypted identity file cannot be opened: {error.message}") from None
        return parse_identities(text)
