"""Post-quantum hybrid recipients and identities."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from sopskit.age import (
    Stanza,
    bech32,
    decrypt,
    encrypt,
    generate_hybrid,
    header,
    parse_identities,
    parse_identity,
    parse_recipient,
)
from sopskit.age.hybrid import HybridIdentity, HybridRecipient, combine
from sopskit.age.primitives import b64decode, b64encode
from sopskit.errors import HeaderError, IdentityError, RecipientError
from sopskit.secret import FileKey
from tests.age.known_answers import (
    FILE_KEY,
    HYBRID_IDENTITY,
    HYBRID_RECIPIENT,
    LOW_ORDER_POINTS,
    PEERS,
    SEED,
    X25519_FILE,
    X25519_PLAINTEXT,
    X25519_RECIPIENT,
)

IDENTITY = HybridIdentity(SEED)
[KNOWN] = header.parse((PEERS / "hybrid.go.age").read_bytes()).stanzas
ENCAPSULATED = KNOWN.args[0]


def test_known_keys() -> None:
    recipient = str(IDENTITY.recipient())
    assert IDENTITY.reveal() == HYBRID_IDENTITY
    assert recipient == HYBRID_RECIPIENT
    assert hashlib.sha256(recipient.encode()).hexdigest() == (
        "e1704ce7caadaa4e436845c280d1527742f46a8af62d934c41b60c624e7cb185"
    )
    public = bech32.decode(recipient)[1]
    assert hashlib.sha256(public).hexdigest() == "c9a3565ffde4f72b51661be391ee13e46378d7f06dd5c8bf5af9d2cfb5b8336b"
    assert public[1184:].hex() == "44e9d7d146647281fbba7b3c56cafd5833b7a930ec4206e7c3a6d7764fe81d7a"


def test_known_combination() -> None:
    parts = (bytes((number,)) * 32 for number in (1, 2, 3, 4))
    assert combine(*parts).hex() == "5c6bfaf8c3ec48ab3cee7c12129b39913b8a7fa1234115da7e1c55608ad19fb6"


def test_round_trip_with_generated_keys() -> None:
    identity = generate_hybrid()
    assert identity.reveal() != generate_hybrid().reveal()
    file = encrypt(b"text", [parse_recipient(str(identity.recipient()))])
    assert decrypt(file, [parse_identity(identity.reveal())]) == b"text"
    assert header.parse(file).size == 1627


def test_the_label_keeps_classic_recipients_out() -> None:
    wrapped = IDENTITY.recipient().wrap(FileKey(FILE_KEY))
    assert wrapped.labels == {"postquantum"}
    with pytest.raises(RecipientError, match="post-quantum and classic recipients cannot be mixed"):
        encrypt(b"", [IDENTITY.recipient(), parse_recipient(X25519_RECIPIENT)])
    file = encrypt(b"text", [IDENTITY.recipient(), generate_hybrid().recipient()])
    assert decrypt(file, [IDENTITY]) == b"text"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ((), KNOWN.body),
        ((ENCAPSULATED, "x"), KNOWN.body),
        ((ENCAPSULATED[:-2],), KNOWN.body),
        ((ENCAPSULATED + "AAAA",), KNOWN.body),
        ((ENCAPSULATED + "==",), KNOWN.body),
        ((ENCAPSULATED,), KNOWN.body[:-1]),
        ((ENCAPSULATED,), KNOWN.body + b"\0"),
    ],
)
def test_malformed_stanzas_are_fatal(arguments: tuple[str, ...], body: bytes) -> None:
    with pytest.raises(HeaderError, match="malformed mlkem768x25519 stanza"):
        IDENTITY.unwrap([Stanza("mlkem768x25519", arguments, body), KNOWN])


@pytest.mark.parametrize("point", LOW_ORDER_POINTS, ids=bytes.hex)
def test_low_order_points_are_refused_both_ways(point: bytes) -> None:
    public = bech32.decode(HYBRID_RECIPIENT)[1]
    with pytest.raises(RecipientError, match="low-order"):
        HybridRecipient(public[:1184] + point).wrap(FileKey(FILE_KEY))
    encapsulated = b64decode(ENCAPSULATED)
    assert encapsulated is not None
    stanza = Stanza("mlkem768x25519", (b64encode(encapsulated[:1088] + point).decode(),), bytes(32))
    with pytest.raises(HeaderError, match="low-order"):
        IDENTITY.unwrap([stanza])


@pytest.mark.parametrize("index", [0, 1087, 1088, 1119])
def test_a_damaged_encapsulation_is_no_match(index: int) -> None:
    encapsulated = bytearray(b64decode(ENCAPSULATED) or b"")
    encapsulated[index] ^= 1
    damaged = Stanza("mlkem768x25519", (b64encode(bytes(encapsulated)).decode(),), KNOWN.body)
    assert IDENTITY.unwrap([damaged]) is None
    assert IDENTITY.unwrap([damaged, KNOWN]) is not None


def test_other_kinds_are_passed_over() -> None:
    assert IDENTITY.unwrap([Stanza("MLKEM768X25519", (), b""), Stanza("X25519", (), b"")]) is None


def test_malformed_recipients_are_refused() -> None:
    public = bech32.decode(HYBRID_RECIPIENT)[1]
    for text, message in [
        (HYBRID_RECIPIENT[:-1], "checksum"),
        (HYBRID_RECIPIENT.upper(), "lower case"),
        (bech32.encode("age1pq", public[:-1]), "1216 bytes"),
        (bech32.encode("age1pq", b"\xff" * 1216), "ML-KEM key"),
    ]:
        with pytest.raises(RecipientError, match=message):
            HybridRecipient.parse(text)


def test_malformed_identities_are_refused() -> None:
    for text, message in [
        (HYBRID_IDENTITY[:-1], "checksum"),
        (HYBRID_IDENTITY.lower(), "upper case"),
        (bech32.encode("AGE-SECRET-KEY-PQ-", SEED + b"\0"), "32 bytes"),
    ]:
        with pytest.raises(IdentityError, match=message):
            HybridIdentity.parse(text)


def test_recipients_are_values() -> None:
    recipient = IDENTITY.recipient()
    assert {recipient, HybridRecipient.parse(HYBRID_RECIPIENT)} == {recipient}
    assert recipient != generate_hybrid().recipient()
    assert repr(recipient) == f"HybridRecipient({HYBRID_RECIPIENT})"


def test_without_mlkem_hybrid_keys_are_refused_and_x25519_keys_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(data: bytes) -> None:
        raise UnsupportedAlgorithm("not in this build")

    monkeypatch.setattr(MLKEM768PrivateKey, "from_seed_bytes", refuse)
    monkeypatch.setattr(MLKEM768PublicKey, "from_public_bytes", refuse)
    identities = parse_identities((PEERS / "identities.txt").read_text())[::-1]
    assert decrypt(X25519_FILE, identities) == X25519_PLAINTEXT
    with pytest.raises(IdentityError, match="no ML-KEM"):
        decrypt((PEERS / "hybrid.go.age").read_bytes(), identities)
    with pytest.raises(IdentityError, match="no ML-KEM"):
        identities[0].recipient()
    with pytest.raises(RecipientError, match="no ML-KEM"):
        parse_recipient(HYBRID_RECIPIENT)
