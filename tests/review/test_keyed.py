"""What a private key adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.pgp import Gpg
from sopskit.review.files import CLOSED, NOT_TOLD
from sopskit.review.keyed import NOT_OPENED, Opener, keys_of
from sopskit.review.model import NotChecked, Sides
from sopskit.review.sides import read_side
from sopskit.sops.masterkeys import FixedKeyring
from tests.review.conftest import Sops
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey

CANARY = "canary-9d2b7c"
TEXT = f"kind: Secret\nstringData:\n  password: {CANARY}\n  token: two\n"
REGEX = ("--encrypted-regex", "^(data|stringData)$")


@pytest.fixture
def opener(alice: AgeTestKey) -> Opener:
    return Opener(FixedKeyring((parse_identity(alice.identity),)))


def test_an_opened_side_has_its_plaintexts_and_a_valid_mac(opener: Opener, sops: Sops) -> None:
    opened = opener.open(read_side("file.yaml", sops.encrypted(TEXT, *REGEX)))
    assert (opened.mac, opened.problem) == ("valid", None)
    assert {place: plain.data for place, plain in (opened.plain or {}).items()} == {
        (0, ("stringData", "password")): CANARY.encode(),
        (0, ("stringData", "token")): b"two",
    }
    assert CANARY not in repr(opened)


def test_what_is_plain_or_not_there_stays_closed(opener: Opener) -> None:
    assert opener.open(None) is NOT_OPENED
    assert opener.open(read_side("file.yaml", TEXT.encode())) is NOT_OPENED


def test_a_file_for_others_stays_closed(opener: Opener, sops: Sops, bob: AgeTestKey) -> None:
    assert opener.open(read_side("file.yaml", sops.encrypted(TEXT, *REGEX, "--age", bob.recipient))) is NOT_OPENED


def test_a_wrong_mac_is_told_and_the_values_all_the_same(opener: Opener, sops: Sops) -> None:
    data = sops.encrypted(TEXT, *REGEX).replace(b"kind: Secret", b"kind: Other")
    opened = opener.open(read_side("file.yaml", data))
    assert opened.mac == "invalid"
    assert (0, ("stringData", "password")) in (opened.plain or {})


def test_a_damaged_value_is_told_without_its_text(opener: Opener, sops: Sops) -> None:
    data = sops.encrypted(TEXT, *REGEX).replace(
        b"password: ENC[AES256_GCM,data:", b"password: ENC[AES256_GCM,data:AAAA"
    )
    opened = opener.open(read_side("file.yaml", data))
    assert (opened.mac, opened.plain) == ("invalid", None)
    assert "stringData" in str(opened.problem)
    assert CANARY not in str(opened.problem)


def test_the_same_wrapped_keys_are_opened_once(sops: Sops, alice: AgeTestKey) -> None:
    asked = []

    class Counting(FixedKeyring):
        def identities(self, recipient: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
            asked.append(recipient)
            return super().identities(recipient)

    opener = Opener(Counting((parse_identity(alice.identity),)))
    base = sops.encrypted(TEXT, *REGEX)
    sops("set", "file.yaml", '["stringData"]["token"]', '"three"')
    for data in (base, sops.bytes()):
        assert opener.open(read_side("file.yaml", data)).mac == "valid"
    assert asked == [alice.recipient]


def test_gpg_is_not_started_for_keys_it_lacks(sops: Sops, pgp_key: str, gnupg_home: Path, tmp_path: Path) -> None:
    sops.environment["GNUPGHOME"] = str(gnupg_home)
    data = sops.encrypted(TEXT, *REGEX, "--pgp", pgp_key, "--age", "")
    mine = Gpg("gpg", str(gnupg_home), environment={"PATH": "/usr/bin:/bin"})
    assert pgp_key in mine.secret_keys()
    assert Opener(FixedKeyring(pgp=mine)).open(read_side("file.yaml", data)).mac == "valid"
    empty = tmp_path / "empty"
    empty.mkdir(0o700)
    other = Gpg("gpg", str(empty), environment={"PATH": "/usr/bin:/bin"})
    assert other.secret_keys() == frozenset()
    assert Opener(FixedKeyring(pgp=other)).open(read_side("file.yaml", data)) is NOT_OPENED


def test_under_one_data_key_both_sides_may_be_compared(opener: Opener, sops: Sops) -> None:
    base = opener.open(read_side("file.yaml", sops.encrypted(TEXT, *REGEX)))
    other = opener.open(read_side("file.yaml", sops.encrypted(TEXT, *REGEX)))
    for sides, trusted, told, expected in (
        (Sides(base, base), False, True, (True, True)),
        (Sides(base, base), False, False, (True, False)),
        (Sides(base, base._replace(mac="invalid")), False, True, (True, False)),
        (Sides(base, other), False, True, (False, False)),
        (Sides(base, other), True, True, (False, True)),
        (Sides(NOT_OPENED, other), False, True, (None, False)),
    ):
        assert keys_of(sides, trusted=trusted, told=told)[1:] == expected


def test_what_no_key_opens_is_told_only_where_another_file_opens(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    keyring = FixedKeyring((parse_identity(alice.identity),))
    theirs = sops.encrypted(TEXT, *REGEX, "--age", bob.recipient)
    report = review_of({"x": b""}, {"theirs.yaml": theirs}, keyring=keyring)
    assert (report.mode, report.not_checked) == ("keyless", ())
    report = review_of(
        {"y": b""}, {"theirs.yaml": theirs + b"\n", "mine.yaml": sops.encrypted(TEXT, *REGEX)}, keyring=keyring
    )
    assert report.mode == "keyed"
    assert report.not_checked == (
        NotChecked("mine.yaml", NOT_TOLD, decisive=False),
        NotChecked("theirs.yaml", CLOSED, decisive=False),
    )


def test_a_strict_review_takes_a_key_that_opens_nothing_for_no_review(
    review_of: Reviewer, sops: Sops, alice: AgeTestKey, bob: AgeTestKey
) -> None:
    base = review_of.commit({"x": b""})
    head = review_of.commit({"theirs.yaml": sops.encrypted(TEXT, *REGEX, "--age", bob.recipient)})
    keyring = FixedKeyring((parse_identity(alice.identity),))
    assert review_of.between(base, head, keyring=keyring).verdict == "clean"
    assert review_of.between(base, head, keyring=keyring, strict=True).verdict == "undecided"
    assert review_of.between(base, head, strict=True).verdict == "clean"
