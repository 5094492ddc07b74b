"""The text forms of keys, and the files that hold them (age v1 section 15). The kinds of keys are the rows below."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

from sopskit.errors import IdentityError, RecipientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.age.protocols import KeyIdentity, Recipient

FILE_LIMIT = 16 * 1024 * 1024
"""Most bytes of an identity or recipients file."""

# A text belongs to the first row whose prefix it starts with: prefix, module, class with a `parse`.
# A module is loaded when its row is met. None: a known kind that is not supported.
_Row: TypeAlias = "tuple[str, str, str] | tuple[str, None, str]"
_RECIPIENTS: tuple[_Row, ...] = (
    ("age1tag1", None, "tagged age recipients"),
    ("age1tagpq1", None, "tagged age recipients"),
    ("age1pq1", "hybrid", "HybridRecipient"),
    ("age1", "x25519", "X25519Recipient"),
    ("ssh-", "ssh", "SshRecipient"),
)
_IDENTITIES: tuple[_Row, ...] = (
    ("AGE-PLUGIN-", None, "plugin age identities"),
    ("AGE-SECRET-KEY-PQ-1", "hybrid", "HybridIdentity"),
    ("AGE-SECRET-KEY-1", "x25519", "X25519Identity"),
)


def parse_recipient(text: str) -> Recipient:
    """Read a recipient: `age1...`, `age1pq1...`, or an SSH public key's line; nothing is trimmed.

    Raises `RecipientError`, also for kinds that are known and not supported.
    """
    for prefix, module, name in _RECIPIENTS:
        if not text.startswith(prefix):
            continue
        # The data of bech32 never holds a 1, so a second one belongs to a longer prefix: a plugin's name.
        plugin = prefix == "age1" and text.count("1") > 1
        if module is None or plugin:
            raise RecipientError(f"{'plugin age recipients' if plugin else name} are not supported yet")
        recipient: Recipient = getattr(import_module(f"sopskit.age.{module}"), name).parse(text)
        return recipient
    if text.upper().startswith("AGE-"):
        raise RecipientError("this is an age identity, a private key, where a recipient is wanted")
    raise RecipientError(
        "not an age recipient",
        hint="a recipient starts with age1, age1pq1, ssh-ed25519 or ssh-rsa; nothing stands before it",
    )


def parse_identity(text: str) -> KeyIdentity:
    """Read an identity: `AGE-SECRET-KEY-1...` or `AGE-SECRET-KEY-PQ-1...`; nothing is trimmed.

    Raises `IdentityError`, which never quotes the text.
    """
    for prefix, module, name in _IDENTITIES:
        if not text.startswith(prefix):
            continue
        if module is None:
            raise IdentityError(f"{name} are not supported yet")
        identity: KeyIdentity = getattr(import_module(f"sopskit.age.{module}"), name).parse(text)
        return identity
    if text.startswith("age1"):
        raise IdentityError("this is an age recipient, a public key, where an identity is wanted")
    if text.startswith("-----BEGIN"):
        raise IdentityError("this is a key file of another kind, where an age identity is wanted")
    raise IdentityError("not an age identity", hint="an identity starts with AGE-SECRET-KEY-, in upper case")


def parse_identities(text: str) -> list[KeyIdentity]:
    """Read an identity file: one identity a line; empty lines and lines that start with # are skipped.

    Raises `IdentityError` with the number of the line, never the line, and if there is no identity.
    """
    if len(text) > FILE_LIMIT:
        raise IdentityError(f"an identity file is not larger than {FILE_LIMIT} bytes")
    identities = []
    for number, line in _lines(text):
        try:
            identities.append(parse_identity(line))
        except IdentityError as error:
            error.at(line=number)
            raise
    if not identities:
        raise IdentityError("the identity file holds no identity")
    return identities


def parse_recipients(text: str) -> list[Recipient]:
    """Read a recipients file: one recipient a line; empty lines and lines that start with # are skipped.

    Raises `RecipientError` with the number of the line, and if there is no recipient.
    """
    if len(text) > FILE_LIMIT:
        raise RecipientError(f"a recipients file is not larger than {FILE_LIMIT} bytes")
    recipients = []
    for number, line in _lines(text):
        try:
            recipients.append(parse_recipient(line))
        except RecipientError as error:
            error.at(line=number)
            raise
    if not recipients:
        raise RecipientError("the recipients file holds no recipient")
    return recipients


def identity_file_kind(data: bytes) -> Literal["encrypted", "ssh", "lines"]:
    """Tell from its first bytes what an identity file is.

    `encrypted` is for `EncryptedIdentities`, `ssh` for `parse_ssh_identity`, `lines` for `parse_identities`.
    """
    if data.startswith((b"age-encryption", b"-----BEGIN AGE")):
        return "encrypted"
    return "ssh" if data.startswith(b"-----BEGIN") else "lines"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers. LF or CRLF; `splitlines` knows too many other ends."""
    for number, line in enumerate(text.split("\n"), start=1):
        content = line.removesuffix("\r")
        if content and not content.startswith("#"):
            yield number, content
