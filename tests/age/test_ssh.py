"""SSH keys as recipients and identities."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sopskit.age import KeyIdentity, Stanza, decrypt, encrypt, generate_x25519, parse_recipient
from sopskit.age.primitives import b64encode
from sopskit.age.ssh import SshEd25519Identity, SshEd25519Recipient, SshRecipient, SshRsaIdentity, parse_public_key
from sopskit.errors import HeaderError, RecipientError
from sopskit.secret import FileKey
from tests.age.known_answers import EPHEMERAL, FILE_KEY, LOW_ORDER_POINTS, SEED, SSH_LINE, SSH_STANZA

IDENTITY = SshEd25519Identity(Ed25519PrivateKey.from_private_bytes(SEED))
TAG, SHARE = SSH_STANZA.args
RSA_IDENTITY = SshRsaIdentity(rsa.generate_private_key(65537, 2048))
[RSA_STANZA] = RSA_IDENTITY.recipient().wrap(FileKey(FILE_KEY)).stanzas
ED25519_WIRE = base64.b64decode(SSH_LINE.split(" ")[1])


def line(wire: bytes, kind: str = "ssh-ed25519") -> str:
    return f"{kind} {base64.b64encode(wire).decode()}"


def field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def mpint(number: int) -> bytes:
    return field(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def rsa_line(modulus: int, exponent: int = 65537) -> str:
    return line(field(b"ssh-rsa") + mpint(exponent) + mpint(modulus), "ssh-rsa")


def test_known_recipient() -> None:
    recipient = parse_recipient(SSH_LINE)
    assert isinstance(recipient, SshEd25519Recipient)
    assert recipient == IDENTITY.recipient()
    assert str(recipient) == SSH_LINE
    assert recipient.montgomery.hex() == "4701d08488451f545a409fb58ae3e58581ca40ac3f7f114698cd71deac73ca01"


def test_known_stanza(monkeypatch: pytest.MonkeyPatch) -> None:
    assert IDENTITY.unwrap([SSH_STANZA]) == FileKey(FILE_KEY)
    ephemeral = X25519PrivateKey.from_private_bytes(EPHEMERAL)
    monkeypatch.setattr(X25519PrivateKey, "generate", lambda: ephemeral)
    assert IDENTITY.recipient().wrap(FileKey(FILE_KEY)) == ((SSH_STANZA,), frozenset())


@pytest.mark.parametrize("identity", [IDENTITY, RSA_IDENTITY], ids=["ed25519", "rsa"])
def test_round_trip_next_to_other_recipients(identity: SshEd25519Identity | SshRsaIdentity) -> None:
    keys: list[KeyIdentity] = [generate_x25519(), IDENTITY, RSA_IDENTITY]
    assert decrypt(encrypt(b"text", [key.recipient() for key in keys]), [identity]) == b"text"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ((), SSH_STANZA.body),
        ((TAG,), SSH_STANZA.body),
        ((TAG, SHARE, "x"), SSH_STANZA.body),
        ((TAG, SHARE[:-1]), SSH_STANZA.body),
        (("AAAAAA", SHARE[:-1]), SSH_STANZA.body),
        ((TAG, SHARE + "="), SSH_STANZA.body),
        ((TAG, SHARE), SSH_STANZA.body[:-1]),
        ((TAG, SHARE), SSH_STANZA.body + b"\0"),
        ((TAG, SHARE), bytes(32)),
    ],
)
def test_malformed_ed25519_stanzas_are_fatal(arguments: tuple[str, ...], body: bytes) -> None:
    with pytest.raises(HeaderError, match=r"malformed ssh-ed25519|damaged"):
        IDENTITY.unwrap([Stanza("ssh-ed25519", arguments, body), SSH_STANZA])


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ((), RSA_STANZA.body),
        ((*RSA_STANZA.args, "x"), RSA_STANZA.body),
        (RSA_STANZA.args, RSA_STANZA.body[:-1]),
        (RSA_STANZA.args, RSA_STANZA.body + b"\0"),
        (RSA_STANZA.args, RSA_STANZA.body[::-1]),
        (RSA_STANZA.args, b""),
    ],
)
def test_malformed_rsa_stanzas_are_fatal(arguments: tuple[str, ...], body: bytes) -> None:
    with pytest.raises(HeaderError, match=r"malformed ssh-rsa|damaged"):
        RSA_IDENTITY.unwrap([Stanza("ssh-rsa", arguments, body), RSA_STANZA])


def test_an_rsa_stanza_with_a_file_key_of_another_size_is_fatal() -> None:
    from sopskit.age import ssh

    body = RSA_IDENTITY.recipient()._key.encrypt(bytes(17), ssh._OAEP)
    with pytest.raises(HeaderError, match="damaged"):
        RSA_IDENTITY.unwrap([Stanza("ssh-rsa", RSA_STANZA.args, body)])


def test_stanzas_with_another_tag_or_type_are_passed_over() -> None:
    others = [Stanza("ssh-ed25519", ("AAAAAA", SHARE), b""), Stanza("ssh-rsa", ("AAAAAA",), b""), Stanza("x", (), b"")]
    assert IDENTITY.unwrap(others) is None
    assert RSA_IDENTITY.unwrap(others) is None
    assert IDENTITY.unwrap([*others, SSH_STANZA]) == FileKey(FILE_KEY)
    assert RSA_IDENTITY.unwrap([*others, RSA_STANZA]) == FileKey(FILE_KEY)


@pytest.mark.parametrize("point", LOW_ORDER_POINTS, ids=bytes.hex)
def test_a_low_order_share_is_fatal(point: bytes) -> None:
    with pytest.raises(HeaderError, match="low-order"):
        IDENTITY.unwrap([Stanza("ssh-ed25519", (TAG, b64encode(point).decode()), bytes(32))])


# y = 1 is the neutral element; y = -1 has order 2; y = 0 order 4; the others do not lie on the curve
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (1, "not a point"),
        (2**255 - 18, "not a point"),
        (1 | 1 << 255, "not a point"),
        (2, "not a point"),
        (2**255 - 20, "low-order"),
        (0, "low-order"),
    ],
)
def test_ed25519_keys_that_are_no_use_are_refused(y: int, message: str) -> None:
    text = line(field(b"ssh-ed25519") + field(y.to_bytes(32, "little")))
    with pytest.raises(RecipientError, match=message):
        parse_recipient(text).wrap(FileKey(FILE_KEY))


@given(st.binary(min_size=32, max_size=32))
def test_both_forms_of_an_ed25519_key_agree(seed: bytes) -> None:
    identity = SshEd25519Identity(Ed25519PrivateKey.from_private_bytes(seed))
    assert identity._exchange.public_key().public_bytes_raw() == identity.public_key.montgomery


@pytest.mark.parametrize("bits", [1024, 2047])
def test_small_rsa_keys_are_refused_for_encryption_and_open_old_files(bits: int) -> None:
    from sopskit.age import ssh

    identity = SshRsaIdentity(rsa.generate_private_key(65537, bits))
    with pytest.raises(RecipientError, match=f"{bits} bits"):
        identity.recipient()
    with pytest.raises(RecipientError, match=f"{bits} bits"):
        parse_recipient(str(identity.public_key))
    with pytest.raises(RecipientError, match=f"{bits} bits"):
        identity.public_key.wrap(FileKey(FILE_KEY))
    body = identity.public_key._key.encrypt(FILE_KEY, ssh._OAEP)
    assert identity.unwrap([Stanza("ssh-rsa", (identity.public_key._tag,), body)]) == FileKey(FILE_KEY)


def test_huge_rsa_keys_are_refused() -> None:
    with pytest.raises(RecipientError, match="16385 bits"):
        parse_recipient(rsa_line((1 << 16384) + 1))
    assert "4097" in str(parse_recipient(rsa_line((1 << 4096) + 1))._key.key_size)  # type: ignore[attr-defined]


def test_an_rsa_key_that_openssl_refuses_is_refused() -> None:
    recipient = parse_recipient(rsa_line((1 << 4095) + 1, (1 << 70) + 1))
    with pytest.raises(RecipientError, match="refuses"):
        recipient.wrap(FileKey(FILE_KEY))


@pytest.mark.parametrize("comment", ["", " ", " me@example.org", " two words", " é", " \tx"])
def test_comments_are_dropped(comment: str) -> None:
    assert str(parse_recipient(SSH_LINE + comment)) == SSH_LINE


def test_a_tab_may_stand_between_the_fields() -> None:
    assert str(parse_recipient(SSH_LINE.replace(" ", "\t") + "\tcomment")) == SSH_LINE


ECDSA = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@pytest.mark.parametrize(
    "text",
    [
        "ssh-ed25519",
        "ssh-ed25519 ",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 é",
        "ssh-ed25519 \udcff",
        SSH_LINE[:-1],
        SSH_LINE.replace("AAAA", "AA!AA", 1),
        SSH_LINE.replace("AAAA", "AA\nAA", 1),
        SSH_LINE + "==",
        SSH_LINE.replace("ssh-ed25519", "ssh-rsa"),
        line(ED25519_WIRE + b"\0"),
        line(ED25519_WIRE[:-1]),
        line(field(b"ssh-rsa") + mpint(2) + mpint(1 << 2047), "ssh-rsa"),
        "ssh-dss AAAA",
        "ssh-ed25519-cert-v01@openssh.com AAAA",
        "ssh-",
        ECDSA.decode(),
        " " + SSH_LINE,
        'command="x" ' + SSH_LINE,
    ],
)
def test_other_lines_are_refused(text: str) -> None:
    with pytest.raises(RecipientError):
        SshRecipient.parse(text)


def test_public_keys_of_any_size_are_read_for_their_tags() -> None:
    assert parse_public_key(rsa_line((1 << 1023) + 1)) == parse_public_key(rsa_line((1 << 1023) + 1))


def test_recipients_are_values() -> None:
    recipient = IDENTITY.recipient()
    assert {recipient, SshRecipient.parse(SSH_LINE)} == {recipient}
    assert recipient != RSA_IDENTITY.recipient()
    assert repr(recipient) == f"SshEd25519Recipient({SSH_LINE})"
