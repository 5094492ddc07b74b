"""One encrypted value: `ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]` (SOPS section 4)."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag

from sopskit.document import Leaf, Plain, golang
from sopskit.errors import EncryptedValueError, ValueTamperedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from sopskit.document import Comment

PREFIX = "ENC[AES256_GCM,data:"
IV_SIZE = 32
TAG_SIZE = 16
TRUE = frozenset((b"1", b"t", b"T", b"TRUE", b"true", b"True"))
FALSE = frozenset((b"0", b"f", b"F", b"FALSE", b"false", b"False"))
KINDS = frozenset(("str", "int", "float", "bool", "time", "bytes", "comment"))


class EncryptedValue(NamedTuple):
    """A token taken apart. `body` is ciphertext and tag in one piece, as AEAD interfaces want it."""

    body: bytes
    iv: bytes
    type: str

    @classmethod
    def parse(cls, text: str) -> EncryptedValue:
        """Read a token as sops does (SOPS section 4.2): text behind it is ignored.

        Raises `EncryptedValueError`, which never quotes the text: it may be somebody's plaintext.
        """
        parts = text.split(",")
        try:
            _, data, iv, tag, kind = parts
            if (
                text.startswith(PREFIX)
                and iv.startswith("iv:")
                and tag.startswith("tag:")
                and kind.startswith("type:")
                and kind.endswith("]")
                and len(data) > 5
                and len(iv) > 3
                and len(kind) > 6
            ):
                body = a2b_base64(data[5:], strict_mode=True) + a2b_base64(tag[4:], strict_mode=True)
                return cls(body, a2b_base64(iv[3:], strict_mode=True), kind[5:-1])
        except (ValueError, Base64Error):
            pass
        return cls._parse_odd(text)

    @classmethod
    def _parse_odd(cls, text: str) -> EncryptedValue:
        """The greedy pattern of sops, for tokens with line ends in the base64 or text behind the bracket."""
        line = text.split("\n", 1)[0] if "]" in text.split("\n", 1)[0] else text
        head, _, kind = line.rpartition(",type:")
        head, _, tag = head.rpartition(",tag:")
        head, _, iv = head.rpartition(",iv:")
        kind, bracket, _ = kind.rpartition("]")
        data = head[len(PREFIX) :]
        if not (head.startswith(PREFIX) and data and iv and tag and kind and bracket):
            raise EncryptedValueError(
                "this value should be encrypted, but is no ENC[...] token",
                hint="encrypt it with: sopskit edit, or restore the file from Git",
            )
        try:
            return cls(_base64(data) + _base64(tag), _base64(iv), kind)
        except ValueError:
            raise EncryptedValueError("the ENC[...] token is damaged: its base64 cannot be read") from None

    def __str__(self) -> str:
        """The token as sops writes it."""
        data, tag = _encode(self.body[:-TAG_SIZE]), _encode(self.body[-TAG_SIZE:])
        return f"{PREFIX}{data},iv:{_encode(self.iv)},tag:{tag},type:{self.type}]"


def _base64(text: str) -> bytes:
    """Standard base64 with padding; CR and LF are ignored, as Go's decoder does."""
    return a2b_base64(text.replace("\r", "").replace("\n", ""), strict_mode=True)


def _encode(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def seal(cipher: AESGCM, plaintext: bytes, kind: str, aad: bytes, iv: bytes) -> str:
    """Encrypt one value under its path; gives the token."""
    body = cipher.encrypt(iv, plaintext, aad)
    data = b2a_base64(body[:-TAG_SIZE], newline=False).decode()
    tag = b2a_base64(body[-TAG_SIZE:], newline=False).decode()
    return f"{PREFIX}{data},iv:{b2a_base64(iv, newline=False).decode()},tag:{tag},type:{kind}]"


def open_value(cipher: AESGCM, value: EncryptedValue, aad: bytes) -> Plain:
    """Decrypt one value. Raises `ValueTamperedError` if it was not sealed so under this key and path."""
    try:
        spelling = cipher.decrypt(value.iv, value.body, aad)
    except (InvalidTag, ValueError):
        raise ValueTamperedError(
            "the value does not open: it was changed, moved from another path, or sealed with another data key",
            hint="restore the file from Git; after a rename, encrypt the value again",
        ) from None
    return _plain(value.type, spelling)


def open_token(cipher: AESGCM, text: str, aad: bytes) -> Plain:
    """`open_value` of a token's text, in one step for tokens of the usual form.

    Raises `EncryptedValueError` for what is no token, else as `open_value`.
    """
    try:
        _, data, iv, tag, kind = text.split(",")
        if text.startswith(PREFIX) and len(data) > 5 and iv[:3] == "iv:" and tag[:4] == "tag:" and kind[:5] == "type:":
            body = a2b_base64(data[5:], strict_mode=True) + a2b_base64(tag[4:], strict_mode=True)
            spelling = cipher.decrypt(a2b_base64(iv[3:], strict_mode=True), body, aad)
            if kind == "type:str]":
                return Plain("str", spelling, spelling)
            if kind[-1] == "]":
                return _plain(kind[5:-1], spelling)
    except (InvalidTag, ValueError):
        pass  # what is wrong is said below
    return open_value(cipher, EncryptedValue.parse(text), aad)


def _plain(kind: str, spelling: bytes) -> Plain:
    return Plain("str" if kind == "bytes" else kind, canonical(kind, spelling), spelling)


def canonical(kind: str, spelling: bytes) -> bytes:
    """The bytes that the MAC covers (SOPS section 2) for what stands inside a ciphertext (section 4.2).

    Raises `EncryptedValueError` for a type that is unknown or does not fit the content.
    """
    if kind in {"str", "bytes", "comment"}:
        return spelling
    if kind == "bool" and spelling in TRUE:
        return b"True"
    if kind == "bool" and spelling in FALSE:
        return b"False"
    if kind not in KINDS:
        raise EncryptedValueError("the type named in the ENC[...] token is unknown")
    try:
        text = spelling.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    result = _canonical_text(kind, text)
    if result is None:
        raise EncryptedValueError(f"the content of the ENC[...] token is no {kind}, though its type says so")
    return result


def _canonical_text(kind: str, text: str) -> bytes | None:
    if kind == "int":
        number = golang.parse_int(text)
        return None if number is None else b"%d" % number
    if kind == "float":
        value = golang.parse_float(text)
        return None if value is None else golang.format_float(value).encode("ascii")
    if kind == "time":
        time = golang.canonical_time(text)
        return None if time is None else time.encode("ascii")
    return None


def plaintext(item: Leaf | Comment) -> bytes:
    """What goes inside the ciphertext.

    Numbers and booleans keep the user's spelling where sops reads it as the same value, so that
    decrypting gives `1.10` back and not `1.1`; the MAC covers the canonical form in any case.
    """
    if item.__class__ is not Leaf:
        return item.value.encode("utf-8", "surrogateescape")
    kind, data = item.kind, item.data
    if kind in {"str", "time"}:
        return data
    spelling = item.value.encode("utf-8", "surrogateescape")
    if kind == "bool":
        return spelling if spelling in (TRUE if data == b"True" else FALSE) else data
    return spelling if item.value.isascii() and _canonical_text(kind, item.value) == data else data
