"""What went wrong on a value's way into the file: the marks of editors, shells and encoders."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from typing import TypeAlias

    Reason: TypeAlias = Literal[
        "trailing newline",
        "surrounding blanks",
        "quotes around",
        "CRLF",
        "byte order mark",
        "base64 of base64",
        "mojibake",
    ]

SIZE_LIMIT = 1024 * 1024
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}")
# kinds that are one line, where a line feed at the end becomes part of the password that is sent
ONE_LINE = frozenset(("password", "url", "jwt", "number", "boolean", "text"))
# `user:hash` as htpasswd writes it
PASSWORD_LINE = re.compile(rb"[^:\s]+:(?:\$[a-z0-9]+\$|\{SHA\})")
SHORTEST_INNER = 6


def malformed(data: bytes, kind: str) -> tuple[Reason, ...]:
    """What is wrong with the form of a value of a kind; empty if nothing is. For `data` of a Secret: see `is_double_base64`."""
    if len(data) > SIZE_LIMIT or kind in ("empty", "opaque"):
        return ("byte order mark",) if data.startswith(MARKS[1:]) else ()
    body = data.rstrip(b"\r\n")
    one_line = kind in ONE_LINE and b"\n" not in body
    reasons: list[Reason] = []
    if one_line and body != data and not _is_file(body, kind):
        reasons.append("trailing newline")
    if one_line and body.strip(b" \t\xc2\xa0") != body:
        reasons.append("surrounding blanks")
    if one_line and len(body) > 2 and body[:1] == body[-1:] and body[:1] in b"\"'" and body.count(body[:1]) == 2:
        reasons.append("quotes around")
    if b"\r" in data:
        reasons.append("CRLF")
    if data.startswith(MARKS):
        reasons.append("byte order mark")
    if is_double_base64(data):
        reasons.append("base64 of base64")
    if _is_mojibake(data):
        reasons.append("mojibake")
    return tuple(reasons)


def _is_file(body: bytes, kind: str) -> bool:
    """Whether a line may be the only one of a file, which ends in a line feed: prose, or a line of a password file."""
    return (kind == "text" and b" " in body) or PASSWORD_LINE.match(body) is not None


def decode_base64(data: bytes) -> bytes | None:
    """What base64 of at least eight characters (line breaks allowed) stands for; None if it is none."""
    joined = data.replace(b"\n", b"").replace(b"\r", b"")
    if len(joined) % 4 or BASE64.fullmatch(joined) is None:
        return None
    try:
        return a2b_base64(joined, strict_mode=True)
    except ValueError:
        return None


def is_double_base64(data: bytes) -> bool:
    """Whether a value is the base64 of text that is the base64 of text, as it comes of encoding what was encoded."""
    inner = decode_base64(data.strip())
    text = decode_base64(inner.strip()) if inner else None
    if not inner or not text or len(text) < SHORTEST_INNER:
        return False
    return inner.rstrip().endswith(b"=") or all(32 <= byte < 127 or byte in b"\r\n\t" for byte in text)


def _is_mojibake(data: bytes) -> bool:
    """UTF-8 that was read as Windows-1252 and written as UTF-8 again, or what replaced a byte that was lost."""
    if data.isascii():
        return False
    text = data.decode("utf-8", "replace")
    if "\ufffd" in text:
        return b"\xef\xbf\xbd" in data
    try:
        again = text.encode("cp1252")
        return len(again.decode("utf-8")) < len(text)
    except UnicodeError:
        return False
