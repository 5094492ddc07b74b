"""Public PGP keys as files in a repository show them: until when they are valid, and whether they were revoked.

A reader of RFC 9580 (and of RFC 4880 before it) that knows as much of it as this takes. Signatures are not verified: that
would take the whole of PGP, and nothing is trusted for what is read here. A forged packet can make a false warning, or
hide a right one; gpg, which verifies, is asked again when something is encrypted.

Input is hostile: nothing here raises, no work grows faster than the input, and a file that is damaged anywhere, or holds
anything other than public keys, is read as having none.
"""

from __future__ import annotations

import hashlib
from binascii import a2b_base64
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LARGEST = 64 * 1024
BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
END = b"-----END PGP PUBLIC KEY BLOCK-----"

# packet types (RFC 9580 section 5)
SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, PUBLIC_SUBKEY = 2, 5, 6, 7, 14
BESIDE_KEYS = frozenset((10, 12, 13, 17, 21))  # marker, trust, user id, user attribute, padding
# signature types (section 5.2.1)
CERTIFICATIONS = frozenset((0x10, 0x11, 0x12, 0x13, 0x1F))  # of a user id, or of the key itself
KEY_REVOKED, SUBKEY_BOUND, SUBKEY_REVOKED = 0x20, 0x18, 0x28
# signature subpackets (section 5.2.3)
CREATED, KEY_EXPIRES, ISSUER, FLAGS, ISSUER_FINGERPRINT = 2, 9, 16, 27, 33
ENCRYPTS = 0x04 | 0x08  # communications, storage
# algorithms that encrypt where no flags say what a key is for (section 9.1): RSA, Elgamal, ECDH, X25519, X448
ENCRYPTING = frozenset((1, 2, 16, 18, 25, 26))


class Component(NamedTuple):
    """A primary key or a subkey. Times are seconds of Unix time; `expires` is None for one that does not.

    `signed` is the time of the newest signature of the key on itself, from which `expires` and `encrypts` are taken.
    """

    fingerprint: str
    signed: int
    expires: int | None
    revoked: bool
    encrypts: bool


class PublicKey(NamedTuple):
    """A primary key with its subkeys. Fingerprints are upper-case hexadecimal digits."""

    primary: Component
    subkeys: tuple[Component, ...] = ()


class Problem(NamedTuple):
    """Why nothing can be encrypted to a key: it, or its last `subkey` that encrypts, is revoked or `expired` then."""

    expired: int | None
    subkey: bool = False


def problem_of(key: PublicKey, now: float, *, only: str | None = None) -> Problem | None:
    """Why a key is of no use at the time `now`, None if nothing is known against it.

    `only` is the fingerprint of the one component that may be used, as gpg has it for one with `!` at its end.
    """
    primary = key.primary
    if _is_over(primary, now):
        return Problem(None if primary.revoked else primary.expires)
    parts = [part for part in (primary, *key.subkeys) if part.encrypts and only in {None, part.fingerprint}]
    if not parts or not all(_is_over(part, now) for part in parts):
        return None
    return Problem(max((part.expires or 0 for part in parts if not part.revoked), default=None), subkey=True)


def _is_over(part: Component, now: float) -> bool:
    return part.revoked or (part.expires is not None and part.expires <= now)


def by_fingerprint(keys: Iterable[PublicKey]) -> dict[str, PublicKey]:
    """Keys by that of their primary key. Copies of one become one: the newer signatures of both, and every revocation."""
    found: dict[str, dict[str, Component]] = {}
    for key in keys:
        parts = found.setdefault(key.primary.fingerprint, {})
        for part in (key.primary, *key.subkeys):
            parts[part.fingerprint] = _newer(parts.get(part.fingerprint, part), part)
    return {name: PublicKey(parts.pop(name), tuple(parts.values())) for name, parts in found.items()}


def _newer(one: Component, other: Component) -> Component:
    newest = max(one, other, key=lambda part: part.signed)
    return newest._replace(revoked=one.revoked or other.revoked)


def read_public_keys(data: bytes) -> tuple[PublicKey, ...]:
    """The keys in a file, armored or not; empty for whatever is no list of public keys. Never raises."""
    if len(data) > LARGEST:
        return ()
    try:
        blocks = list(_armored(data)) if BEGIN in data else [data]
        return tuple(key for block in blocks for key in _keys(block))
    except (ValueError, IndexError):
        return ()


# --- armor and packets; whatever is wrong with them is a ValueError or an IndexError


