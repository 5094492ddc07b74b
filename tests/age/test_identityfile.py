"""Encrypted identity files."""

from __future__ import annotations

import pytest

from sopskit.age import EncryptedIdentities, ScryptRecipient, decrypt, encrypt, generate_x25519, parse_recipient
from sopskit.age.parse import FILE_LIMIT
from sopskit.errors import HeaderMacError, IdentityError, KeyAccessError, NoIdentityMatchError, PayloadError
from tests.age.known_answers import (
    ARMORED_FILE,
    HYBRID_RECIPIENT,
    PEERS,
    X25519_FILE,
    X25519_IDENTITY,
    X25519_PLAINTEXT,
)

TEXT = (PEERS / "identities.txt").read_bytes()


def locked(text: bytes = TEXT, *, armor: bool = False) -> bytes:
    return encrypt(text, [ScryptRecipient("correct horse", 2)], armor=armor)


class Asked:
    """Answers, and counts how often it is asked."""

    def __init__(self, passphrase: str = "correct horse") -> None:
        self.passphrase = passphrase
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return self.passphrase


@pytest.mark.parametrize("armor", [False, True])
def test_the_passphrase_is_asked_for_once_and_late(armor: bool) -> None:
    ask = Asked()
    identities = EncryptedIdentities(locked(armor=armor), ask)
    assert (identities.interactive, ask.times) == (True, 0)
    assert decrypt(X25519_FILE, [identities]) == X25519_PLAINTEXT
    assert decrypt(encrypt(b"text", [parse_recipient(HYBRID_RECIPIENT)]), [identities]) == b"text"
    assert ask.times == 1
    assert identities.identities()[0].reveal() == X25519_IDENTITY


def test_it_is_not_asked_for_if_another_identity_opens_the_file() -> None:
    identity = generate_x25519()
    ask = Asked()
    file = encrypt(b"text", [identity.recipient()])
    assert decrypt(file, [EncryptedIdentities(locked(), ask), identity]) == b"text"
    assert ask.times == 0


def test_no_match_inside_is_no_match() -> None:
    file = encrypt(b"text", [generate_x25519().recipient()])
    with pytest.raises(NoIdentityMatchError, match="the identity does not open"):
        decrypt(file, [EncryptedIdentities(locked(), Asked())])


def test_a_wrong_passphrase_is_said_and_can_be_given_again() -> None:
    ask = Asked("wrong staple")
    identities = EncryptedIdentities(locked(), ask)
    with pytest.raises(IdentityError, match="passphrase of the identity file is wrong") as caught:
        decrypt(X25519_FILE, [identities])
    assert "staple" not in str(caught.value)
    ask.passphrase = "correct horse"
    assert decrypt(X25519_FILE, [identities]) == X25519_PLAINTEXT


def test_what_the_question_raises_is_passed_on() -> None:
    def refuse() -> str:
        raise KeyAccessError("no terminal")

    with pytest.raises(KeyAccessError, match="no terminal"):
        decrypt(X25519_FILE, [EncryptedIdentities(locked(), refuse)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "malformed: the age file is empty"),
        (X25519_FILE, "with a passphrase and nothing else"),
        (ARMORED_FILE, "with a passphrase and nothing else"),
        (ARMORED_FILE[:-5], "malformed: the END line|malformed: the age armor"),
        (bytes(FILE_LIMIT + 1), "not larger than"),
    ],
    ids=["empty", "for a key", "for a key, armored", "broken armor", "too large"],
)
def test_other_files_are_refused_at_once(data: bytes, message: str) -> None:
    with pytest.raises(IdentityError, match=message):
        EncryptedIdentities(data, Asked())


def test_a_header_with_more_than_the_passphrase_is_refused() -> None:
    two = locked().replace(b"--- ", b"-> grease\n\n--- ")
    with pytest.raises(IdentityError, match="with a passphrase and nothing else"):
        EncryptedIdentities(two, Asked())


@pytest.mark.parametrize(
    "text", [b"", b"# nothing\n", b"\xff\xfe", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", locked(armor=True)]
)
def test_what_is_inside_must_be_lines_of_identities(text: bytes) -> None:
    with pytest.raises(IdentityError):
        decrypt(X25519_FILE, [EncryptedIdentities(locked(text), Asked())])


def test_faults_of_the_identity_file_are_not_faults_of_the_file_to_open() -> None:
    data = locked()
    cases = [data[:-1], data.replace(b"-> scrypt", b"-> scrypt x", 1), data.replace(b" 2\n", b" 23\n", 1)]
    for broken in cases:
        with pytest.raises(IdentityError, match="cannot be opened"):
            decrypt(X25519_FILE, [EncryptedIdentities(broken, Asked())])
    assert not issubclass(IdentityError, (HeaderMacError, PayloadError))


def test_the_work_limit_can_be_set() -> None:
    identities = EncryptedIdentities(locked(), Asked(), max_work_factor=1)
    with pytest.raises(IdentityError, match="limit of 1"):
        decrypt(X25519_FILE, [identities])
