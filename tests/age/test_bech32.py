"""Bech32 without a length limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.age import bech32
from tests.age.known_answers import HYBRID_IDENTITY, HYBRID_RECIPIENT, SEED, X25519_IDENTITY, X25519_RECIPIENT

SECRET = "AGE-SECRET-KEY-"


def checksum_constant(text: str, constant: int) -> str:
    """The same string with a checksum for another constant."""
    prefix, _, encoded = text.rpartition("1")
    values = [bech32._CHARSET.index(character) for character in encoded.lower().encode()]
    value = int.from_bytes(bytes(values[-6:]), "big")
    difference = constant ^ 1
    for index in range(6):
        values[-6 + index] ^= difference >> 5 * (5 - index) & 31
    assert value != int.from_bytes(bytes(values[-6:]), "big")
    return prefix + "1" + bytes(bech32._CHARSET[symbol] for symbol in values).decode()


def test_known_strings() -> None:
    assert bech32.decode(X25519_IDENTITY) == (SECRET, SEED)
    assert bech32.encode(SECRET, SEED) == X25519_IDENTITY
    assert bech32.decode(HYBRID_IDENTITY) == (f"{SECRET}PQ-", SEED)
    prefix, public = bech32.decode(X25519_RECIPIENT)
    assert (prefix, public.hex()) == ("age", "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
    assert [len(HYBRID_RECIPIENT), len(bech32.decode(HYBRID_RECIPIENT)[1])] == [1959, 1216]


def test_strings_of_plugins_have_any_payload_or_none() -> None:
    payload = bytes.fromhex("00010203")
    assert bech32.encode("age1example", payload) == "age1example1qqqsyqc2zpnwc"
    assert bech32.encode("AGE-PLUGIN-EXAMPLE-", payload) == "AGE-PLUGIN-EXAMPLE-1QQQSYQCFU3CNT"
    assert bech32.encode("AGE-PLUGIN-EXAMPLE-", b"") == "AGE-PLUGIN-EXAMPLE-1Z9AA2A"
    assert bech32.decode("AGE-PLUGIN-EXAMPLE-1Z9AA2A") == ("AGE-PLUGIN-EXAMPLE-", b"")


# BIP 173's own lists; what breaks its length limit is valid here, as are prefixes of unusual characters.
@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "?1ezyfcl",
        "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
    ],
)
def test_valid_strings_of_bip_173(text: str) -> None:
    prefix, data = bech32.decode(text)
    assert bech32.encode(prefix, data).lower() == text.lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\x201nwldj5", "missing or malformed"),
        ("\x7f1axkwrx", "missing or malformed"),
        ("\x801eym55h", "not ASCII"),
        ("pzry9x0s0muk", "missing or malformed"),
        ("1pzry9x0s0muk", "missing or malformed"),
        ("x1b4n0q5v", "outside the alphabet"),
        ("li1dgmt3", "too short"),
        ("de1lg7wt\xff", "not ASCII"),
        ("A1G7SGD8", "checksum"),
        ("10a06t8", "missing or malformed"),
        ("1qzzfhee", "missing or malformed"),
        ("", "missing or malformed"),
        (X25519_RECIPIENT.replace("a", "A", 1), "mixed"),
        (X25519_RECIPIENT + " ", "outside the alphabet"),
        (X25519_RECIPIENT + "\n", "outside the alphabet"),
        ("\t" + X25519_RECIPIENT, "missing or malformed"),
        (X25519_RECIPIENT[:-1] + "q", "checksum"),
        (checksum_constant(X25519_RECIPIENT, 0x2BC830A3), "checksum"),  # Bech32m
        (X25519_IDENTITY.replace("K", "\u212a", 1), "not ASCII"),  # the Kelvin sign
        ("a1" + "q" * 2 + "x" * 4, "checksum"),
    ],
)
def test_what_is_not_bech32_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bech32.decode(text)


def with_symbols(prefix: str, symbols: bytes) -> str:
    """A string with a right checksum over any symbols."""
    remainder = bech32._polymod(bech32._expand(prefix.encode()) + symbols + bytes(6)) ^ 1
    checksum = bytes(remainder >> shift & 31 for shift in range(25, -1, -5))
    return f"{prefix}1" + bytes(bech32._CHARSET[symbol] for symbol in symbols + checksum).decode()


@pytest.mark.parametrize("symbols", [b"\0\1", b"\0\2", b"\0", b"\0\0\0", bytes(51) + b"\1"])
def test_spare_bits_must_be_few_and_zero(symbols: bytes) -> None:
    with pytest.raises(ValueError, match="spare bits"):
        bech32.decode(with_symbols("age", symbols))


@given(st.binary(max_size=200), st.sampled_from(["age", "AGE-SECRET-KEY-", "age1name", "?"]))
def test_round_trip(data: bytes, prefix: str) -> None:
    assert bech32.decode(bech32.encode(prefix, data)) == (prefix, data)


@given(st.integers(4, 61), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_one_changed_character_never_passes(index: int, character: str) -> None:
    changed = X25519_RECIPIENT[:index] + character + X25519_RECIPIENT[index + 1 :]
    if changed != X25519_RECIPIENT:
        with pytest.raises(ValueError, match="checksum"):
            bech32.decode(changed)


def test_messages_hold_nothing_of_the_text() -> None:
    with pytest.raises(ValueError) as caught:
        bech32.decode(X25519_IDENTITY[:-1] + "Q")
    assert "QQQS" not in str(caught.value)