def _armored(data: bytes) -> Iterator[bytes]:
    """The contents of each block (section 6.2). The checksum is left alone, as the RFC has it now."""
    for block in data.split(BEGIN)[1:]:
        body, end, _ = block.partition(END)
        lines = [line.strip() for line in body.splitlines()]
        if not end or b"" not in lines[1:]:
            raise ValueError
        lines = lines[lines.index(b"", 1) + 1 :]  # the headers end with an empty line
        yield a2b_base64(b"".join(line for line in lines if not line.startswith(b"=")), strict_mode=True)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each packet (section 4.2)."""
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise ValueError
        if head & 0x40:
            kind, (size, start) = head & 0x3F, _length(data, at + 1, partial=True)
        else:
            # the legacy form counts its length in 1, 2 or 4 octets; the fourth form, up to the end, is for messages
            octets = (1, 2, 4)[head & 3]
            kind, start = head >> 2 & 0x0F, at + 1 + octets
            size = int.from_bytes(data[at + 1 : start])
        at = start + size
        if at > len(data):
            raise ValueError
        yield kind, data[start:at]


def _length(data: bytes, at: int, *, partial: bool = False) -> tuple[int, int]:
    """A length, and where what it counts begins. Packets have partial lengths in messages only, subpackets have none."""
    first = data[at]
    if first < 192:
        return first, at + 1
    if first == 255:
        return int.from_bytes(_exactly(data, at + 1, 4)), at + 5
    if partial and first >= 224:
        raise ValueError
    return (first - 192 << 8) + data[at + 1] + 192, at + 2


def _exactly(data: bytes, start: int, size: int) -> bytes:
    found = data[start : start + size]
    if len(found) != size:
        raise ValueError
    return found


# --- keys and their signatures


class _Open:
    """A component whose signatures are still to come."""

    def __init__(self, body: bytes) -> None:
        """Take it from a key packet of version 4 or 6 (sections 5.5.2 and 5.5.4)."""
        self.version = body[0]
        self.created = int.from_bytes(_exactly(body, 1, 4))
        if self.version == 6:
            framed = b"\x9b" + len(body).to_bytes(4) + body
            self.fingerprint = hashlib.sha256(framed).digest()
            self.id = self.fingerprint[:8]
        else:
            framed = b"\x99" + len(body).to_bytes(2) + body
            self.fingerprint = hashlib.sha1(framed, usedforsecurity=False).digest()
            self.id = self.fingerprint[-8:]
        self.newest = (-1, False)
        self.expires: int | None = None
        self.encrypts = body[5] in ENCRYPTING
        self.revoked = False

    def take(self, signature: _Signature) -> None:
        """Believe the newest signature; of two in one second the one that names an end."""
        period = signature.number(KEY_EXPIRES)
        age = (signature.number(CREATED), period > 0)
        if age < self.newest:
            return
        self.newest = age
        self.expires = self.created + period if period else None  # section 5.2.3.13: counted from the key's creation
        flags = signature.hashed.get(FLAGS)
        if flags is not None:
            self.encrypts = any(octet & ENCRYPTS for octet in flags[:1])

    def closed(self) -> Component:
        """What is known of it in the end."""
        fingerprint = self.fingerprint.hex().upper()
        return Component(fingerprint, max(self.newest[0], 0), self.expires, self.revoked, self.encrypts)


class _Signature(NamedTuple):
    """A signature of version 4 or 6: its type, and its subpackets by their types, the hashed ones and all."""

    type: int
    hashed: Mapping[int, bytes]
    all: Mapping[int, bytes]

    def number(self, type: int) -> int:
        """A hashed subpacket of four octets; 0 if there is none."""
        octets = self.hashed.get(type, bytes(4))
        if len(octets) != 4:
            raise ValueError
        return int.from_bytes(octets)

    def is_by(self, key: _Open) -> bool:
        """Whether it says that this key made it (sections 5.2.3.12 and 5.2.3.35)."""
        if ISSUER_FINGERPRINT in self.all:
            return self.all[ISSUER_FINGERPRINT][1:] == key.fingerprint
        return self.all.get(ISSUER) == key.id


def _keys(data: bytes) -> Iterator[PublicKey]:
    primary: _Open | None = None
    subkeys: list[_Open] = []
    current: _Open | None = None  # the component that signatures are about; None: one that is not looked at
    for kind, body in _packets(data):
        if kind in {PUBLIC_KEY, SECRET_KEY}:
            if primary is not None:
                yield _closed(primary, subkeys)
            primary = current = _Open(body) if kind == PUBLIC_KEY and body[0] in {4, 6} else None
            subkeys = []
        elif kind in {PUBLIC_SUBKEY, SECRET_SUBKEY}:
            is_known = kind == PUBLIC_SUBKEY and primary is not None and body[0] == primary.version
            current = _Open(body) if is_known else None
            subkeys += [current] if current is not None else []
        elif kind == SIGNATURE:
            _attach(_signature(body), primary, current)
        elif kind not in BESIDE_KEYS:
            raise ValueError
    if primary is not None:
        yield _closed(primary, subkeys)


def _closed(primary: _Open, subkeys: list[_Open]) -> PublicKey:
    bound = tuple(subkey.closed() for subkey in subkeys if subkey.newest[0] >= 0)
    return PublicKey(primary.closed(), bound)


def _attach(signature: _Signature | None, primary: _Open | None, current: _Open | None) -> None:
    """Take what the primary key says about itself and its subkeys; what others say about them counts for nothing."""
    if signature is None or primary is None or current is None or not signature.is_by(primary):
        return
    if signature.type == (KEY_REVOKED if current is primary else SUBKEY_REVOKED):
        current.revoked = True
    elif signature.type in (CERTIFICATIONS if current is primary else {SUBKEY_BOUND}):
        current.take(signature)


def _signature(body: bytes) -> _Signature | None:
    """A signature packet (section 5.2.3); None for one of another version."""
    if body[0] not in {4, 6}:
        return None
    width = 4 if body[0] == 6 else 2
    size = int.from_bytes(_exactly(body, 4, width))
    hashed = _exactly(body, 4 + width, size)
    start = 4 + width + size
    unhashed = _exactly(body, start + width, int.from_bytes(_exactly(body, start, width)))
    signed = dict(_subpackets(hashed))
    return _Signature(body[1], signed, {**dict(_subpackets(unhashed)), **signed})


def _subpackets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each (section 5.2.3.7); the highest bit of the type says how important it is."""
    at = 0
    while at < len(data):
        size, start = _length(data, at)
        body = _exactly(data, start, size)
        yield body[0] & 0x7F, body[1:]
        at = start + size
