"""Tokens: vectors of the specification, strictness, and what stands inside."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from sopskit.document import Comment, Container, Leaf, Plain
from sopskit.errors import EncryptedValueError, ValueTamperedError
from sopskit.sops import values

KEY = AESGCM(bytes(range(32)))
IV = bytes(range(0xA0, 0xC0))
B64_IV = "oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8="

# made with sops's own cipher: data key 00..1f, nonce a0..bf
VECTORS = [
    ("hello", "str", "a:", "wd2e6q0=", "xmEY1MmQhjEQz9lCZNI+KA=="),
    ("42", "int", "a:b:", "nYo=", "A/bdgwl2PuVanw3Hhom9ag=="),
    ("1000000000000000000000", "float", "x:", "mIjCtvKPLvXbpiYhyKyVjCYAL89O1Q==", "Lz9/Ksrml4XrP5YyGDacVw=="),
    ("True", "bool", "list:", "/cqH4w==", "zTEdsFCbmZLfxji/pqDStQ=="),
    (" note", "comment", ":", "idad8qc=", "t3i3EhFKylt2bxRFth81fg=="),
    ("raw", "str", "2020-01-01T00:00:00Z", "29mF", "Ws1GQeITZFPb/NFT2XcfeA=="),
]


def token(data: str, tag: str, kind: str, iv: str = B64_IV) -> str:
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{kind}]"


@pytest.mark.parametrize(("plain", "kind", "aad", "data", "tag"), VECTORS)
def test_sealing_gives_the_token_that_sops_gives(plain: str, kind: str, aad: str, data: str, tag: str) -> None:
    assert values.seal(KEY, plain.encode(), kind, aad.encode(), IV) == token(data, tag, kind)


@pytest.mark.parametrize(("plain", "kind", "aad", "data", "tag"), VECTORS)
def test_a_token_opens_under_its_path(plain: str, kind: str, aad: str, data: str, tag: str) -> None:
    parsed = values.EncryptedValue.parse(token(data, tag, kind))
    assert values.open_value(KEY, parsed, aad.encode()) == Plain(kind, plain.encode(), plain.encode())
    assert str(parsed) == token(data, tag, kind)


@given(st.binary(min_size=1), st.binary(min_size=32, max_size=32))
def test_parse_and_str_are_inverses(plain: bytes, iv: bytes) -> None:
    text = values.seal(KEY, plain, "str", b"a:", iv)
    assert str(values.EncryptedValue.parse(text)) == text


def changed(value: values.EncryptedValue, name: str, field: bytes) -> values.EncryptedValue:
    return value._replace(body=field) if name == "body" else value._replace(iv=field)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_flipped_bit_never_opens(plain: bytes, data: st.DataObject) -> None:
    parsed = values.EncryptedValue.parse(values.seal(KEY, plain, "str", b"a:", IV))
    name = data.draw(st.sampled_from(["body", "iv"]))
    field = bytearray(getattr(parsed, name))
    bit = data.draw(st.integers(0, len(field) * 8 - 1))
    field[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(ValueTamperedError):
        values.open_value(KEY, changed(parsed, name, bytes(field)), b"a:")


@pytest.mark.parametrize("aad", [b"", b"a", b"b:", b"a:b:"])
def test_another_path_never_opens(aad: bytes) -> None:
    parsed = values.EncryptedValue.parse(values.seal(KEY, b"x", "str", b"a:", IV))
    with pytest.raises(ValueTamperedError):
        values.open_value(KEY, parsed, aad)


@pytest.mark.parametrize("size", [0, 1, 7, 129])
def test_an_iv_of_senseless_length_is_refused(size: int) -> None:
    with pytest.raises(ValueTamperedError):
        values.open_value(KEY, values.EncryptedValue(bytes(20), bytes(size), "str"), b"a:")


def test_a_short_tag_is_refused() -> None:
    with pytest.raises(ValueTamperedError):
        values.open_value(KEY, values.EncryptedValue(bytes(8), IV, "str"), b"a:")


GOOD = token("wd2e6q0=", "xmEY1MmQhjEQz9lCZNI+KA==", "str")


def test_text_behind_the_bracket_is_ignored_as_sops_does() -> None:
    assert values.EncryptedValue.parse(GOOD + "zzz") == values.EncryptedValue.parse(GOOD)
    assert values.EncryptedValue.parse(GOOD + "\n") == values.EncryptedValue.parse(GOOD)


def test_the_type_is_greedy_as_in_sops() -> None:
    with pytest.raises(EncryptedValueError, match="unknown"):
        values.open_value(KEY, values.EncryptedValue.parse(GOOD + "x]"), b"a:")


def test_line_ends_inside_base64_are_ignored_as_sops_does() -> None:
    folded = GOOD.replace("wd2e", "wd\n2e")
    assert values.open_value(KEY, values.EncryptedValue.parse(folded), b"a:").data == b"hello"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2-plain",
        "ENC[]",
        " " + GOOD,
        GOOD[:-1],
        GOOD.replace("AES256_GCM", "AES128_GCM"),
        GOOD.replace("wd2e6q0=", ""),
        GOOD.replace("wd2e6q0=", "wd2e6q0"),
        GOOD.replace("wd2e6q0=", "wd2e!q0="),
        GOOD.replace("iv:" + B64_IV, "iv:"),
        GOOD.replace(",tag:", ",gat:"),
        GOOD.replace("type:str", "type:"),
    ],
)
def test_what_is_no_token_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(EncryptedValueError) as caught:
        values.EncryptedValue.parse(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("kind", "spelling", "data"),
    [
        ("int", b"+5", b"5"),
        ("int", b"007", b"7"),
        ("float", b"1e3", b"1000"),
        ("float", b"1.10", b"1.1"),
        ("bool", b"1", b"True"),
        ("bool", b"FALSE", b"False"),
        ("time", b"2001-12-14T21:59:43.10Z", b"2001-12-14T21:59:43.1Z"),
        ("bytes", b"\xff", b"\xff"),
    ],
)
def test_the_mac_covers_the_canonical_form(kind: str, spelling: bytes, data: bytes) -> None:
    assert values.canonical(kind, spelling) == data


@pytest.mark.parametrize(
    ("kind", "spelling"),
    [("int", b"x"), ("int", b"\xff"), ("float", b"1,5"), ("bool", b"yes"), ("time", b"today"), ("what", b"x")],
)
def test_a_type_that_does_not_fit_is_refused(kind: str, spelling: bytes) -> None:
    with pytest.raises(EncryptedValueError):
        values.canonical(kind, spelling)


def leaf(value: str, kind: str, data: bytes) -> Leaf:
    return Leaf(0, 0, value, kind, data, Container(None, None, is_map=True), "k", "", None)


@pytest.mark.parametrize(
    ("value", "kind", "data", "inside"),
    [
        ("text", "str", b"text", b"text"),
        ("1.10", "float", b"1.1", b"1.10"),
        ("1e3", "float", b"1000", b"1e3"),
        ("017", "int", b"15", b"15"),
        ("+5", "int", b"5", b"+5"),
        ("1_0", "int", b"10", b"10"),
        (".inf", "float", b"+Inf", b"+Inf"),
        ("TRUE", "bool", b"True", b"TRUE"),
        ("false", "bool", b"False", b"false"),
        ("2001-01-01", "time", b"2001-01-01T00:00:00Z", b"2001-01-01T00:00:00Z"),
    ],
)
def test_a_number_keeps_its_spelling_where_sops_reads_the_same_value(
    value: str, kind: str, data: bytes, inside: bytes
) -> None:
    assert values.plaintext(leaf(value, kind, data)) == inside
    if kind != "str":
        assert values.canonical(kind, inside) == data


def test_a_comment_goes_in_as_its_text() -> None:
    root = Container(None, None, is_map=True)
    assert values.plaintext(Comment(1, 3, " é", root, inline=False, marker=0)) == " é".encode()
