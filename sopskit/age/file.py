"""Whole age files: encrypt to recipients, decrypt with identities (age v1 section 4)."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sopskit.age import header
from sopskit.age.header import HEADER_LIMIT
from sopskit.age.payload import NONCE_SIZE, decrypt_payload, encrypt_payload
from sopskit.age.primitives import hkdf, hmac_sha256
from sopskit.errors import HeaderError, HeaderMacError, NoIdentityMatchError, RecipientError
from sopskit.secret import FileKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.age.header import Header, Stanza, Wrapped
    from sopskit.age.protocols import Identity, Recipient


def encrypt(data: bytes, recipients: Sequence[Recipient], *, armor: bool = False) -> bytes:
    """Make an age file that each of `recipients` can open.

    Raises `RecipientError` for an empty list, for recipients that must not share a file, and for one
    that cannot be encrypted to.
    """
    if not recipients:
        raise RecipientError("no recipient to encrypt to")
    file_key = FileKey(urandom(16))
    wrapped = [recipient.wrap(file_key) for recipient in recipients]
    _check_labels(wrapped)
    authenticated = header.serialise(stanza for each in wrapped for stanza in each.stanzas)
    mac = hmac_sha256(_mac_key(file_key), authenticated)
    nonce = urandom(NONCE_SIZE)
    payload = encrypt_payload(_payload_key(file_key, nonce), data)
    file = authenticated + header.serialise_mac(mac) + nonce + payload
    if not armor:
        return file
    from sopskit.age.armor import armor as put_in_armor

    return put_in_armor(file)


def decrypt(
    data: bytes,
    identities: Sequence[Identity],
    *,
    armored: bool | None = None,
    header_limit: int = HEADER_LIMIT,
) -> bytes:
    """Give the plaintext of an age file, or raise: nothing is given out before all of it is verified.

    `armored` None looks at the data. `header_limit` is the most bytes that the header may take.
    Identities are tried in their order, those that may ask for something last.

    Raises `ArmorError`, `HeaderError`, `NoIdentityMatchError`, `HeaderMacError`, `PayloadError`, and
    `IdentityError` for an identity that cannot be used.
    """
    data = _binary(data, armored=armored)
    parsed = header.parse(data, limit=header_limit)
    file_key = _unwrap(parsed.stanzas, identities)
    _check_mac(file_key, parsed)
    start = parsed.size + NONCE_SIZE
    nonce = data[parsed.size : start]
    if len(nonce) < NONCE_SIZE:
        raise HeaderError("the age file ends before its payload")
    return decrypt_payload(_payload_key(file_key, nonce), memoryview(data)[start:])


def _binary(data: bytes, *, armored: bool | None) -> bytes:
    """The file without armor."""
    if armored is False:
        return data
    from sopskit.age.armor import dearmor, is_armored

    return dearmor(data) if armored or is_armored(data) else data


def _unwrap(stanzas: Sequence[Stanza], identities: Sequence[Identity]) -> FileKey:
    """The file key from the first identity that has it."""
    if len(stanzas) > 1 and any(stanza.type == "scrypt" for stanza in stanzas):
        # Else somebody could add a passphrase they know to a file, or a key to a passphrase file,
        # and who can open a file would no longer tell who made it.
        raise HeaderError("the age file has a passphrase stanza next to others")
    for identity in sorted(identities, key=_is_interactive):
        file_key = identity.unwrap(stanzas)
        if file_key is not None:
            return file_key
    raise NoIdentityMatchError(_no_match(stanzas, len(identities)))


def _is_interactive(identity: Identity) -> bool:
    return identity.interactive


_KINDS = ("X25519", "mlkem768x25519", "scrypt", "ssh-ed25519", "ssh-rsa", "p256tag", "mlkem768p256tag")


def _no_match(stanzas: Sequence[Stanza], tried: int) -> str:
    """Say what was tried. Only known types are named: others are text from the file."""
    found = {stanza.type for stanza in stanzas}
    kinds = [kind for kind in _KINDS if kind in found]
    if not found <= set(_KINDS):
        kinds.append("others")
    who = (
        ("no identity is at hand for", "the identity does not open")[tried]
        if tried < 2
        else f"none of {tried} identities opens"
    )
    return f"{who} the age file, which is encrypted to: {', '.join(kinds)}"


def _check_labels(wrapped: Sequence[Wrapped]) -> None:
    """All recipients of a file have the same labels, or it would be as weak as the weakest, or not authentic."""
    first = wrapped[0].labels
    if all(each.labels == first for each in wrapped):
        return
    if any(stanza.type == "scrypt" for each in wrapped for stanza in each.stanzas):
        raise RecipientError("a passphrase must be the only recipient of an age file")
    if any("postquantum" in each.labels for each in wrapped):
        raise RecipientError("post-quantum and classic recipients cannot be mixed in one age file")
    raise RecipientError("these recipients cannot be mixed in one age file")


def _check_mac(file_key: FileKey, parsed: Header) -> None:
    mac = HMAC(_mac_key(file_key), SHA256())
    mac.update(parsed.authenticated)
    try:
        mac.verify(parsed.mac)  # in constant time
    except InvalidSignature:
        raise HeaderMacError("the header of the age file was changed: its MAC is wrong") from None


def _mac_key(file_key: FileKey) -> bytes:
    return hkdf(file_key.reveal(), b"", b"header")


def _payload_key(file_key: FileKey, nonce: bytes) -> bytes:
    return hkdf(file_key.reveal(), nonce, b"payload")
