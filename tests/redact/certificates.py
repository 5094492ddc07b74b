"""Certificates and keys made for tests."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Issued(NamedTuple):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


@cache
def key(kind: str) -> Any:
    """One key of a kind; the same one whenever it is asked for, RSA being slow to make."""
    match kind.split():
        case ["RSA", size, *_]:
            return rsa.generate_private_key(65537, int(size))
        case ["DSA", size]:
            return dsa.generate_private_key(int(size))
        case ["EC", curve, *_]:
            curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
            return ec.generate_private_key(curves[curve])
        case ["Ed25519", *_]:
            return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(kind)


def key_pem(key: Any, format: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> bytes:
    """A private key in a PEM block."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return bytes(key.private_bytes(Encoding.PEM, format, encryption))


def issue(
    kind: str = "EC P-256",
    *,
    names: Sequence[tuple[x509.ObjectIdentifier, str]] = ((NameOID.COMMON_NAME, "service1"),),
    hosts: Sequence[str] = (),
    since: datetime = NOW - 90 * DAY,
    until: datetime = NOW + 275 * DAY,
    issuer: Issued | None = None,
) -> Issued:
    """A certificate for a key of a kind, signed by itself or an issuer. Names are not checked, as an attacker's are not."""
    own = key(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are longer than allowed
        subject = x509.Name([x509.NameAttribute(oid, text, _validate=False) for oid, text in names])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
    signer = issuer.key if issuer else own
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Issued(builder.sign(signer, digest), own)
