"""What a kind of key has to offer. Imported for type checking only, so it costs nothing when a file is decrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.age.header import Stanza, Wrapped
    from sopskit.secret import FileKey


class Recipient(Protocol):
    """A public key (or passphrase) that a file can be encrypted to. Its `str` is the recipient string."""

    def wrap(self, file_key: FileKey) -> Wrapped:
        """Make the stanzas that hold `file_key`, and the labels (age v1 section 7.3).

        Labels come with the stanzas because some kinds know them only after wrapping.
        Raises `RecipientError` if the key cannot be encrypted to.
        """
        ...


class Identity(Protocol):
    """A private key (or passphrase) that may open a file."""

    @property
    def interactive(self) -> bool:
        """Whether `unwrap` may ask somebody something; such identities are tried last."""
        ...

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        """Open the first stanza that is for this identity; None if there is none.

        `stanzas` are all of the header; other types are skipped. Raises `HeaderError` for a stanza of
        this identity's type that is malformed, `IdentityError` if the identity itself cannot be used.
        """
        ...


class KeyIdentity(Identity, Protocol):
    """An identity that is one key: it knows its recipient and its own text. `str` and `repr` are masked."""

    def recipient(self) -> Recipient:
        """The recipient that this identity opens. Raises `RecipientError` if nobody should encrypt to it."""
        ...

    def reveal(self) -> str:
        """The secret text of the key, as a key file holds it."""
        ...
