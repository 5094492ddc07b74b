"""What can be said of a MAC without a key."""

from __future__ import annotations

import pytest

from sopskit.review.sides import read_side
from sopskit.review.staleness import is_stale
from tests.review.conftest import Sops

REGEX = ("--encrypted-regex", "^(data|stringData)$")
TEXT = "kind: Secret\nzone: db\nname: prod\nempty: ''\nstringData:\n  password: one\n  token: two\n"


def stale(base: bytes, head: bytes) -> bool:
    return is_stale(read_side("file.yaml", base), read_side("file.yaml", head))


@pytest.fixture
def base(sops: Sops) -> bytes:
    return sops.encrypted(TEXT, *REGEX)


def test_an_untouched_file_is_not_stale(base: bytes) -> None:
    assert not stale(base, base)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"kind: Secret", b"kind: ConfigMap"),
        (b"name: prod", b"name: prod\nmore: x"),
        (b"zone: db\n", b""),
        (b"name: prod\n", b""),
    ],
)
def test_a_plain_value_that_changed_makes_it_stale(base: bytes, old: bytes, new: bytes) -> None:
    assert stale(base, base.replace(old, new))


def test_a_token_of_somewhere_else_makes_it_stale(base: bytes, sops: Sops) -> None:
    other = sops.encrypted(TEXT, *REGEX)
    token = next(line for line in other.split(b"\n") if b"password" in line)
    mine = next(line for line in base.split(b"\n") if b"password" in line)
    assert stale(base, base.replace(mine, token))


def test_a_value_that_was_emptied_makes_it_stale(base: bytes) -> None:
    line = next(line for line in base.split(b"\n") if b"token:" in line)
    assert stale(base, base.replace(line, b"    token: ''"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"zone: db", b"area: db"),
        (b"zone: db\nname: prod", b"zone: dbp\nname: rod"),
        (b"zone: db", b"zone: db\nadded: ''"),
        (b"kind: Secret", b"# approved\nkind: Secret"),
        (b"stringData:\n", b"stringData:\n    more: ''\n"),
    ],
)
def test_what_the_mac_does_not_see_does_not(base: bytes, old: bytes, new: bytes) -> None:
    assert not stale(base, base.replace(old, new))


def test_a_relabelled_type_is_not_seen_by_the_mac(sops: Sops) -> None:
    base = sops.encrypted("stringData:\n  pin: '1234'\n", *REGEX)
    assert not stale(base, base.replace(b"type:str]\nsops", b"type:int]\nsops"))


def test_a_new_mac_may_be_right(base: bytes, sops: Sops) -> None:
    sops("set", "file.yaml", '["stringData"]["password"]', '"three"')
    assert not stale(base, sops.bytes())


def test_a_mac_over_encrypted_values_does_not_see_the_plain_ones(sops: Sops) -> None:
    base = sops.encrypted(TEXT, *REGEX, "--mac-only-encrypted")
    assert not stale(base, base.replace(b"name: prod", b"name: other"))


def test_another_kind_of_mac_cannot_have_the_old_text(base: bytes) -> None:
    assert stale(base, base.replace(b"    lastmodified", b"    mac_only_encrypted: true\n    lastmodified"))


def test_files_that_are_new_or_plain_have_none(base: bytes) -> None:
    assert not is_stale(None, read_side("file.yaml", base))
    assert not stale(TEXT.encode(), base)
