"""Texts of keys, and files of them."""

from __future__ import annotations

import pytest

from sopskit.age import (
    bech32,
    identity_file_kind,
    parse_identities,
    parse_identity,
    parse_recipient,
    parse_recipients,
)
from sopskit.age.hybrid import HybridIdentity, HybridRecipient
from sopskit.age.parse import FILE_LIMIT
from sopskit.age.ssh import SshEd25519Recipient
from sopskit.age.x25519 import X25519Identity, X25519Recipient
from sopskit.errors import IdentityError, Location, RecipientError
from tests.age.known_answers import (
    HYBRID_IDENTITY,
    HYBRID_RECIPIENT,
    PEERS,
    SEED,
    SSH_LINE,
    X25519_IDENTITY,
    X25519_RECIPIENT,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [(X25519_RECIPIENT, X25519Recipient), (HYBRID_RECIPIENT, HybridRecipient), (SSH_LINE, SshEd25519Recipient)],
)
def test_the_prefix_of_a_recipient_tells_its_kind(text: str, kind: type) -> None:
    recipient = parse_recipient(text)
    assert type(recipient) is kind
    assert str(recipient) == text


@pytest.mark.parametrize(("text", "kind"), [(X25519_IDENTITY, X25519Identity), (HYBRID_IDENTITY, HybridIdentity)])
def test_the_prefix_of_an_identity_tells_its_kind(text: str, kind: type) -> None:
    identity = parse_identity(text)
    assert type(identity) is kind
    assert identity.reveal() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ((PEERS / "recipient-tag.txt").read_text().strip(), "tagged age recipients are not supported yet"),
        ((PEERS / "recipient-tagpq.txt").read_text().strip(), "tagged age recipients are not supported yet"),
        ("age1example1qqqsyqc2zpnwc", "plugin age recipients are not supported yet"),
        (X25519_IDENTITY, "a private key, where a recipient"),
        (X25519_IDENTITY.lower(), "a private key, where a recipient"),
        (X25519_RECIPIENT.upper(), "not an age recipient"),
        (" " + X25519_RECIPIENT, "not an age recipient"),
        (X25519_RECIPIENT + " ", "not an age recipient"),
        (X25519_RECIPIENT + "\n", "not an age recipient"),
        ("age1", "not an age recipient"),
        ("", "not an age recipient"),
        ("ecdsa-sha2-nistp256 AAAA", "not an age recipient"),
        ("ssh-dss AAAA", "only SSH keys"),
    ],
)
def test_what_is_no_recipient_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipientError, match=message) as caught:
        parse_recipient(text)
    assert "QQQSYQCYQ5" not in f"{caught.value}{caught.value.hint}".upper()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AGE-PLUGIN-EXAMPLE-1QQQSYQCFU3CNT", "plugin age identities are not supported yet"),
        (X25519_RECIPIENT, "a public key, where an identity"),
        (X25519_IDENTITY.lower(), "not an age identity"),
        (" " + X25519_IDENTITY, "not an age identity"),
        (X25519_IDENTITY + " ", "not an age identity"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "key file of another kind"),
        ("", "not an age identity"),
    ],
)
def test_what_is_no_identity_is_refused_without_being_quoted(text: str, message: str) -> None:
    with pytest.raises(IdentityError, match=message) as caught:
        parse_identity(text)
    assert "QQQSYQCYQ5" not in f"{caught.value}{caught.value.hint}".upper()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_identity_file_has_comments_and_empty_lines(end: str) -> None:
    text = end.join(["# created: today", "", X25519_IDENTITY, "#", HYBRID_IDENTITY, X25519_IDENTITY])
    assert [identity.reveal() for identity in parse_identities(text)] == [
        X25519_IDENTITY,
        HYBRID_IDENTITY,
        X25519_IDENTITY,
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"# comment\n\n{X25519_IDENTITY} \n", 3),
        (f"{X25519_IDENTITY}\n # indented\n", 2),
        (f"{X25519_IDENTITY}\n \n", 2),
        (f"{X25519_IDENTITY}\r\r\n", 1),
        (f"\ufeff{X25519_IDENTITY}\n", 1),
        (f"\ufeff# comment\n{X25519_IDENTITY}\n", 1),
        (f"{X25519_IDENTITY}\v{X25519_IDENTITY}\n", 1),
        (f"{X25519_IDENTITY}\u2028\n", 1),
        (f"\n{X25519_IDENTITY[:-1]}Q\n", 2),
    ],
)
def test_a_bad_line_of_an_identity_file_is_named_by_its_number_only(text: str, line: int) -> None:
    with pytest.raises(IdentityError) as caught:
        parse_identities(text)
    error = caught.value
    assert error.location is not None
    assert error.location.line == line
    assert "QQQSYQCYQ5" not in f"{error}{error.hint}{error.__cause__}"


def test_a_file_without_keys_is_refused() -> None:
    with pytest.raises(IdentityError, match="holds no identity"):
        parse_identities("# nothing\n\n")
    with pytest.raises(RecipientError, match="holds no recipient"):
        parse_recipients("")


def test_files_have_a_limit() -> None:
    text = "\n" * (FILE_LIMIT + 1)
    with pytest.raises(IdentityError, match="not larger than 16777216 bytes"):
        parse_identities(text)
    with pytest.raises(RecipientError, match="not larger than 16777216 bytes"):
        parse_recipients(text)


def test_a_recipients_file() -> None:
    text = f"# us\r\n{X25519_RECIPIENT}\r\n\n{SSH_LINE} me\n{X25519_RECIPIENT}"
    assert [str(each) for each in parse_recipients(text)] == [X25519_RECIPIENT, SSH_LINE, X25519_RECIPIENT]
    with pytest.raises(RecipientError, match="mistyped") as caught:
        parse_recipients(f"#\n{X25519_RECIPIENT[:-1]}q\n")
    assert str(caught.value.location) == str(Location(line=2))


def test_kinds_of_identity_files() -> None:
    assert identity_file_kind((PEERS / "identities.txt").read_bytes()) == "lines"
    assert identity_file_kind((PEERS / "identities.txt.go.age").read_bytes()) == "encrypted"
    assert identity_file_kind((PEERS / "x25519.go.age").read_bytes()) == "encrypted"
    for name in ("ssh_ed25519", "ssh_rsa2048", "ssh_rsa2048_pkcs1", "ssh_rsa2048_pkcs8"):
        assert identity_file_kind((PEERS / name).read_bytes()) == "ssh"


def test_the_longest_prefix_wins() -> None:
    with pytest.raises(IdentityError, match="not a hybrid age identity"):
        parse_identity("AGE-SECRET-KEY-PQ-1QQ")
    with pytest.raises(RecipientError, match="plugin"):
        parse_recipient(bech32.encode("age1pqx", SEED))
