"""Whole files: who can open them, in which order is tried, and that nothing of a changed file comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sopskit.age import (
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    Stanza,
    Wrapped,
    decrypt,
    encrypt,
    generate_x25519,
    header,
)
from sopskit.age.primitives import hkdf, hmac_sha256
from sopskit.age.x25519 import X25519Identity
from sopskit.errors import (
    ArmorError,
    HeaderError,
    HeaderMacError,
    NoIdentityMatchError,
    PayloadError,
    RecipientError,
    SopskitError,
)
from sopskit.secret import FileKey
from tests.age.known_answers import ARMORED_FILE, FILE_KEY, SCRYPT_STANZA, SEED, X25519_FILE, X25519_PLAINTEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

IDENTITY = X25519Identity(SEED)
[KNOWN] = header.parse(X25519_FILE).stanzas


class Watching:
    """An identity that notes when it is tried."""

    def __init__(self, name: str, tried: list[str], *, interactive: bool) -> None:
        self.name = name
        self.tried = tried
        self.interactive = interactive

    def unwrap(self, stanzas: Sequence[Stanza]) -> FileKey | None:
        self.tried.append(self.name)
        return None


class Labelled:
    """A recipient with any labels and stanzas."""

    def __init__(self, *labels: str, stanzas: tuple[Stanza, ...] = (Stanza("x", (), b""),)) -> None:
        self.wrapped = Wrapped(stanzas, frozenset(labels))

    def wrap(self, file_key: FileKey) -> Wrapped:
        return self.wrapped


def signed(stanzas: list[Stanza], rest: bytes = X25519_FILE[168:]) -> bytes:
    """A file with any stanzas and a right MAC."""
    authenticated = header.serialise(stanzas)
    mac = hmac_sha256(hkdf(FILE_KEY, b"", b"header"), authenticated)
    return authenticated + header.serialise_mac(mac) + rest


def test_identities_that_may_ask_come_last() -> None:
    tried: list[str] = []
    identities = [Watching(name, tried, interactive=name.isupper()) for name in ("A", "b", "C", "d")]
    with pytest.raises(NoIdentityMatchError):
        decrypt(X25519_FILE, identities)
    assert tried == ["b", "d", "A", "C"]
    assert [identity.name for identity in identities] == ["A", "b", "C", "d"]


def test_the_first_identity_that_opens_ends_the_search() -> None:
    tried: list[str] = []
    last = Watching("last", tried, interactive=False)
    assert decrypt(X25519_FILE, [generate_x25519(), IDENTITY, last]) == X25519_PLAINTEXT
    assert tried == []


def test_what_was_tried_is_said() -> None:
    file = signed([KNOWN, Stanza("secret-stuff", (), b""), Stanza("ssh-rsa", ("x",), b"")])
    for identities, message in [
        ([], "no identity is at hand for the age file, which is encrypted to: X25519, ssh-rsa, others"),
        (
            [generate_x25519()],
            "the identity does not open the age file, which is encrypted to: X25519, ssh-rsa, others",
        ),
        (
            [generate_x25519()] * 3,
            "none of 3 identities opens the age file, which is encrypted to: X25519, ssh-rsa, others",
        ),
    ]:
        with pytest.raises(NoIdentityMatchError) as caught:
            decrypt(file, identities)
        assert str(caught.value) == message


def test_foreign_stanzas_are_ignored() -> None:
    grease = [Stanza("x-grease", ("a", "~!"), bytes(48)), Stanza("p256tag", (), b""), Stanza("x25519", (), b"")]
    assert decrypt(signed([*grease, KNOWN]), [IDENTITY]) == X25519_PLAINTEXT


@pytest.mark.parametrize("other", [SCRYPT_STANZA, KNOWN, Stanza("x", (), b"")])
def test_a_passphrase_stanza_that_is_not_alone_is_refused_whoever_asks(other: Stanza) -> None:
    for stanzas in ([SCRYPT_STANZA, other], [other, SCRYPT_STANZA]):
        for identities in ([IDENTITY], [ScryptIdentity("pässwörd")], []):
            with pytest.raises(HeaderError, match="next to others"):
                decrypt(signed(stanzas), identities)


def test_a_malformed_stanza_of_an_identity_s_kind_is_fatal_though_another_would_open() -> None:
    file = signed([SCRYPT_STANZA._replace(type="X25519"), KNOWN])
    with pytest.raises(HeaderError, match="malformed X25519"):
        decrypt(file, [IDENTITY])


def test_a_wrong_header_mac_is_final() -> None:
    file = signed([KNOWN]).replace(b"--- ", b"-> x\n\n--- ")
    tried: list[str] = []
    with pytest.raises(HeaderMacError):
        decrypt(file, [IDENTITY, Watching("next", tried, interactive=False)])
    assert tried == []


@pytest.mark.parametrize("size", range(16))
def test_a_short_nonce_is_a_header_fault(size: int) -> None:
    with pytest.raises(HeaderError, match="ends before its payload"):
        decrypt(X25519_FILE[: 168 + size], [IDENTITY])


def test_a_missing_payload_is_a_payload_fault() -> None:
    with pytest.raises(PayloadError, match="cut off"):
        decrypt(X25519_FILE[: 168 + 16], [IDENTITY])


def test_armor_is_taken_as_told_or_as_seen() -> None:
    assert decrypt(ARMORED_FILE, [IDENTITY], armored=True) == X25519_PLAINTEXT
    assert decrypt(X25519_FILE, [IDENTITY], armored=False) == X25519_PLAINTEXT
    with pytest.raises(ArmorError):
        decrypt(X25519_FILE, [IDENTITY], armored=True)
    with pytest.raises(HeaderError, match="not an age file"):
        decrypt(ARMORED_FILE, [IDENTITY], armored=False)


def test_the_header_limit_is_the_caller_s() -> None:
    assert decrypt(X25519_FILE, [IDENTITY], header_limit=168) == X25519_PLAINTEXT
    with pytest.raises(HeaderError, match="larger than 167 bytes"):
        decrypt(X25519_FILE, [IDENTITY], header_limit=167)


def test_a_file_without_recipients_is_not_made() -> None:
    with pytest.raises(RecipientError, match="no recipient"):
        encrypt(b"", [])


def test_recipients_with_other_labels_are_not_mixed() -> None:
    classic = generate_x25519().recipient()
    cases: list[tuple[list[Recipient], str]] = [
        ([Labelled("a"), Labelled("b")], "these recipients cannot be mixed"),
        ([Labelled("a"), Labelled("a", "b")], "these recipients cannot be mixed"),
        ([classic, Labelled("a")], "these recipients cannot be mixed"),
        ([classic, Labelled("postquantum")], "post-quantum and classic"),
        ([Labelled("a"), ScryptRecipient("x", 1)], "only recipient"),
    ]
    for recipients, message in cases:
        with pytest.raises(RecipientError, match=message):
            encrypt(b"", recipients)
    encrypt(b"", [Labelled("a", "b"), Labelled("b", "a")])


def test_stanzas_stand_in_the_order_of_the_recipients() -> None:
    names = ["c", "a", "b"]
    recipients = [Labelled(stanzas=(Stanza(name, (), b""), Stanza(name, ("2",), b""))) for name in names]
    stanzas = header.parse(encrypt(b"", recipients)).stanzas
    assert [stanza.type for stanza in stanzas] == ["c", "c", "a", "a", "b", "b"]


def test_every_file_has_its_own_keys() -> None:
    recipient = IDENTITY.recipient()
    assert len({encrypt(b"same", [recipient])[168:] for _ in range(5)}) == 5


def test_sizes() -> None:
    file = encrypt(bytes(32), [IDENTITY.recipient()])
    assert len(file) == 168 + 16 + 32 + 16


@given(st.binary(max_size=500), st.integers(1, 3), st.booleans(), st.data())
def test_round_trip(plaintext: bytes, count: int, armor: bool, data: st.DataObject) -> None:
    identities = [generate_x25519() for _ in range(count)]
    file = encrypt(plaintext, [identity.recipient() for identity in identities], armor=armor)
    assert decrypt(file, [data.draw(st.sampled_from(identities))]) == plaintext


@settings(max_examples=200)
@given(st.integers(0, len(X25519_FILE) * 8 - 1))
def test_a_flipped_bit_never_opens(bit: int) -> None:
    changed = bytearray(X25519_FILE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SopskitError) as caught:
        decrypt(bytes(changed), [IDENTITY])
    assert type(caught.value) in (HeaderError, HeaderMacError, NoIdentityMatchError, PayloadError)


@settings(max_examples=100)
@given(st.integers(0, len(ARMORED_FILE) - 1), st.integers(0, 7))
def test_a_flipped_bit_in_armor_never_opens_as_something_else(index: int, bit: int) -> None:
    changed = bytearray(ARMORED_FILE)
    changed[index] ^= 1 << bit
    try:
        plaintext = decrypt(bytes(changed), [IDENTITY], armored=True)
    except SopskitError:
        return
    assert plaintext == X25519_PLAINTEXT  # white space outside the armor


@given(st.integers(0, len(X25519_FILE) - 1))
def test_a_file_cut_off_never_opens(size: int) -> None:
    with pytest.raises((HeaderError, PayloadError)):
        decrypt(X25519_FILE[:size], [IDENTITY])


def test_a_file_with_something_after_it_never_opens() -> None:
    for tail in (b"\0", b"\n", X25519_FILE):
        with pytest.raises(PayloadError):
            decrypt(X25519_FILE + tail, [IDENTITY])
