"""Public PGP keys as gpg writes them, and as nobody should."""

from __future__ import annotations

import re
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sopskit.review.pgpkeys import (
    LARGEST,
    Component,
    Problem,
    PublicKey,
    by_fingerprint,
    problem_of,
    read_public_keys,
)
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPIRED = (ROOT / "fixtures" / "pgp" / "test-only-expired-public.asc").read_bytes()
EXPIRED_FINGERPRINT = "283F629FBABE78FFD1FE35A4DBF3D973E7452978"
DAY = 86_400
MADE = 1_767_225_600  # 2026-01-01
# RFC 9580 appendix A.3, a certificate of version 6
VERSION_6 = b"""-----BEGIN PGP PUBLIC KEY BLOCK-----

xioGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laPCsQYf
GwoAAABCBYJjh3/jAwsJBwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxy
KwwfHifBilZwj2Ul7Ce62azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lw
gyU2kCcUmKfvBXbAf6rhRYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaE
QsiPlR4zxP/TP7mhfVEe7XWPxtnMUMtf15OyA51YBM4qBmOHf+MZAAAAIIaTJINn
+eUBXbki+PSAld2nhJh/LVmFsS+60WyvXkQ1wpsGGBsKAAAALAWCY4d/4wKbDCIh
BssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce62azJAAAAAAQBIKbpGG2dWTX8
j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUBtnNwDEM0g12vYxoWM8Y81W+bHBw805
I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUrk0mXubZvyl4GBg==
-----END PGP PUBLIC KEY BLOCK-----
"""


