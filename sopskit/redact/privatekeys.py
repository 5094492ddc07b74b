"""What may be said of a private key: its algorithm and size, and whether it is under a passphrase."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact.publickeys import key_name, public_bytes, quietly

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 64 * 1024
BLOCK = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ ){0,3})PRIVATE KEY(?: BLOCK)?-----([^-]*)")
ENCRYPTED = b"Proc-Type: 4,ENCRYPTED"
ENDINGS = {b"": b"PRIVATE KEY", b"RSA ": b"RSA PRIVATE KEY", b"EC ": b"EC PRIVATE KEY", b"DSA ": b"DSA PRIVATE KEY"}
AGE = ((b"AGE-SECRET-KEY-PQ-1", "age hybrid"), (b"AGE-SECRET-KEY-1", "age X25519"))


class PrivateKey(NamedTuple):
    """A private key: its name (`RSA 2048`), whether it is encrypted, and its public key, for comparing in memory only."""

    name: str
    encrypted: bool
    public: bytes | None

    def __repr__(self) -> str:
        """The name."""
        return f"PrivateKey({self.name!r})"


def read_private_key(data: bytes) -> PrivateKey | None:
    """The first private key of a PEM text, or an age identity; None if there is none that can be read. Never raises."""
    for prefix, name in AGE:
        if prefix in data:
            return PrivateKey(name, encrypted=False, public=None)
    match = BLOCK.search(data)
    if match is None or match.end() - match.start() > SIZE_LIMIT:
        return None
    label, body = match[1], match[2]
    if label == b"PGP ":
        return PrivateKey("PGP", encrypted=False, public=None)
    if label == b"ENCRYPTED " or ENCRYPTED in data[match.start() : match.start() + 200]:
        return PrivateKey("", encrypted=True, public=None)
    if label == b"OPENSSH ":
        return _openssh(data[match.start() : match.start() + SIZE_LIMIT])
    return quietly(_read, label, body) if label in ENDINGS else None


def _read(label: bytes, body: bytes) -> PrivateKey:
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    if label:  # the older forms are told apart by their label only
        pem = b"-----BEGIN %b-----%b-----END %b-----\n" % (ENDINGS[label], body, ENDINGS[label])
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    else:
        key = load_der_private_key(a2b_base64(body), None, unsafe_skip_rsa_key_validation=True)
    return PrivateKey(key_name(key), encrypted=False, public=public_bytes(key.public_key()))


def _openssh(pem: bytes) -> PrivateKey | None:
    from sopskit.redact.sshkeys import read_container

    found = read_container(pem)
    return None if found is None else PrivateKey(found.key.name, found.encrypted, found.key.spki())


def private_key_facts(key: PrivateKey | None) -> Mapping[str, str | int | bool]:
    """What may be printed of a private key."""
    if key is None:
        return {}
    facts: dict[str, str | int | bool] = {"key": key.name} if key.name else {}
    return {**facts, "encrypted": True} if key.encrypted else facts


def changed_parts(old: PrivateKey | None, new: PrivateKey | None) -> tuple[str, ...]:
    """Which of algorithm, passphrase and key differ."""
    if old is None or new is None:
        return ("key",)
    parts = [
        part
        for part, different in (
            ("algorithm", old.name.split(" ")[0] != new.name.split(" ")[0]),
            ("passphrase", old.encrypted != new.encrypted),
            ("key", old.public is None or old.public != new.public),
        )
        if different
    ]
    return tuple(parts) or ("encoding",)
