"""What may be said of a JSON Web Token (RFC 7519): its registered algorithm, and when it expires. Nothing is verified."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 64 * 1024
SHAPE = re.compile(rb"(?:[Bb]earer )?(eyJ[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_.-]*)\s*")
# RFC 7518 sections 3.1 and 4.1, RFC 8037, RFC 8812
ALGORITHMS = frozenset(
    (
        "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "ES256K", "PS256", "PS384",
        "PS512", "EdDSA", "Ed25519", "Ed448", "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "A128KW", "A192KW", "A256KW", "dir",
        "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW",
    )
)  # fmt: skip
# RFC 7519 section 4.1
CLAIMS = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti")


class Token(NamedTuple):
    """A token's parts; `algorithm` is empty for one that is not registered. For comparing in memory only."""

    algorithm: str
    expires: datetime | None
    header: Mapping[str, object]
    claims: Mapping[str, object]
    signature: bytes

    def __repr__(self) -> str:
        """The algorithm."""
        return f"Token({self.algorithm!r})"


def read_token(data: bytes) -> Token | None:
    """Decode a token; None if it is none. An encrypted one (RFC 7516) shows no claims."""
    match = SHAPE.fullmatch(data) if len(data) <= SIZE_LIMIT else None
    header = _object(match[1]) if match else None
    if match is None or header is None or "alg" not in header:
        return None
    algorithm = header["alg"]
    claims = (_object(match[2]) if match[3].count(b".") == 0 else None) or {}
    known = isinstance(algorithm, str) and algorithm in ALGORITHMS
    return Token(str(algorithm) if known else "", _time(claims.get("exp")), header, claims, match[3])


def _object(part: bytes) -> Mapping[str, object] | None:
    import json

    try:
        found = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _time(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def token_facts(token: Token) -> Mapping[str, str | int | bool]:
    """What may be printed of a token."""
    facts: dict[str, str | int | bool] = {"alg": token.algorithm} if token.algorithm else {}
    return {**facts, "expires": token.expires.date().isoformat()} if token.expires else facts


def changed_parts(old: Token, new: Token) -> tuple[str, ...]:
    """`header`, the registered claims that differ by name, `claims` for the others, and `signature`."""
    parts = ["header"] if old.header != new.header else []
    parts += [claim for claim in CLAIMS if old.claims.get(claim) != new.claims.get(claim)]
    others = [{name: claims[name] for name in claims if name not in CLAIMS} for claims in (old.claims, new.claims)]
    if others[0] != others[1]:
        parts.append("claims")
    if old.signature != new.signature:
        parts.append("signature")
    return tuple(parts) or ("encoding",)