class Gpg:
    """The gpg program with a clock that a test sets, in days after `MADE`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, day: int = 0, input: bytes = b"") -> bytes:
        """Run a command that must succeed; gives its output. A new signature has to be on another day than the old one."""
        words = ("--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", "")
        clock = ("--faked-system-time", f"{MADE + day * DAY}!", "--ignore-time-conflict")
        command = ["gpg", *words, *clock, *arguments]
        done = subprocess.run(command, input=input, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def key(self, expires: str = "0", name: str = "ann") -> str:
        """A new key with an encryption subkey, its fingerprint."""
        self("--quick-generate-key", f"{name} <{name}@example.org>", "future-default", "default", expires)
        return self.fingerprints(name)[0]

    def fingerprints(self, name: str) -> list[str]:
        """Those of a key and its subkeys."""
        listing = self("--list-keys", "--with-colons", name).decode()
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]

    def export(self, *words: str) -> bytes:
        """The keyring, by default armored."""
        return self(*(words or ("--armor",)), "--export")

    def revoke(self, fingerprint: str) -> None:
        """Import the certificate that gpg made with the key."""
        text = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        self("--import", input=text.replace("\n:-----BEGIN", "\n-----BEGIN").encode())


@pytest.fixture
def gpg(gnupg_home: Path) -> Gpg:
    return Gpg(gnupg_home)


def problem(data: bytes, day: int, *, only: str | None = None) -> Problem | None:
    """What is wrong with the one key in a file."""
    (key,) = by_fingerprint(read_public_keys(data)).values()
    return problem_of(key, MADE + day * DAY, only=only)


# --- as gpg writes them


def test_a_key_that_expired_is_read(gnupg_home: Path) -> None:
    (key,) = read_public_keys(EXPIRED)
    expires = 1_577_923_200  # 2020-01-02
    subkey = "68AE166D80FA7389E7A7B791E6C09D7BE9A768BF"
    assert key == PublicKey(
        Component(EXPIRED_FINGERPRINT, expires - DAY, expires, revoked=False, encrypts=False),
        (Component(subkey, expires - DAY, expires, revoked=False, encrypts=True),),
    )
    subprocess.run(["gpg", "--batch", "--quiet", "--import"], input=EXPIRED, check=True, capture_output=True)
    listed = subprocess.run(["gpg", "--list-keys", "--with-colons"], check=True, capture_output=True, text=True).stdout
    found = [(line.split(":")[0], line.split(":")[6]) for line in listed.splitlines() if line[:3] in {"pub", "sub"}]
    assert found == [("pub", str(expires)), ("sub", str(expires))]


def test_the_fingerprints_are_those_of_gpg(gpg: Gpg) -> None:
    gpg("--quick-generate-key", "rsa <rsa@example.org>", "rsa2048", "default", "0")
    gpg.key(name="ann")
    read = [
        [key.primary.fingerprint, *(part.fingerprint for part in key.subkeys)] for key in read_public_keys(gpg.export())
    ]
    assert read == [gpg.fingerprints("rsa"), gpg.fingerprints("ann")]
    rsa, ann = read_public_keys(gpg.export())
    assert (rsa.primary.encrypts, rsa.subkeys) == (False, ())  # its flags say that it signs
    assert (ann.primary.encrypts, [part.encrypts for part in ann.subkeys]) == (False, [True])


def test_a_key_that_never_expires_has_no_problem(gpg: Gpg) -> None:
    gpg.key()
    assert problem(gpg.export(), 100 * 365) is None


def test_a_key_expires_in_the_second_that_it_names(gpg: Gpg) -> None:
    gpg.key("seconds=864000")
    (key,) = read_public_keys(gpg.export())
    assert key.primary.expires == MADE + 10 * DAY
    assert problem_of(key, MADE + 10 * DAY - 1) is None
    assert problem_of(key, MADE + 10 * DAY) == Problem(MADE + 10 * DAY)


def test_the_newest_signature_counts_of_one_file_and_of_several(gpg: Gpg) -> None:
    fingerprint = gpg.key("seconds=864000")
    old = gpg.export()
    gpg("--quick-set-expire", fingerprint, "seconds=8640000", day=2)
    gpg("--quick-set-expire", fingerprint, "0", "*", day=2)
    new = gpg.export()
    assert (problem(old, 20), problem(new, 20), problem(new, 110)) == (
        Problem(MADE + 10 * DAY),
        None,
        Problem(MADE + 102 * DAY),
    )
    assert (problem(old + new, 20), problem(new + old, 20)) == (None, None)


def test_a_subkey_that_expired_alone_is_told(gpg: Gpg) -> None:
    fingerprint = gpg.key()
    gpg("--quick-set-expire", fingerprint, "seconds=864000", "*", day=1)
    assert (problem(gpg.export(), 10), problem(gpg.export(), 12)) == (None, Problem(MADE + 11 * DAY, subkey=True))


def test_a_second_subkey_takes_its_place_but_not_where_only_one_may_be_used(gpg: Gpg) -> None:
    fingerprint = gpg.key()
    gpg("--quick-set-expire", fingerprint, "seconds=864000", "*", day=1)
    gpg("--quick-add-key", fingerprint, "cv25519", "encr", "0", day=2)
    old, new = gpg.fingerprints("ann")[1:]
    ended = Problem(MADE + 11 * DAY, subkey=True)
    assert [problem(gpg.export(), 12, only=only) for only in (None, old, new)] == [None, ended, None]


def test_a_revoked_key_is_told(gpg: Gpg) -> None:
    fingerprint = gpg.key("seconds=864000")
    before = gpg.export()
    gpg.revoke(fingerprint)
    assert problem(gpg.export(), 0) == Problem(None)
    assert problem(gpg.export() + before, 0) == Problem(None)
    assert problem(before + gpg.export(), 20) == Problem(None)


def test_a_revoked_subkey_is_told(gpg: Gpg) -> None:
    fingerprint = gpg.key()
    answers = b"key 1\nrevkey\ny\n0\n\ny\nsave\n"
    gpg("--command-fd", "0", "--edit-key", fingerprint, input=answers)
    assert problem(gpg.export(), 0) == Problem(None, subkey=True)


def test_what_other_keys_sign_counts_for_nothing(gpg: Gpg) -> None:
    ann = gpg.key("seconds=864000", name="ann")
    bob = gpg.key(name="bob")
    gpg("--default-key", bob, "--default-cert-expire", "0", "--quick-sign-key", ann, day=5)
    keys = by_fingerprint(read_public_keys(gpg.export()))
    assert problem_of(keys[ann], MADE + 11 * DAY) == Problem(MADE + 10 * DAY)
    gpg.revoke(bob)
    keys = by_fingerprint(read_public_keys(gpg.export()))
    assert (problem_of(keys[ann], MADE), problem_of(keys[bob], MADE)) == (None, Problem(None))


def test_binary_files_and_several_blocks_are_read(gpg: Gpg) -> None:
    fingerprint = gpg.key()
    (key,) = read_public_keys(gpg.export("--no-armor"))
    assert key.primary.fingerprint == fingerprint
    several = b"Ann's key\r\n" + gpg.export().replace(b"\n", b"\r\n") + b"\nan old one\n" + EXPIRED
    assert [one.primary.fingerprint for one in read_public_keys(several)] == [fingerprint, EXPIRED_FINGERPRINT]


def test_the_checksum_is_left_alone(gpg: Gpg) -> None:
    assert read_public_keys(re.sub(rb"\n=....\n", b"\n=AAAA\n", EXPIRED)) == read_public_keys(EXPIRED)
    assert read_public_keys(re.sub(rb"\n=....\n", b"\n", EXPIRED)) == read_public_keys(EXPIRED)


def test_other_things_that_gpg_writes_are_no_public_keys(gpg: Gpg) -> None:
    fingerprint = gpg.key()
    private = gpg("--export-secret-keys")
    message = gpg("--trust-model", "always", "--encrypt", "--recipient", fingerprint, input=b"x")
    signature = gpg("--detach-sign", input=b"x")
    assert [read_public_keys(data) for data in (private, message, signature, b"", b"\n")] == [()] * 5


def test_a_key_of_version_6_is_read() -> None:
    assert read_public_keys(VERSION_6) == (
        PublicKey(
            Component(
                "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9",
                1_669_824_483,
                None,
                revoked=False,
                encrypts=False,
            ),
            (
                Component(
                    "12C83F1E706F6308FE151A417743A1F033790E93E9978488D1DB378DA9930885",
                    1_669_824_483,
                    None,
                    revoked=False,
                    encrypts=True,
                ),
            ),
        ),
    )


# --- as nobody should


def packet(kind: int, body: bytes) -> bytes:
    """A packet with a length of five octets."""
    return bytes((0xC0 | kind, 0xFF)) + len(body).to_bytes(4) + body


KEY = packet(6, b"\x04" + MADE.to_bytes(4) + b"\x01" + b"\0\x08\xff\0\x08\x03")


def signature(hashed: bytes, unhashed: bytes = b"", type: int = 0x13) -> bytes:
    """A signature packet without the signature."""
    lengths = [len(part).to_bytes(2) + part for part in (hashed, unhashed)]
    return packet(2, bytes((4, type, 1, 8)) + b"".join(lengths))


def issuer() -> bytes:
    """The subpacket that names `KEY`."""
    (key,) = read_public_keys(KEY)
    return b"\x09\x10" + bytes.fromhex(key.primary.fingerprint)[-8:]


def test_an_end_counts_only_if_it_is_signed() -> None:
    created, expires = b"\x05\x02" + (MADE + 5).to_bytes(4), b"\x05\x89" + DAY.to_bytes(4)
    assert problem(KEY + signature(created + expires, issuer()), 2) == Problem(MADE + DAY)
    assert problem(KEY + signature(created, issuer() + expires), 2) is None
    assert problem(KEY + signature(created + expires), 2) is None
    assert problem(KEY + signature(created + expires, b"\x09\x10" + bytes(8)), 2) is None


def test_of_two_signatures_of_one_second_the_one_with_an_end_counts() -> None:
    created, expires = b"\x05\x02" + MADE.to_bytes(4), b"\x05\x09" + DAY.to_bytes(4)
    two = signature(created + expires, issuer()), signature(created, issuer())
    assert [problem(KEY + b"".join(order), 2) for order in (two, two[::-1])] == [Problem(MADE + DAY)] * 2


@pytest.mark.parametrize(
    "data",
    [
        EXPIRED.replace(b"-----END", b"----END"),
        EXPIRED.replace(b"BLOCK-----\n\n", b"BLOCK-----\n"),
        EXPIRED.replace(b"mDMEX", b"mDME*"),
        b64decode(b"".join(EXPIRED.splitlines()[2:-2]))[:-1],
        KEY[:-1],
        KEY + b"\x06",
        KEY + b"\xc2",
        KEY + packet(11, b"literal data"),
        packet(6, b""),
        packet(6, b"\x04\0\0"),
        KEY + packet(2, b"\x04\x13\x01\x08\xff\xff"),
        KEY + signature(b"\x00"),
        KEY + signature(b"\xff\xff\xff\xff\xff\x02"),
        KEY + signature(b"\x02\x02\x01", b"\x09\x10" + bytes(8))[:-2],
        b"\xc6\xe1" + bytes(3),
        b"\x9b" + KEY,
        KEY + bytes(LARGEST),
    ],
)
def test_a_damaged_file_has_no_keys(data: bytes) -> None:
    assert read_public_keys(data) == ()


def test_a_number_of_another_size_is_damage() -> None:
    long = signature(b"\x05\x02" + MADE.to_bytes(4) + b"\xc0\x40\x09" + bytes(255), issuer())
    assert read_public_keys(KEY + long) == ()


def test_signatures_of_other_versions_and_about_other_keys_are_passed_over() -> None:
    (key,) = read_public_keys(KEY + packet(2, b"\x03" + bytes(20)) + packet(14, b"\x03" + bytes(20)))
    assert key.subkeys == ()
    assert read_public_keys(packet(6, b"\x03" + bytes(20)) + KEY) == (key,)
    body = MADE.to_bytes(4) + b"\x12" + bytes(20)
    bound = signature(b"\x05\x02" + MADE.to_bytes(4), issuer(), 0x18)
    (key,) = read_public_keys(KEY + packet(14, b"\x04" + body) + bound)
    assert [part.encrypts for part in key.subkeys] == [True]
    (key,) = read_public_keys(KEY + packet(14, b"\x06" + body) + bound + packet(14, b"\x04" + body))
    assert key.subkeys == ()  # one of another version, and one that the key does not know
    revoked = signature(b"", issuer(), 0x20)
    assert problem(KEY + revoked, 0) == Problem(None)
    assert problem(KEY + packet(14, b"\x03" + bytes(20)) + revoked, 0) is None


def test_many_copies_are_joined_in_no_time() -> None:
    keys = read_public_keys(KEY * (LARGEST // len(KEY)))
    assert len(by_fingerprint(keys)) == 1
    assert len(keys) > 3000


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_input_is_an_error(data: bytes) -> None:
    assert isinstance(read_public_keys(data), tuple)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_damage_is_an_error(changes: Sequence[tuple[int, int]]) -> None:
    data = bytearray(b64decode(b"".join(EXPIRED.splitlines()[2:-2])))
    for at, octet in changes:
        data[at % len(data)] = octet
    for key in by_fingerprint(read_public_keys(bytes(data))).values():
        problem_of(key, MADE)
