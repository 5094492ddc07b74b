"""What may be said of an X.509 certificate, and whether a private key belongs to it.

A certificate is public by nature, but it stands in a secret: only subject, issuer, dates, the number of names, the kind of key
and the length of the chain are said. Reading is tolerant: blocks that cannot be read are left out.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.redact.escaping import escape
from sopskit.redact.publickeys import key_name, public_bytes, quietly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography import x509

SIZE_LIMIT = 1024 * 1024
MOST_CERTIFICATES = 400
LONGEST_NAME = 80
COMMON_NAME = "2.5.4.3"
ORGANIZATION = "2.5.4.10"
BLOCK = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END ")
DER = b"\x30\x82"


class Certificate(NamedTuple):
    """One certificate. `subject` and `issuer` are escaped and short; `names` are those of the extension, not to be shown.

    `identity` and `public` are its whole encoding and its public key's: for comparing in memory only.
    """

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: frozenset[str]
    key: str
    weak: bool
    self_signed: bool
    public: bytes | None
    subject_bytes: bytes
    issuer_bytes: bytes
    identity: bytes

    def __repr__(self) -> str:
        """The subject."""
        return f"Certificate({self.subject!r})"


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM text in its order (the first is the server's), or of one DER file. Never raises."""
    if len(data) > SIZE_LIMIT:
        return ()
    found: list[Certificate] = []
    for body in [data] if data.startswith(DER) else [match[1] for match in BLOCK.finditer(data)][:MOST_CERTIFICATES]:
        certificate = quietly(_read, body)
        if certificate is not None:
            found.append(certificate)
    return tuple(found)


def _read(body: bytes) -> Certificate | None:
    from cryptography import x509

    try:
        encoded = body if body.startswith(DER) else a2b_base64(body)
    except Base64Error:
        return None
    loaded = x509.load_der_x509_certificate(encoded)
    key = quietly(loaded.public_key)
    return Certificate(
        subject=_name(loaded.subject),
        issuer=_name(loaded.issuer),
        not_before=loaded.not_valid_before_utc,
        not_after=loaded.not_valid_after_utc,
        names=quietly(_alternative_names, loaded) or frozenset(),
        key=key_name(key),
        weak=_is_weak(loaded, key),
        self_signed=loaded.subject == loaded.issuer and quietly(_signs_itself, loaded) is True,
        public=public_bytes(key),
        subject_bytes=loaded.subject.public_bytes(),
        issuer_bytes=loaded.issuer.public_bytes(),
        identity=encoded,
    )


def _name(name: x509.Name) -> str:
    """`CN=service1, O=Example`: escaped, at most 80 code points."""
    parts: list[str] = []
    for attribute in name:
        label = {COMMON_NAME: "CN", ORGANIZATION: "O"}.get(attribute.oid.dotted_string)
        if label is not None and isinstance(attribute.value, str):
            parts.append(f"{label}={escape(attribute.value[:LONGEST_NAME])}")
    text = ", ".join(sorted(parts[:4]))
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _alternative_names(loaded: x509.Certificate) -> frozenset[str]:
    from cryptography import x509

    extension = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return frozenset(f"{type(name).__name__}:{name.value}" for name in extension.value)


def _signs_itself(loaded: x509.Certificate) -> bool:
    loaded.verify_directly_issued_by(loaded)
    return True


def _is_weak(loaded: x509.Certificate, key: Any) -> bool:
    """A key of less than 112 bits of strength (NIST SP 800-57), or a signature over a broken digest."""
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, DSAPublicKey | RSAPublicKey) and key.key_size < 2048:
        return True
    if isinstance(key, EllipticCurvePublicKey) and key.key_size < 224:
        return True
    digest = quietly(lambda: loaded.signature_hash_algorithm)
    return digest is not None and digest.name in ("md5", "sha1") and loaded.subject != loaded.issuer


def certificate_facts(chain: tuple[Certificate, ...]) -> Mapping[str, str | int | bool]:
    """What may be printed of a chain: all but its length is about its first certificate."""
    if not chain:
        return {}
    first = chain[0]
    facts: dict[str, str | int | bool] = {
        "subject": first.subject,
        "issuer": first.issuer,
        "not_before": first.not_before.date().isoformat(),
        "not_after": first.not_after.date().isoformat(),
        "names": len(first.names),
        "key": first.key,
        "chain": len(chain),
        "self_signed": first.self_signed,
    }
    return {name: value for name, value in facts.items() if value != ""}


def changed_parts(old: tuple[Certificate, ...], new: tuple[Certificate, ...]) -> tuple[str, ...]:
    """Which facts differ between two chains; `serial` where the certificate was issued again with the same ones."""
    if not old or not new:
        return ("encoding",)
    before, after = old[0], new[0]
    differs = {
        "subject": before.subject_bytes != after.subject_bytes,
        "issuer": before.issuer_bytes != after.issuer_bytes,
        "not_before": before.not_before != after.not_before,
        "not_after": before.not_after != after.not_after,
        "names": before.names != after.names,
        "key": before.public != after.public,
    }
    parts = [part for part, different in differs.items() if different]
    if not parts and before.identity != after.identity:
        parts.append("serial")
    if [one.identity for one in old[1:]] != [one.identity for one in new[1:]]:
        parts.append("chain")
    return tuple(parts) or ("encoding",)


def chain_is_complete(chain: tuple[Certificate, ...]) -> bool:
    """Whether each certificate is followed by that of its issuer, up to one whose issuer clients may know by themselves.

    A lone certificate is complete if it is self-signed; whether its issuer is a root that clients know is not ours to say.
    """
    return all(one.issuer_bytes == following.subject_bytes for one, following in pairwise(chain))


def private_key_matches(certificate: bytes, key: bytes) -> bool | None:
    """Whether a private key is that of the first certificate; None if either cannot be read, an encrypted key for instance."""
    from sopskit.redact.privatekeys import read_private_key

    chain = read_certificates(certificate)
    private = read_private_key(key)
    if not chain or private is None or private.public is None or chain[0].public is None:
        return None
    return chain[0].public == private.public
