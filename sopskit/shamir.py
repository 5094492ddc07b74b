"""Shamir's secret sharing as SOPS uses it for key groups (SOPS section 9.5).

Every byte of the secret is the constant term of its own random polynomial over GF(2^8) with the
modulus x^8 + x^4 + x^3 + x + 1. A share is the values of all polynomials at one x, followed by x.

The bytes of a share are computed side by side, as lanes of one large integer. What is multiplied with
them (an x, a Lagrange coefficient) is public, so secret bytes are only shifted, masked and added: no
table is indexed and no branch taken by them. Python itself does not promise constant time; its integers
may tell by their size how many leading bytes are zero.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_PARTS = 255
MODULUS = 0x1B  # the modulus without its x^8


def split(key: bytes, parts: int, threshold: int) -> list[bytes]:
    """Shares of `key` for x = 1 to `parts`, of which any `threshold` give it back.

    A share is one byte longer than the key. Raises `UsageError` unless 2 <= threshold <= parts <= 255.
    """
    if not 2 <= threshold <= parts <= MAX_PARTS:
        raise UsageError(
            f"a Shamir threshold is at least 2 and at most the number of key groups, not {threshold} of {parts}"
            if parts <= MAX_PARTS
            else f"at most {MAX_PARTS} key groups can share a data key, not {parts}"
        )
    if not key:
        raise ValueError("nothing to split")
    lanes = _Lanes(len(key))
    coefficients = [os.urandom(len(key)) for _ in range(threshold - 1)]
    polynomial = [int.from_bytes(data, "big") for data in (*coefficients, key)]
    return [lanes.evaluate(polynomial, x).to_bytes(len(key), "big") + bytes([x]) for x in range(1, parts + 1)]


def combine(parts: Sequence[bytes]) -> bytes:
    """The key from at least as many shares as the threshold was; with fewer the result is meaningless.

    Raises `ValueError` for fewer than two shares, shares of different or no length, and an x that is zero or repeated.
    """
    if len(parts) < 2:
        raise ValueError("less than two parts cannot be used to reconstruct the secret")
    size = len(parts[0]) - 1
    if size < 1:
        raise ValueError("parts must be at least two bytes")
    if any(len(part) != size + 1 for part in parts):
        raise ValueError("all parts must be the same length")
    positions = [part[-1] for part in parts]
    if len(set(positions)) != len(positions):
        raise ValueError("duplicate part detected")
    if 0 in positions:
        raise ValueError("a part at x = 0 would be the secret itself")
    lanes = _Lanes(size)
    key = 0
    for part, x in zip(parts, positions, strict=True):
        key ^= lanes.multiply(int.from_bytes(part[:-1], "big"), _at_zero(x, positions))
    return key.to_bytes(size, "big")


class _Lanes:
    """Arithmetic on integers that hold `count` field elements of eight bits each."""

    __slots__ = ("_high", "_low")

    def __init__(self, count: int) -> None:
        self._high = int.from_bytes(b"\x80" * count, "big")
        self._low = int.from_bytes(b"\x7f" * count, "big")

    def multiply(self, lanes: int, factor: int) -> int:
        """Every lane times `factor`, which is public."""
        product = 0
        while factor:
            if factor & 1:
                product ^= lanes
            lanes = ((lanes & self._low) << 1) ^ ((lanes & self._high) >> 7) * MODULUS
            factor >>= 1
        return product

    def evaluate(self, polynomial: Iterable[int], x: int) -> int:
        """The values at `x` of the polynomials whose coefficients are the lanes, highest degree first."""
        value = 0
        for coefficient in polynomial:
            value = self.multiply(value, x) ^ coefficient
        return value


def _at_zero(x: int, positions: Iterable[int]) -> int:
    """The value at 0 of the Lagrange polynomial that is 1 at `x` and 0 at the other positions. All of it is public."""
    element = _Lanes(1)
    result = 1
    for other in positions:
        if other != x:
            result = element.multiply(element.multiply(result, other), _inverse(x ^ other))
    return result


def _inverse(element: int) -> int:
    """The multiplicative inverse of a public element, which is not zero: its 254th power."""
    lanes = _Lanes(1)
    result, square = 1, element
    for _ in range(7):
        square = lanes.multiply(square, square)
        result = lanes.multiply(result, square)
    return result
