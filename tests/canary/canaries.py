"""Secrets that only the test knows, and every form in which one could show up.

A canary is random for each run and has at least 40 bits in any eight of its characters, so that a hit is a leak
and not chance. Its slot says where it was planted.
"""

from __future__ import annotations

import base64
import codecs
import gzip
import hashlib
import html
import json
import quopri
import re
import secrets
import string
import urllib.parse
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHORTEST = 8  # bytes of a form; anything shorter would be found by chance
ANSI = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


class Canary(NamedTuple):
    """A planted secret. `windows` also looks for any eight of its bytes in a row."""

    slot: str
    text: str
    windows: bool = True

    @property
    def data(self) -> bytes:
        """Its UTF-8 bytes."""
        return self.text.encode()

    def __repr__(self) -> str:
        """The slot: a failing test must not be a leak itself."""
        return f"<canary {self.slot}>"


class Hit(NamedTuple):
    """A leak: which canary, in which form, where."""

    slot: str
    form: str
    place: str


def token(length: int = 24) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def plant() -> dict[str, Canary]:
    """A fresh canary for every kind of value that is escaped, folded or typed in its own way."""
    lines = "\n".join(f"{token(40)}" for _ in range(3))
    return {
        canary.slot: canary
        for canary in (
            Canary("string", token()),
            Canary("data", token()),
            Canary("multi-line", f"-----BEGIN EXAMPLE-----\n{lines}\n-----END EXAMPLE-----\n", windows=False),
            Canary("quotes", f"{token(12)}\"'\\&<>/+=#é☃{token(12)}"),
            Canary("number", str(secrets.randbelow(9 * 10**17) + 10**17), windows=False),
            Canary("short", base64.b32encode(secrets.token_bytes(5)).decode(), windows=False),
            Canary("comment", token()),
            Canary("new value", token()),
        )
    }


def forms(canary: Canary) -> Iterator[tuple[str, bytes]]:
    """Every form that is looked for, with its name."""
    yield from _encodings(canary.data, "")
    lines = [line for line in canary.data.splitlines() if len(line) >= SHORTEST and not line.startswith(b"-----")]
    if len(lines) > 1:
        for number, line in enumerate(lines):
            yield from _encodings(line, f"line {number}, ")
    if canary.windows:
        for start in range(len(canary.data) - SHORTEST + 1):
            yield f"eight bytes from {start}", canary.data[start : start + SHORTEST]


def _encodings(data: bytes, prefix: str) -> Iterator[tuple[str, bytes]]:
    text = data.decode()
    named = {
        "plain": data,
        "UTF-16": text.encode("utf-16-le"),
        "hex": data.hex().encode(),
        "upper-case hex": data.hex().upper().encode(),
        "base64 of base64": base64.b64encode(base64.b64encode(data)).rstrip(b"="),
        "base32": base64.b32encode(data).rstrip(b"="),
        "percent": urllib.parse.quote(text, safe="").encode(),
        "form": urllib.parse.quote_plus(text).encode(),
        "JSON": json.dumps(text)[1:-1].encode(),
        "JSON, not ASCII": json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        "repr": repr(text)[1:-1].encode(),
        "repr of bytes": repr(data)[2:-1].encode(),
        "HTML": html.escape(text).encode(),
        "quoted-printable": quopri.encodestring(data).replace(b"=\n", b""),
        "reversed": text[::-1].encode(),
        "rot13": codecs.encode(text, "rot13").encode(),
    }
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data)
        # characters that mix with what stands before or behind are left out
        inner = encoded[(0, 2, 3)[offset] : len(encoded) - (0, 3, 2)[(offset + len(data)) % 3] - 1]
        named[f"base64 at {offset}"] = inner
        named[f"URL base64 at {offset}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
        named[f"{algorithm} in hex"] = digest.hex().encode()
        named[f"{algorithm} in base64"] = base64.b64encode(digest).rstrip(b"=")
    for name, encoded in named.items():
        # forms of text without blanks, since buffers are also searched with theirs taken out
        for form in {encoded, b"".join(encoded.split())}:
            if len(form) >= SHORTEST:
                yield prefix + name, form


class Scanner:
    """Looks for all forms of all canaries at once."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        """Index every form by its first bytes."""
        self._forms: dict[bytes, list[tuple[bytes, str, str]]] = {}
        for canary in canaries:
            for name, form in forms(canary):
                self._forms.setdefault(form[:SHORTEST], []).append((form, canary.slot, name))

    def scan(self, data: bytes, place: str) -> set[Hit]:
        """All hits in a buffer: as it is, without escape sequences, without blanks, unpacked."""
        hits: set[Hit] = set()
        for view in _views(data):
            for start in range(len(view) - SHORTEST + 1):
                for form, slot, name in self._forms.get(view[start : start + SHORTEST], ()):
                    if view.startswith(form, start):
                        hits.add(Hit(slot, name, place))
        return hits


def _views(data: bytes) -> set[bytes]:
    views = {data, ANSI.sub(b"", data), b"".join(data.split())}
    # what stands inside an escape sequence counts too: a clipboard or a window title is base64 or plain
    unpackers = ((b"\x1f\x8b", gzip.decompress), (b"\x78", zlib.decompress))
    for magic, unpack in unpackers:
        if data.startswith(magic):
            try:
                views.add(unpack(data))
            except (OSError, EOFError, zlib.error):
                continue
    return views
