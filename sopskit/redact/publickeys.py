"""Public keys by name, as the cryptography library has them; what it cannot read is None here, never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
CURVES = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "secp224r1": "P-224",
    "secp256k1": "secp256k1",
}
# classes of the cryptography library; those with a size say it
SIZED = {"RSA": "RSA", "DSA": "DSA", "DH": "DH"}
UNSIZED = {"Ed25519": "Ed25519", "Ed448": "Ed448", "X25519": "X25519", "X448": "X448"}


def quietly(read: Callable[..., T], *arguments: Any) -> T | None:
    """Read hostile input with a library: None whatever goes wrong, and no warning, since both may quote the input."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read(*arguments)
        except Exception:  # noqa: BLE001 - the libraries raise many kinds, and none of their texts may be shown
            return None


def key_name(key: Any) -> str:
    """`RSA 2048`, `EC P-256`, `Ed25519`; empty for a kind without a name here. `key` may be public or private."""
    kind = type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey")
    if kind in SIZED:
        return f"{SIZED[kind]} {key.key_size}"
    if kind in ("EllipticCurve", "EC"):
        return f"EC {CURVES[key.curve.name]}" if key.curve.name in CURVES else "EC"
    return UNSIZED.get(kind, "")


def public_bytes(key: Any) -> bytes | None:
    """A public key's SubjectPublicKeyInfo (RFC 5280 section 4.1), which is equal for equal keys."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return quietly(lambda: bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)))
