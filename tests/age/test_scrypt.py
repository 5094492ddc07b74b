"""Passphrases."""

from __future__ import annotations

import pytest

from sopskit.age import ScryptIdentity, ScryptRecipient, Stanza, decrypt, encrypt, generate_x25519, scrypt
from sopskit.errors import HeaderError, IdentityError, NoIdentityMatchError, RecipientError
from sopskit.secret import FileKey
from tests.age.known_answers import FILE_KEY, SCRYPT_PASSPHRASE, SCRYPT_STANZA

IDENTITY = ScryptIdentity(SCRYPT_PASSPHRASE)
SALT, FACTOR = SCRYPT_STANZA.args
BODY = SCRYPT_STANZA.body


def test_known_stanza(monkeypatch: pytest.MonkeyPatch) -> None:
    assert IDENTITY.unwrap([SCRYPT_STANZA]) == FileKey(FILE_KEY)
    monkeypatch.setattr(scrypt, "urandom", lambda size: bytes(range(size)))
    assert ScryptRecipient(SCRYPT_PASSPHRASE, 10).wrap(FileKey(FILE_KEY)).stanzas == (SCRYPT_STANZA,)


def test_another_passphrase_is_no_match_and_the_next_is_tried() -> None:
    file = encrypt(b"text", [ScryptRecipient("right", 2)])
    assert decrypt(file, [ScryptIdentity("wrong"), ScryptIdentity("right")]) == b"text"
    with pytest.raises(NoIdentityMatchError, match="encrypted to: scrypt"):
        decrypt(file, [ScryptIdentity("wrong")])


def test_passphrases_are_taken_as_typed() -> None:
    file = encrypt(b"text", [ScryptRecipient("cafe\u0301 ", 2)])
    assert decrypt(file, [ScryptIdentity("cafe\u0301 ")]) == b"text"
    for other in ("caf\u00e9 ", "cafe\u0301"):
        with pytest.raises(NoIdentityMatchError):
            decrypt(file, [ScryptIdentity(other)])


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ((), BODY),
        ((SALT,), BODY),
        ((SALT, FACTOR, "x"), BODY),
        ((FACTOR, SALT), BODY),
        ((SALT[:-1], FACTOR), BODY),
        ((SALT[:-1] + "x", FACTOR), BODY),
        ((SALT + "==", FACTOR), BODY),
        ((SALT + "AA", FACTOR), BODY),
        ((SALT, FACTOR), BODY[:-1]),
        ((SALT, FACTOR), BODY + b"\0"),
    ],
)
def test_malformed_stanzas_are_fatal(arguments: tuple[str, ...], body: bytes) -> None:
    with pytest.raises(HeaderError, match="malformed scrypt stanza"):
        IDENTITY.unwrap([Stanza("scrypt", arguments, body)])


@pytest.mark.parametrize(
    "factor", ["0", "00", "010", "01", "-1", "+10", "1_0", "0xa", "a", "1.0", "1e1", "¹", "١٠", "10 "]
)
def test_work_factors_are_decimal_numbers_without_leading_zero(factor: str) -> None:
    with pytest.raises(HeaderError, match="malformed work factor"):
        IDENTITY.unwrap([Stanza("scrypt", (SALT, factor), BODY)])


@pytest.mark.parametrize("factor", ["23", "31", "99", "100", "9" * 10_000])
def test_work_factors_above_the_limit_are_refused_at_once(factor: str) -> None:
    with pytest.raises(HeaderError, match="above the limit of 22"):
        IDENTITY.unwrap([Stanza("scrypt", (SALT, factor), BODY)])


def test_the_limit_can_be_lowered_to_the_factor_itself() -> None:
    assert ScryptIdentity(SCRYPT_PASSPHRASE, 10).unwrap([SCRYPT_STANZA]) == FileKey(FILE_KEY)
    with pytest.raises(HeaderError, match="above the limit of 9"):
        ScryptIdentity(SCRYPT_PASSPHRASE, 9).unwrap([SCRYPT_STANZA])


def test_a_changed_work_factor_is_no_match() -> None:
    assert IDENTITY.unwrap([Stanza("scrypt", (SALT, "9"), BODY)]) is None


@pytest.mark.parametrize("other", [SCRYPT_STANZA, Stanza("X25519", (), b"")], ids=["twice", "another kind"])
def test_a_passphrase_stanza_must_be_alone(other: Stanza) -> None:
    for stanzas in ([SCRYPT_STANZA, other], [other, SCRYPT_STANZA]):
        with pytest.raises(HeaderError, match="next to others"):
            IDENTITY.unwrap(stanzas)


def test_other_kinds_are_passed_over() -> None:
    assert IDENTITY.unwrap([Stanza("Scrypt", (), b""), Stanza("X25519", (), b"")]) is None


@pytest.mark.parametrize("others", [[ScryptRecipient("b", 2)], [generate_x25519().recipient()]])
def test_a_passphrase_must_be_the_only_recipient(others: list[ScryptRecipient]) -> None:
    with pytest.raises(RecipientError, match="only recipient"):
        encrypt(b"", [ScryptRecipient("a", 2), *others])


@pytest.mark.parametrize("passphrase", ["", "half a pair \ud800"])
def test_empty_and_broken_passphrases_are_refused(passphrase: str) -> None:
    with pytest.raises(RecipientError, match="empty or not valid") as wrong_recipient:
        ScryptRecipient(passphrase)
    with pytest.raises(IdentityError, match="empty or not valid") as wrong_identity:
        ScryptIdentity(passphrase)
    assert "half" not in f"{wrong_recipient.value}{wrong_identity.value}"


@pytest.mark.parametrize("factor", [0, 31, -1])
def test_work_factors_outside_1_to_30_are_the_caller_s_mistake(factor: int) -> None:
    with pytest.raises(ValueError, match="1 to 30"):
        ScryptRecipient("a", factor)
    with pytest.raises(ValueError, match="1 to 30"):
        ScryptIdentity("a", factor)


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class PoorScrypt:
        """The library's class on a machine without the memory."""

        def __init__(self, *parameters: object) -> None:
            """Take what is given."""

        def derive(self, secret: bytes) -> bytes:
            raise MemoryError

    monkeypatch.setattr(scrypt, "Scrypt", PoorScrypt)
    with pytest.raises(HeaderError, match="not enough memory for scrypt work factor 10"):
        IDENTITY.unwrap([SCRYPT_STANZA])
    with pytest.raises(RecipientError, match="not enough memory for scrypt work factor 18"):
        ScryptRecipient("a").wrap(FileKey(FILE_KEY))


def test_an_identity_tells_its_recipient_and_its_passphrase() -> None:
    assert IDENTITY.reveal() == SCRYPT_PASSPHRASE
    assert isinstance(IDENTITY.recipient(), ScryptRecipient)
    wrapped = ScryptRecipient(IDENTITY.reveal(), 1).wrap(FileKey(FILE_KEY))
    assert IDENTITY.unwrap(wrapped.stanzas) == FileKey(FILE_KEY)
