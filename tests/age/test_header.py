"""The header: its grammar, strictly, and its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sopskit.age import header
from sopskit.age.header import STANZA_LIMIT, Header, Stanza
from sopskit.errors import HeaderError
from tests.age.known_answers import X25519_FILE

V = b"age-encryption.org/v1\n"
MAC = b"--- " + b"A" * 43 + b"\n"
STANZA = b"-> x\n\n"


def test_a_whole_header() -> None:
    data = V + b"-> X25519 abc ~!\n" + b"A" * 64 + b"\nAAAA\n-> grease\n\n" + MAC + b"payload"
    authenticated = data[: data.index(b"---") + 3]
    stanzas = (Stanza("X25519", ("abc", "~!"), bytes(51)), Stanza("grease", (), b""))
    parsed = header.parse(data)
    assert parsed == Header(stanzas, bytes(32), authenticated)
    assert data[parsed.size :] == b"payload"


def test_a_full_line_is_followed_by_an_empty_one() -> None:
    data = V + b"-> x\n" + b"A" * 64 + b"\n\n" + MAC
    assert header.parse(data).stanzas == (Stanza("x", (), bytes(48)),)
    assert header.serialise([Stanza("x", (), bytes(48))]) + header.serialise_mac(bytes(32)) == data


def test_known_header() -> None:
    parsed = header.parse(X25519_FILE)
    assert parsed.size == 168
    assert header.serialise(parsed.stanzas) == parsed.authenticated
    assert header.serialise_mac(parsed.mac) == X25519_FILE[len(parsed.authenticated) : parsed.size]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"hello", "not an age file"),
        (b"age-encryption.org/v2\n" + STANZA + MAC, "unsupported age version"),
        (b"age-encryption.org/v1", "ends inside"),
        (b"a", "ends inside"),
        (b"age-encryption.org/v1 \n" + STANZA + MAC, "unsupported age version"),
        (b"age-encryption.org/v1\r\n" + STANZA + MAC, "shell redirection"),
        (b"\xff\xfe" + "age-encryption".encode("utf-16-le"), "shell redirection"),
        (b"\xfe\xff" + "age-encryption".encode("utf-16-be"), "shell redirection"),
        (b"\n" + V + STANZA + MAC, "not an age file"),
        (V + MAC, "no stanza"),
        (V, "ends inside"),
        (V + STANZA, "ends inside"),
        (V + STANZA + MAC[:-1], "ends inside"),
        (V + b"-> x", "ends inside"),
        (V + b"-> x\n", "ends inside"),
        (V + b"->\n\n" + MAC, "where a stanza"),
        (V + b"-> \n\n" + MAC, "empty argument"),
        (V + b"->x\n\n" + MAC, "where a stanza"),
        (V + b"->  x\n\n" + MAC, "empty argument"),
        (V + b"-> x \n\n" + MAC, "empty argument"),
        (V + b"-> x  y\n\n" + MAC, "empty argument"),
        (V + b" -> x\n\n" + MAC, "where a stanza"),
        (V + b"-> x\ty\n\n" + MAC, "where a stanza"),
        (V + b"-> x\0\n\n" + MAC, "where a stanza"),
        (V + b"-> x\x7f\n\n" + MAC, "where a stanza"),
        (V + b"-> \xc3\xa9\n\n" + MAC, "where a stanza"),
        (V + b"-> x\r\n\n" + MAC, "where a stanza"),
        (V + b"-> x\n\r\n" + MAC, "malformed stanza body"),
        (V + b"-> x\nAAAA\r\n" + MAC, "malformed stanza body"),
        (V + b"-> x\nAA==\n" + MAC, "malformed stanza body"),
        (V + b"-> x\nAB\n" + MAC, "malformed stanza body"),
        (V + b"-> x\nA\n" + MAC, "malformed stanza body"),
        (V + b"-> x\n A\n" + MAC, "malformed stanza body"),
        (V + b"-> x\nA_A-\n" + MAC, "malformed stanza body"),
        (V + b"-> x\n" + b"A" * 65 + b"\n\n" + MAC, "malformed stanza body"),
        (V + b"-> x\n" + b"A" * 68 + b"\n" + MAC, "malformed stanza body"),
        (V + b"-> x\n" + b"A" * 64 + b"\n" + MAC, "malformed stanza body"),
        (V + b"-> x\n" + MAC, "malformed stanza body"),
        (V + b"-> x\n-> y\n\n" + MAC, "malformed stanza body"),
        (V + b"-> x\nAAAA\nAAAA\n" + MAC, "where a stanza"),
        (V + STANZA + b"\n" + MAC, "where a stanza"),
        (V + STANZA + b"---" + b"A" * 43 + b"\n", "MAC line"),
        (V + STANZA + b"---  " + b"A" * 43 + b"\n", "MAC line"),
        (V + STANZA + b"----" + b"A" * 43 + b"\n", "MAC line"),
        (V + STANZA + b"---\t" + b"A" * 43 + b"\n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 43 + b" \n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 43 + b"\r\n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 43 + b"=\n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 43 + b" x\n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 42 + b"B\n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 42 + b"\n", "MAC line"),
        (V + STANZA + b"--- " + b"A" * 47 + b"\n", "MAC line"),
        (V + STANZA + b"---\n", "MAC line"),
    ],
)
def test_what_is_outside_the_grammar_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(HeaderError, match=message):
        header.parse(data)


def test_unicode_line_ends_are_not_line_ends() -> None:
    for end in ("\v", "\f", "\x1c", "\x85", "\u2028"):
        with pytest.raises(HeaderError):
            header.parse(V + f"-> x{end}\n".encode() + MAC)


def test_a_header_as_large_as_the_limit_is_read_and_a_larger_one_is_not() -> None:
    data = V + b"-> x " + b"y" * 500 + b"\n\n" + MAC + b"payload"
    size = len(data) - len(b"payload")
    assert header.parse(data, limit=size).size == size
    with pytest.raises(HeaderError, match=f"larger than {size - 1} bytes"):
        header.parse(data, limit=size - 1)


def test_a_file_of_the_limit_s_size_that_ends_in_its_header_is_cut_off() -> None:
    data = V + b"-> x"
    with pytest.raises(HeaderError, match="ends inside"):
        header.parse(data, limit=len(data))


def test_a_header_has_so_many_stanzas_and_no_more() -> None:
    assert len(header.parse(V + STANZA * STANZA_LIMIT + MAC).stanzas) == STANZA_LIMIT
    with pytest.raises(HeaderError, match="more than 32768 stanzas"):
        header.parse(V + STANZA * (STANZA_LIMIT + 1) + MAC)


def test_a_large_body_is_read_in_linear_time() -> None:
    lines = 50_000
    [stanza] = header.parse(V + b"-> x\n" + (b"A" * 64 + b"\n") * lines + b"\n" + MAC).stanzas
    assert len(stanza.body) == 48 * lines


arguments = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=90)
stanzas = st.builds(Stanza, arguments, st.lists(arguments, max_size=4).map(tuple), st.binary(max_size=200))


@given(st.lists(stanzas, min_size=1, max_size=4), st.binary(min_size=32, max_size=32), st.binary())
def test_round_trip(stanzas: list[Stanza], mac: bytes, rest: bytes) -> None:
    authenticated = header.serialise(stanzas)
    data = authenticated + header.serialise_mac(mac)
    parsed = header.parse(data + rest)
    assert parsed == Header(tuple(stanzas), mac, authenticated)
    assert parsed.size == len(data)


@given(st.integers(0, 167), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_written_back_as_changed(index: int, byte: int) -> None:
    data = X25519_FILE[:index] + bytes((byte,)) + X25519_FILE[index + 1 :]
    try:
        parsed = header.parse(data)
    except HeaderError:
        return
    assert header.serialise(parsed.stanzas) + header.serialise_mac(parsed.mac) == data[: parsed.size]
