"""The age header: bytes to stanzas and back (age v1 section 3). Knows no keys.

The grammar has one spelling for every header, so `serialise(parse(data))` gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.age.primitives import b64decode, b64encode
from sopskit.errors import HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION_LINE = b"age-encryption.org/v1\n"
HEADER_LIMIT = 16 * 1024 * 1024
"""Most bytes of a header, unless the caller says otherwise. A hybrid stanza takes 1.6 kB."""
STANZA_LIMIT = 32 * 1024
"""Most stanzas of a header: each one may cost an identity 30 microseconds."""

_COLUMNS = 64  # of a full body line, which holds 48 bytes
_MAC_SIZE = 32
_MAC_LINE = 48  # "--- ", 43 characters, line feed
_ARGUMENT_LINE = bytes(range(0x20, 0x7F))  # bytes of arguments and the blanks between them


class Stanza(NamedTuple):
    """One entry of a header: the file key, wrapped in the way that `type` names."""

    type: str
    args: tuple[str, ...]
    body: bytes


class Wrapped(NamedTuple):
    """What a recipient adds to a file. All recipients of a file must have equal `labels` (age v1 section 7.3)."""

    stanzas: tuple[Stanza, ...]
    labels: frozenset[str] = frozenset()


class Header(NamedTuple):
    """A parsed header. `authenticated` is what the MAC covers: the bytes read, up to the three hyphens."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    authenticated: bytes

    @property
    def size(self) -> int:
        """Bytes of the whole header; the payload nonce starts there."""
        return len(self.authenticated) - 3 + _MAC_LINE


def serialise(stanzas: Iterable[Stanza]) -> bytes:
    """The header up to and including the three hyphens: what the MAC is computed over."""
    return VERSION_LINE + b"".join(map(_serialise_stanza, stanzas)) + b"---"


def serialise_mac(mac: bytes) -> bytes:
    """The rest of the header, after the three hyphens."""
    return b" " + b64encode(mac) + b"\n"


def _serialise_stanza(stanza: Stanza) -> bytes:
    body = b64encode(stanza.body)
    # One more line than there are full ones: the last line is short, and empty where nothing is left.
    lines = [body[start : start + _COLUMNS] for start in range(0, len(body) + 1, _COLUMNS)]
    return b"\n".join([" ".join(("->", stanza.type, *stanza.args)).encode("ascii"), *lines, b""])


def parse(data: bytes, *, limit: int = HEADER_LIMIT) -> Header:
    """Read the header at the start of `data`, looking at no more than `limit` bytes.

    Raises `HeaderError` for everything outside the grammar.
    """
    _check_version(data)
    stanzas: list[Stanza] = []
    position = len(VERSION_LINE)
    while not data.startswith(b"---", position):
        stanza, position = _parse_stanza(data, position, limit)
        stanzas.append(stanza)
        if len(stanzas) > STANZA_LIMIT:
            raise HeaderError(f"the age header has more than {STANZA_LIMIT} stanzas")
    line, _ = _line(data, position, limit)
    mac = b64decode(line[4:], _MAC_SIZE)
    if line[:4] != b"--- " or mac is None:
        raise HeaderError("malformed MAC line in the age header")
    if not stanzas:
        raise HeaderError("the age header has no stanza")
    return Header(tuple(stanzas), mac, data[: position + 3])


def _check_version(data: bytes) -> None:
    if data.startswith(VERSION_LINE):
        return
    if data.startswith((VERSION_LINE[:-1] + b"\r", b"\xff\xfea\0g\0e\0", b"\xfe\xff\0a\0g\0e")):
        raise HeaderError(
            "the age file was changed by a shell redirection or a line end conversion",
            hint="make the file again with an output option instead of a redirection, or armored",
        )
    if not data:
        raise HeaderError("the age file is empty")
    if VERSION_LINE.startswith(data):
        raise HeaderError("the age file ends inside its header")
    if data.startswith(b"age-encryption.org/"):
        raise HeaderError("unsupported age version: only age-encryption.org/v1 is read")
    raise HeaderError("not an age file: it does not start with age-encryption.org/v1")


def _line(data: bytes, position: int, limit: int) -> tuple[bytes, int]:
    """The line at `position` without its line feed, and where the next one starts."""
    end = data.find(b"\n", position, limit)
    if end >= 0:
        return data[position:end], end + 1
    if len(data) > limit:
        raise HeaderError(f"the age header is larger than {limit} bytes")
    raise HeaderError("the age file ends inside its header")


def _parse_stanza(data: bytes, position: int, limit: int) -> tuple[Stanza, int]:
    line, position = _line(data, position, limit)
    if line[:3] != b"-> " or line.translate(None, _ARGUMENT_LINE):
        raise HeaderError("malformed line in the age header where a stanza or the MAC was due")
    type, *args = line[3:].decode("ascii").split(" ")
    if not type or "" in args:
        raise HeaderError("empty argument in a stanza of the age header")
    pieces = []
    while True:
        line, position = _line(data, position, limit)
        # Decoded one by one, since each line is canonical on its own.
        piece = b64decode(line) if len(line) <= _COLUMNS else None
        if piece is None:
            raise HeaderError("malformed stanza body in the age header")
        pieces.append(piece)
        if len(line) < _COLUMNS:
            return Stanza(type, tuple(args), b"".join(pieces)), position
