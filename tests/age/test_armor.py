"""ASCII armor: reads what the reference implementation reads, writes one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.age.armor import BEGIN, END, armor, dearmor, is_armored
from sopskit.errors import ArmorError
from tests.age.known_answers import ARMORED_FILE, X25519_FILE

B = BEGIN + b"\n"
E = END + b"\n"
FULL = b"A" * 64 + b"\n"


def test_known_file() -> None:
    assert armor(X25519_FILE) == ARMORED_FILE
    assert dearmor(ARMORED_FILE) == X25519_FILE


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (B + E, b""),
        (B + b"AA==\n" + E, bytes(1)),
        (B + b"AAA=\n" + E, bytes(2)),
        (B + b"AAAA\n" + E, bytes(3)),
        (B + FULL + E, bytes(48)),
        (B + FULL + b"AAAA\n" + E, bytes(51)),
        (B + b"A" * 62 + b"==\n" + E, bytes(46)),
        (B + b"AAAA\n" + END, bytes(3)),
        (B + b"AAAA\n" + END + b"\r", bytes(3)),
        (BEGIN + b"\r\nAAAA\r\n" + END + b"\r\n", bytes(3)),
        (BEGIN + b"\n" + FULL + b"AAAA\r\n" + E, bytes(51)),
        (b" \t\r\n\v\f\n" + B + E, b""),
        (B + E + b" \t\r\n\v\f", b""),
        (b"\n" * 1024 + B + E, b""),
        (b"\r\n" * 1024 + B + E, b""),
        (b" " * 1023 + b"\n" + B + E, b""),
        (B + E + b"\n" * 1023, b""),
    ],
)
def test_what_is_read(text: bytes, data: bytes) -> None:
    assert dearmor(text) == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no BEGIN"),
        (b"\n\n", "no BEGIN"),
        (BEGIN, "no BEGIN"),
        (b"age-encryption.org/v1\n", "does not start"),
        (b" " + B + E, "does not start"),
        (BEGIN + b" \n" + E, "does not start"),
        (BEGIN + b"\r\r\n" + E, "does not start"),
        (BEGIN.lower() + b"\n" + E, "does not start"),
        (B.replace(b"AGE", b"PGP") + E, "does not start"),
        (b"text\n" + B + E, "does not start"),
        (b"\xc2\xa0\n" + B + E, "does not start"),
        (b"\n" * 1025 + B + E, "too much white space before"),
        (b" " * 1024 + b"\n" + B + E, "too much white space before"),
        (B + b"AAAA\n", "no END"),
        (B + b"AAAA\n" + E.lower(), "no END"),
        (B + b"AAAA\n" + END + b" \n", "END line"),
        (B + b"AAAA\n" + END + b"-\n", "END line"),
        (B + b"AAAA\n" + END + b"\r\r\n", "END line"),
        (B + b"AAAA\n" + E + b"x", "follows"),
        (B + b"AAAA\n" + E + b"\0", "follows"),
        (B + b"AAAA\n" + E + B + E, "follows"),
        (B + E + b"\n" * 1024, "too much white space after"),
        (B + b"AAAA" + E, "malformed lines"),
        (B + b"AAAA\n " + E, "malformed lines"),
        (B + b"\n" + E, "malformed lines"),
        (B + b"\nAAAA\n" + E, "malformed lines"),
        (B + b"AAAA\n\n" + E, "malformed lines"),
        (B + FULL + b"\n" + E, "malformed lines"),
        (B + b"AAAA \n" + E, "malformed lines"),
        (B + b" AAAA\n" + E, "malformed lines"),
        (B + b"AA AA\n" + E, "malformed lines"),
        (B + b"AA\rAA\n" + E, "malformed lines"),
        (B + b"AAAA\r\r\n" + E, "malformed lines"),
        (B + b"AAAA\r" + E, "malformed lines"),
        (B + b"AAAA\nAAAA\n" + E, "malformed lines"),
        (B + b"A" * 60 + b"\n" + b"AAAA\n" + E, "malformed lines"),
        (B + b"A" * 68 + b"\n" + E, "malformed lines"),
        (B + b"A" * 62 + b"==\n" + b"AAAA\n" + E, "malformed lines"),
        (B + b"AB==\n" + E, "malformed lines"),
        (B + b"AAB=\n" + E, "malformed lines"),
        (B + b"AAAA====\n" + E, "malformed"),
        (B + b"AA\n" + E, "malformed base64"),
        (B + b"AAA\n" + E, "malformed base64"),
        (B + b"A\n" + E, "malformed base64"),
        (B + b"====\n" + E, "malformed"),
        (B + b"-_AA\n" + E, "malformed"),
        (B + b"Version: 1\n\nAAAA\n" + E, "malformed"),
        (B + b"AAAA\n=AAAA\n" + E, "malformed"),
    ],
)
def test_what_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ArmorError, match=message):
        dearmor(text)


def test_detection_skips_white_space_up_to_its_limit() -> None:
    assert is_armored(ARMORED_FILE)
    assert is_armored(b"\r\n \t\v\f" + ARMORED_FILE)
    assert is_armored(b" " * 1024 + ARMORED_FILE)
    assert not is_armored(b" " * 1025 + ARMORED_FILE)
    assert not is_armored(X25519_FILE)
    assert not is_armored(b"x" + ARMORED_FILE)


@given(st.binary(max_size=300), st.sampled_from([b"\n", b"\r\n"]))
def test_round_trip(data: bytes, end: bytes) -> None:
    assert dearmor(armor(data).replace(b"\n", end)) == data


@given(st.integers(0, len(ARMORED_FILE) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_the_data(index: int, byte: int) -> None:
    changed = ARMORED_FILE[:index] + bytes((byte,)) + ARMORED_FILE[index + 1 :]
    try:
        data = dearmor(changed)
    except ArmorError:
        return
    assert armor(data).strip() == changed.strip()
