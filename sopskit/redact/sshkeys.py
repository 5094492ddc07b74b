"""What may be said of SSH keys: the type, the bits, and the fingerprint of one that is a public key.

The clear part of OpenSSH's container (PROTOCOL.key in OpenSSH's sources) names the public key, so no passphrase is needed.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact.publickeys import public_bytes, quietly

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 64 * 1024
MAGIC = b"openssh-key-v1\0"
BEGIN, END = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
# type -> (name, bits; 0: written in the key)
TYPES = {
    "ssh-ed25519": ("Ed25519", 256),
    "ssh-rsa": ("RSA", 0),
    "ssh-dss": ("DSA", 1024),
    "ecdsa-sha2-nistp256": ("EC P-256", 256),
    "ecdsa-sha2-nistp384": ("EC P-384", 384),
    "ecdsa-sha2-nistp521": ("EC P-521", 521),
    "sk-ssh-ed25519@openssh.com": ("Ed25519", 256),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("EC P-256", 256),
}
LINE = re.compile(rb"(?:^|\s)(%b) (AAAA[A-Za-z0-9+/]+={0,2})(?=\s|$)" % b"|".join(re.escape(t.encode()) for t in TYPES))


class SshKey(NamedTuple):
    """A public key: its type as OpenSSH names it, its size in bits and its wire form, for comparing in memory only."""

    type: str
    bits: int
    wire: bytes

    @property
    def name(self) -> str:
        """`RSA 3072`, `Ed25519`: named as keys elsewhere are."""
        name = TYPES[self.type][0]
        return f"{name} {self.bits}" if name in ("RSA", "DSA") else name

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        from base64 import b64encode
        from hashlib import sha256

        return "SHA256:" + b64encode(sha256(self.wire).digest()).decode("ascii").rstrip("=")

    def spki(self) -> bytes | None:
        """The public key in the form that certificates have."""
        return quietly(self._spki)

    def _spki(self) -> bytes | None:
        from base64 import b64encode

        from cryptography.hazmat.primitives.serialization import load_ssh_public_key

        return public_bytes(load_ssh_public_key(self.type.encode("ascii") + b" " + b64encode(self.wire)))

    def __repr__(self) -> str:
        """The type."""
        return f"SshKey({self.type!r})"


class Container(NamedTuple):
    """An OpenSSH private key file as far as it shows itself without a passphrase."""

    key: SshKey
    encrypted: bool


def read_container(data: bytes) -> Container | None:
    """The first key of an OpenSSH private key file; None if it is malformed or of an unknown type."""
    start = data.find(BEGIN)
    body, end, _ = data[start + len(BEGIN) : start + SIZE_LIMIT].partition(END)
    try:
        raw = a2b_base64(body)
    except Base64Error:
        return None
    if start < 0 or not end or not raw.startswith(MAGIC):
        return None
    fields = _fields(raw[len(MAGIC) :], 3)
    if len(fields) < 3:
        return None
    rest = raw[len(MAGIC) + sum(4 + len(field) for field in fields) + 4 :]
    key = _key((_fields(rest, 1) or [b""])[0])
    return None if key is None else Container(key, fields[0] != b"none")


def read_public_keys(data: bytes) -> tuple[SshKey, ...]:
    """The keys of public key lines, as in `id_ed25519.pub`, `authorized_keys` and `known_hosts`."""
    found: list[SshKey] = []
    for line in data[:SIZE_LIMIT].splitlines():
        match = None if line.startswith(b"#") else LINE.search(line)
        if match is None:
            continue
        try:
            key = _key(a2b_base64(match[2]))
        except Base64Error:
            continue
        if key is not None and key.type.encode("ascii") == match[1]:
            found.append(key)
    return tuple(found)


def _key(wire: bytes) -> SshKey | None:
    fields = _fields(wire, 4)
    type = fields[0].decode("ascii", "replace") if fields else ""
    if type not in TYPES or len(fields) < 2:
        return None
    bits = TYPES[type][1]
    if type == "ssh-rsa" and len(fields) > 2:
        bits = int.from_bytes(fields[2], "big").bit_length()
    return SshKey(type, bits, wire) if bits and _is_whole(type, fields) else None


def _is_whole(type: str, fields: list[bytes]) -> bool:
    """Whether the fields have the sizes of a key: a fingerprint of anything else would be a digest of a secret."""
    if "ed25519" in type:
        return len(fields[1]) == 32
    if type == "ssh-rsa":
        return len(fields[2]) >= 96
    return len(fields) > 2 or type == "ssh-dss"


def _fields(data: bytes, most: int) -> list[bytes]:
    """The first strings of a wire form (RFC 4251 section 5), as many as are whole."""
    found: list[bytes] = []
    start = 0
    while len(found) < most and start + 4 <= len(data):
        end = start + 4 + int.from_bytes(data[start : start + 4], "big")
        if end > len(data):
            break
        found.append(data[start + 4 : end])
        start = end
    return found


def ssh_key_facts(data: bytes) -> Mapping[str, str | int | bool]:
    """What may be printed of a private key file or of public key lines; the fingerprint only of the latter."""
    container = read_container(data) if BEGIN in data else None
    if container is not None:
        facts: dict[str, str | int | bool] = {"type": container.key.type, "bits": container.key.bits}
        return {**facts, "encrypted": True} if container.encrypted else facts
    keys = read_public_keys(data) if BEGIN not in data else ()
    if not keys:
        return {}
    facts = {"type": keys[0].type, "bits": keys[0].bits, "fingerprint": keys[0].fingerprint}
    return {**facts, "keys": len(keys)} if len(keys) > 1 else facts


def changed_parts(old: bytes, new: bytes) -> tuple[str, ...]:
    """Which of type, key, passphrase and comment differ; `keys` where there are several."""
    containers = (read_container(old), read_container(new))
    if containers[0] is not None and containers[1] is not None:
        before, after = containers[0].key, containers[1].key
        parts = _changed(before, after)
        if containers[0].encrypted != containers[1].encrypted:
            parts.append("passphrase")
        return tuple(parts) or ("encoding",)
    olds, news = read_public_keys(old), read_public_keys(new)
    if len(olds) == len(news) == 1:
        return tuple(_changed(olds[0], news[0])) or ("comment",)
    if {key.wire for key in olds} != {key.wire for key in news}:
        return ("keys",)
    return ("comment",) if olds else ("key",)


def _changed(old: SshKey, new: SshKey) -> list[str]:
    return [part for part, different in (("type", old.type != new.type), ("key", old.wire != new.wire)) if different]
