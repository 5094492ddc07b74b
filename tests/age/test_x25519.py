"""X25519 recipients and identities."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sopskit.age import Stanza, bech32, decrypt, generate_x25519, header, parse_identity, parse_recipient
from sopskit.age.primitives import b64encode
from sopskit.age.x25519 import X25519Identity, X25519Recipient
from sopskit.errors import HeaderError, IdentityError, RecipientError
from sopskit.secret import FileKey
from tests.age.known_answers import (
    ARMORED_FILE,
    EPHEMERAL,
    FILE_KEY,
    LOW_ORDER_POINTS,
    SEED,
    X25519_FILE,
    X25519_IDENTITY,
    X25519_PLAINTEXT,
    X25519_RECIPIENT,
)

IDENTITY = X25519Identity(SEED)
[KNOWN] = header.parse(X25519_FILE).stanzas
SHARE = KNOWN.args[0]


def test_known_keys() -> None:
    identity = X25519Identity.parse(X25519_IDENTITY)
    assert identity.reveal() == X25519_IDENTITY == bech32.encode("AGE-SECRET-KEY-", SEED)
    assert str(identity.recipient()) == X25519_RECIPIENT
    assert identity.recipient() == parse_recipient(X25519_RECIPIENT)


@pytest.mark.parametrize("data", [X25519_FILE, ARMORED_FILE])
def test_known_file(data: bytes) -> None:
    assert decrypt(data, [IDENTITY]) == X25519_PLAINTEXT


def test_known_stanza(monkeypatch: pytest.MonkeyPatch) -> None:
    ephemeral = X25519PrivateKey.from_private_bytes(EPHEMERAL)
    monkeypatch.setattr(X25519PrivateKey, "generate", lambda: ephemeral)
    assert IDENTITY.recipient().wrap(FileKey(FILE_KEY)) == ((KNOWN,), frozenset())
    assert IDENTITY.unwrap([KNOWN]) == FileKey(FILE_KEY)


def test_a_fresh_share_for_every_stanza() -> None:
    recipient = IDENTITY.recipient()
    shares = {recipient.wrap(FileKey(FILE_KEY)).stanzas[0].args for _ in range(5)}
    assert len(shares) == 5


def test_generated_keys_differ_and_survive_their_text() -> None:
    one, other = generate_x25519(), generate_x25519()
    assert one.reveal() != other.reveal()
    assert parse_identity(one.reveal()).recipient() == one.recipient()


def test_any_32_bytes_are_a_key_and_are_kept_as_they_are() -> None:
    identity = X25519Identity(b"\xff" * 32)
    assert bech32.decode(identity.reveal()) == ("AGE-SECRET-KEY-", b"\xff" * 32)
    recipient = X25519Recipient(b"\xff" * 32)
    assert bech32.decode(str(recipient)) == ("age", b"\xff" * 32)


def test_a_recipient_with_its_top_bit_set_is_used_as_written() -> None:
    public = bytearray(bech32.decode(X25519_RECIPIENT)[1])
    public[-1] |= 0x80
    [stanza] = X25519Recipient(bytes(public)).wrap(FileKey(FILE_KEY)).stanzas
    assert IDENTITY.unwrap([stanza]) is None  # the salt differs, as it does for the peers


@pytest.mark.parametrize("point", LOW_ORDER_POINTS, ids=bytes.hex)
def test_low_order_points_are_refused_both_ways(point: bytes) -> None:
    with pytest.raises(RecipientError, match="low-order"):
        X25519Recipient(point).wrap(FileKey(FILE_KEY))
    share = b64encode(point).decode()
    with pytest.raises(HeaderError, match="low-order"):
        IDENTITY.unwrap([Stanza("X25519", (share,), bytes(32))])


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ((), KNOWN.body),
        ((SHARE, "x"), KNOWN.body),
        ((SHARE[:-1],), KNOWN.body),
        ((SHARE[:-1] + "V",), KNOWN.body),
        ((SHARE + "=",), KNOWN.body),
        ((SHARE + "AA",), KNOWN.body),
        ((SHARE,), KNOWN.body[:-1]),
        ((SHARE,), KNOWN.body + b"\0"),
        ((SHARE,), b""),
    ],
)
def test_malformed_stanzas_are_fatal(arguments: tuple[str, ...], body: bytes) -> None:
    with pytest.raises(HeaderError, match="malformed X25519 stanza"):
        IDENTITY.unwrap([Stanza("X25519", arguments, body), KNOWN])


def test_stanzas_after_the_one_that_opens_are_not_looked_at() -> None:
    assert IDENTITY.unwrap([KNOWN, Stanza("X25519", (), b"")]) == FileKey(FILE_KEY)


def test_stanzas_of_others_are_passed_over() -> None:
    other = generate_x25519().recipient().wrap(FileKey(bytes(16))).stanzas
    foreign = Stanza("x25519", (), b"")
    damaged = Stanza("X25519", KNOWN.args, bytes(32))
    assert IDENTITY.unwrap([foreign, *other, damaged, KNOWN]) == FileKey(FILE_KEY)
    assert IDENTITY.unwrap([foreign, *other, damaged]) is None
    assert IDENTITY.unwrap([]) is None


def test_recipients_of_another_kind_of_string_are_refused() -> None:
    with pytest.raises(RecipientError, match="lower case"):
        X25519Recipient.parse(X25519_RECIPIENT.upper())
    with pytest.raises(RecipientError, match="lower case"):
        X25519Recipient.parse(bech32.encode("ages", SEED))
    with pytest.raises(RecipientError, match="32 bytes"):
        X25519Recipient.parse(bech32.encode("age", SEED + b"\0"))
    with pytest.raises(RecipientError, match="checksum"):
        X25519Recipient.parse(X25519_RECIPIENT[:-1])


def test_identities_of_another_kind_of_string_are_refused_without_being_quoted() -> None:
    for text, message in [
        (X25519_IDENTITY.lower(), "upper case"),
        (bech32.encode("AGE-SECRET-", SEED), "upper case"),
        (bech32.encode("AGE-SECRET-KEY-", SEED[:-1]), "32 bytes"),
        (X25519_IDENTITY[:-1], "checksum"),
        (X25519_IDENTITY + " ", "alphabet"),
    ]:
        with pytest.raises(IdentityError, match=message) as caught:
            X25519Identity.parse(text)
        assert "qqqsyqcyq5" not in str(caught.value).lower()


def test_recipients_are_values() -> None:
    recipient = IDENTITY.recipient()
    assert {recipient, X25519Recipient.parse(X25519_RECIPIENT)} == {recipient}
    assert recipient != generate_x25519().recipient()
    assert recipient != X25519_RECIPIENT
    assert repr(recipient) == f"X25519Recipient({X25519_RECIPIENT})"
