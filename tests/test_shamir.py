"""Shamir shares: the published vector, every way to choose a threshold of them, and what is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.errors import UsageError
from sopskit.shamir import combine, split

KEY = bytes.fromhex("00112233" * 8)
# two of three, made by sops's own code
SHARES = [
    bytes.fromhex("e0798cbe6e4895967117300f1ddbf4d55e3cf5a1dd187938bbc1ad305d16179201"),
    bytes.fromhex("dbc16532dca35762e21d064b3a9e95e4bc4b970ca10394256daa2735ba1f486a02"),
    bytes.fromhex("3ba9cbbfb2fae0c7931b147727544302e266409e7c0acf2ed67aa836e7187dcb03"),
]


@pytest.mark.parametrize("chosen", [*itertools.permutations(SHARES, 2), *itertools.permutations(SHARES)])
def test_any_two_of_the_published_shares_give_the_key(chosen: tuple[bytes, ...]) -> None:
    assert combine(chosen) == KEY


@given(st.data())
def test_any_threshold_of_shares_gives_the_key(data: st.DataObject) -> None:
    key = data.draw(st.binary(min_size=1, max_size=40))
    parts = data.draw(st.integers(2, 8))
    threshold = data.draw(st.integers(2, parts))
    shares = split(key, parts, threshold)
    chosen = data.draw(st.permutations(shares))
    assert combine(chosen[:threshold]) == key
    assert combine(chosen) == key


def test_shares_are_numbered_from_one_and_one_byte_longer_than_the_key() -> None:
    shares = split(KEY, 255, 2)
    assert [(len(share), share[-1]) for share in shares] == [(33, x) for x in range(1, 256)]


def test_the_last_and_the_first_of_255_shares_give_the_key() -> None:
    shares = split(KEY, 255, 3)
    assert combine([shares[254], shares[0], shares[127]]) == KEY


def test_fewer_shares_than_the_threshold_give_something_else() -> None:
    assert combine(split(KEY, 3, 3)[:2]) != KEY


def test_the_same_key_is_split_differently_each_time() -> None:
    assert split(KEY, 2, 2) != split(KEY, 2, 2)


@pytest.mark.parametrize(
    ("parts", "threshold"), [(3, 0), (3, 1), (3, 4), (1, 1), (0, 0), (256, 2), (300, 300), (3, -1)]
)
def test_a_threshold_that_makes_no_sense_is_refused(parts: int, threshold: int) -> None:
    with pytest.raises(UsageError):
        split(KEY, parts, threshold)


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to split"):
        split(b"", 2, 2)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "less than two parts"),
        ([SHARES[0]], "less than two parts"),
        ([b"\x01", b"\x02"], "at least two bytes"),
        ([b"", b""], "at least two bytes"),
        ([SHARES[0], SHARES[1][1:]], "same length"),
        ([SHARES[0], SHARES[0]], "duplicate part"),
        ([SHARES[0], SHARES[1][:-1] + b"\x01"], "duplicate part"),
        ([SHARES[0], SHARES[1][:-1] + b"\x00"], "x = 0"),
    ],
)
def test_shares_that_do_not_fit_together_are_refused(parts: list[bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        combine(parts)


def test_multiplication_agrees_with_the_field_of_aes() -> None:
    # FIPS 197 section 4.2: {57} times {83} is {c1}; and x = 0x83 with the polynomial 0x57 * x
    from sopskit.shamir import _Lanes

    assert _Lanes(1).multiply(0x57, 0x83) == 0xC1
    assert _Lanes(3).multiply(0x570057, 0x83) == 0xC100C1
