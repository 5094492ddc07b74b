"""Bech32 (BIP 173) without a length limit: the text form of age keys (age v1 section 2.3)."""

from __future__ import annotations

_CHARSET = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE32 = b"0123456789abcdefghijklmnopqrstuv"  # the digits of int(text, 32)
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_SYMBOLS = 6

_FOREIGN = 0xFF
_TO_SYMBOL = bytes(_CHARSET.find(byte) & _FOREIGN for byte in range(256))  # find gives -1, so 0xFF, for foreign bytes
_TO_BASE32 = bytes.maketrans(_CHARSET, _BASE32)


def _reduction(top: int) -> int:
    """What the five bits shifted out of the checksum add to it."""
    total = 0
    for bit, generator in enumerate(_GENERATORS):
        if top >> bit & 1:
            total ^= generator
    return total


_REDUCTIONS = tuple(_reduction(top) for top in range(32))


def _polymod(symbols: bytes) -> int:
    """The BCH checksum over 5-bit symbols."""
    reductions = _REDUCTIONS
    checksum = 1
    for symbol in symbols:
        checksum = (checksum & 0x1FFFFFF) << 5 ^ symbol ^ reductions[checksum >> 25]
    return checksum


def _expand(prefix: bytes) -> bytes:
    """The lower-case human-readable part as symbols."""
    return bytes(byte >> 5 for byte in prefix) + b"\0" + bytes(byte & 31 for byte in prefix)


def encode(prefix: str, data: bytes) -> str:
    """Encode `data`; an upper-case `prefix` gives an upper-case string."""
    count = -(-len(data) * 8 // 5)
    value = int.from_bytes(data, "big") << (count * 5 - len(data) * 8)
    symbols = bytes(value >> shift & 31 for shift in range(5 * (count - 1), -1, -5))
    remainder = _polymod(_expand(prefix.lower().encode("ascii")) + symbols + bytes(_CHECKSUM_SYMBOLS)) ^ 1
    checksum = bytes(remainder >> shift & 31 for shift in range(25, -1, -5))
    text = bytes(_CHARSET[symbol] for symbol in symbols + checksum).decode("ascii")
    return f"{prefix}1{text.upper() if prefix.isupper() else text}"


def decode(text: str) -> tuple[str, bytes]:
    """Split a string into its human-readable part, in the case it was written in, and its payload.

    Raises `ValueError`; the message never holds a part of the text.
    """
    # Before lower(): the Kelvin sign, upper case and not ASCII, becomes a plain k there.
    if not text.isascii():
        raise ValueError("a character that is not ASCII")
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise ValueError("upper and lower case are mixed")
    separator = text.rfind("1")
    prefix, encoded = lower[:separator].encode("ascii"), lower[separator + 1 :].encode("ascii")
    if separator < 1 or not all(0x21 <= byte <= 0x7E for byte in prefix):
        raise ValueError("the part before the last 1 is missing or malformed")
    if len(encoded) < _CHECKSUM_SYMBOLS:
        raise ValueError("too short")
    symbols = encoded.translate(_TO_SYMBOL)
    if _FOREIGN in symbols:
        raise ValueError("a character outside the alphabet")
    if _polymod(_expand(prefix) + symbols) != 1:
        raise ValueError("the checksum does not fit: mistyped or cut off")
    return text[:separator], _regroup(encoded[:-_CHECKSUM_SYMBOLS])


def _regroup(encoded: bytes) -> bytes:
    """Turn 5-bit symbols into bytes; spare bits must be fewer than five and zero."""
    size, spare = divmod(len(encoded) * 5, 8)
    value = int(encoded.translate(_TO_BASE32), 32) if encoded else 0
    if spare >= 5 or value & ((1 << spare) - 1):
        raise ValueError("spare bits at the end")
    return (value >> spare).to_bytes(size, "big")
