"""Master keys: the entries of the `sops` block that each hold the data key, wrapped for one recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sopskit.errors import ForeignKeyError, KeyAccessError, NoIdentityMatchError, RecipientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from sopskit.age import Identity
    from sopskit.document import Raw
    from sopskit.pgp import Gpg


class SourceReport(NamedTuple):
    """A place where private keys were looked for: what it is, how many were found, what went wrong."""

    location: str
    found: int
    problem: str | None = None


class Keyring(Protocol):
    """The private side at hand. Made by `keysources`, handed in; nothing below reads the environment."""

    def identities(self, recipient: str) -> Sequence[Identity]:
        """All age identities, for a file whose recipient is `recipient` (commands are told it)."""
        ...

    def gpg(self) -> Gpg:
        """The user's gpg."""
        ...

    def report(self) -> Sequence[SourceReport]:
        """Where keys were looked for so far."""
        ...


class FixedKeyring(NamedTuple):
    """A keyring of given identities, for programs and tests."""

    age: tuple[Identity, ...] = ()
    pgp: Gpg | None = None

    def identities(self, recipient: str) -> Sequence[Identity]:  # noqa: ARG002 the same for all
        """The identities given."""
        return self.age

    def gpg(self) -> Gpg:
        """The gpg given, or a refusal."""
        if self.pgp is None:
            raise KeyAccessError("no gpg was handed in")
        return self.pgp

    def report(self) -> Sequence[SourceReport]:
        """One line."""
        return (SourceReport("identities handed in", len(self.age)),)


class MasterKey(Protocol):
    """One entry: can wrap a data key (or a Shamir share of one), and perhaps unwrap it.

    `id` is the text that tells two keys of a kind apart.
    """

    @property
    def kind(self) -> str:
        """The name of its list in the file."""
        ...

    @property
    def id(self) -> str:
        """Recipient, fingerprint, ARN, ...: SOPS section 9.1, "key strings"."""
        ...

    @property
    def enc(self) -> str:
        """The wrapped key as it stands in the file; empty before `wrap`."""
        ...

    def wrap(self, key: bytes, gpg: Gpg) -> MasterKey:
        """A copy with `key` wrapped. Raises `RecipientError`, `GpgError`, `ForeignKeyError`."""
        ...

    def unwrap(self, keyring: Keyring) -> bytes:
        """The wrapped bytes. Raises `KeyAccessError` if no key fits; anything else means a broken entry."""
        ...

    def fields(self) -> dict[str, Raw]:
        """The entry as it stands in the file."""
        ...


NOTHING: Mapping[str, Raw] = {}
KeyGroup: TypeAlias = "tuple[MasterKey, ...]"


class AgeKey(NamedTuple):
    """A key for an age recipient (X25519, hybrid, SSH)."""

    recipient: str
    enc: str = ""
    extra: Mapping[str, Raw] = NOTHING

    @property
    def kind(self) -> str:
        """The name of its list in the file."""
        return "age"

    @property
    def id(self) -> str:
        """The recipient as given."""
        return self.recipient

    def wrap(self, key: bytes, gpg: Gpg) -> AgeKey:  # noqa: ARG002 the protocol's
        """Encrypt `key` to the recipient, armored."""
        from sopskit import age

        armored = age.encrypt(key, [age.parse_recipient(self.recipient)], armor=True)
        return self._replace(enc=armored.decode("ascii"))

    def unwrap(self, keyring: Keyring) -> bytes:
        """Offer all identities to the age file in `enc`."""
        from sopskit import age

        identities = keyring.identities(self.recipient)
        if not identities:
            raise NoIdentityMatchError("no age identity is at hand")
        return age.decrypt(self.enc.encode("utf-8", "surrogateescape"), identities)

    def fields(self) -> dict[str, Raw]:
        """`enc` and `recipient`, and what else was there."""
        return {**self.extra, "enc": self.enc, "recipient": self.recipient}


class PgpKey(NamedTuple):
    """A key for a PGP fingerprint. `created_at` is RFC 3339, UTC, seconds."""

    fingerprint: str
    created_at: str = ""
    enc: str = ""
    extra: Mapping[str, Raw] = NOTHING

    @property
    def kind(self) -> str:
        """The name of its list in the file."""
        return "pgp"

    @property
    def id(self) -> str:
        """The fingerprint as given."""
        return self.fingerprint

    def wrap(self, key: bytes, gpg: Gpg) -> PgpKey:
        """Encrypt `key` with gpg, armored, without a final line feed."""
        from sopskit import pgp

        return self._replace(enc=pgp.wrap(key, self.fingerprint, gpg))

    def unwrap(self, keyring: Keyring) -> bytes:
        """Let gpg decrypt `enc`."""
        from sopskit import pgp

        return pgp.unwrap(self.enc, keyring.gpg())

    def fields(self) -> dict[str, Raw]:
        """`created_at`, `enc` and `fp`, and what else was there."""
        return {**self.extra, "created_at": self.created_at, "enc": self.enc, "fp": self.fingerprint}


class ForeignKey(NamedTuple):
    """A key of a service that sopskit does not operate (KMS, Vault, ...): kept as it is, never touched."""

    kind: str
    entry: Mapping[str, Raw]
    reference: str

    @property
    def id(self) -> str:
        """The key string of its kind."""
        return self.reference

    @property
    def enc(self) -> str:
        """The wrapped key as it stands in the file."""
        enc = self.entry.get("enc", "")
        return enc if isinstance(enc, str) else ""

    def wrap(self, key: bytes, gpg: Gpg) -> ForeignKey:  # noqa: ARG002 the protocol's
        """Refuse, naming the key."""
        raise ForeignKeyError(
            f"the {self.kind} key {self.reference} would have to wrap the data key, and sopskit does not operate {self.kind}",
            hint="use sops for this step, or take that key out of the file and the creation rule",
        )

    def unwrap(self, keyring: Keyring) -> bytes:  # noqa: ARG002 the protocol's
        """Refuse, naming the key."""
        raise KeyAccessError(f"{self.kind} keys are not operated by sopskit")

    def fields(self) -> dict[str, Raw]:
        """The entry, unchanged."""
        return dict(self.entry)


def parse_age_key(text: str) -> AgeKey:
    """An age key for a recipient's text. Raises `RecipientError` for what is no recipient."""
    from sopskit import age

    text = text.strip()
    age.parse_recipient(text)
    return AgeKey(text)


def parse_pgp_key(text: str, created_at: str) -> PgpKey:
    """A PGP key for a full fingerprint (40 or 64 hexadecimal digits, blanks ignored). Raises `RecipientError`."""
    from sopskit import pgp

    fingerprint = text.replace(" ", "")
    if not pgp.is_fingerprint(fingerprint):
        raise RecipientError(
            "a PGP key is named by its full fingerprint of 40 or 64 hexadecimal digits",
            hint="gpg --list-keys --with-colons shows it in the lines that start with fpr",
        )
    return PgpKey(fingerprint, created_at)
