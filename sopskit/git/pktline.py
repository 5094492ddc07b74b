"""Which commit a branch is at, in the words of Git's wire protocol (gitprotocol-common, -pack and -v2).

Version 2 is asked for: the server then lists the one branch. A server that does not know it lists all (version 0).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = "version=2"
FLUSH, DELIMITER = b"0000", b"0001"
ID = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})\Z")
MOST_LISTED = 64 * 1024 * 1024  # bytes
MOST_CAPABILITIES = 1000  # git has about ten


class ProtocolError(Exception):
    """The other side does not speak Git's protocol, or says `ERR`. Without its words."""


def packet(line: str) -> bytes:
    """One line of text with its length before it."""
    data = line.encode()
    return b"%04x%s" % (len(data) + 4, data)


def packets(read: Callable[[int], bytes]) -> Iterator[bytes | None]:
    """The lines of a stream, None for the marks between them. `read` gives at most so many bytes, none at the end.

    Raises `ProtocolError` for what is no packet, and beyond 64 MiB.
    """
    left = MOST_LISTED
    while head := _exactly(read, 4):
        try:
            size = int(head, 16)
        except ValueError:
            raise ProtocolError from None
        left -= max(size, 4)
        if left < 0 or size == 3:
            raise ProtocolError
        line = _exactly(read, size - 4) if size > 4 else None
        if line is not None and line.startswith(b"ERR "):
            raise ProtocolError
        yield None if line is None else line.removesuffix(b"\n")


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = read(size - len(data))
        if not more:
            if data:
                raise ProtocolError
            break
        data += more
    return data


def branch_tip(
    advertised: Iterator[bytes | None], ref: str, ask: Callable[[bytes], Iterator[bytes | None]]
) -> str | None:
    """The commit that `ref` is at, None if it is not there.

    `advertised` is how the server begins; `ask` sends it a request and gives its answer. Raises `ProtocolError`.
    """
    first = _first_line(advertised)
    if first is None:
        return None
    if first == b"version 2":
        return _find(ask(_listing(ref, list(_until_mark(advertised)))), ref)
    found = _match(first.partition(b"\0")[0], ref)
    return _find(advertised, ref) or found


def _first_line(advertised: Iterator[bytes | None]) -> bytes | None:
    """The first line after the one that names the service over HTTP; None in an empty repository (version 0)."""
    line = next(advertised, b"")
    if line is not None and line.startswith(b"# service="):
        line = next(advertised, b"")
        line = next(advertised, b"") if line is None else line
    if line == b"":
        raise ProtocolError
    return line


def _until_mark(advertised: Iterator[bytes | None]) -> Iterator[bytes]:
    for count, line in enumerate(advertised):
        if line is None:
            return
        if count == MOST_CAPABILITIES:
            raise ProtocolError
        yield line


def _listing(ref: str, capabilities: list[bytes]) -> bytes:
    """A request for one ref; the object format must be repeated if it was named."""
    formats = [packet(line.decode("ascii", "replace")) for line in capabilities if line.startswith(b"object-format=")]
    return b"".join([packet("command=ls-refs\n"), *formats, DELIMITER, packet(f"ref-prefix {ref}\n"), FLUSH])


def _find(lines: Iterator[bytes | None], ref: str) -> str | None:
    """What the lines up to the mark say of the ref. All are read: the other side may wait until they are."""
    found = None
    for line in lines:
        if line is None:
            break
        found = found or _match(line, ref)
    return found


def _match(line: bytes, ref: str) -> str | None:
    id, _, name = line.partition(b" ")
    if name != ref.encode():
        return None
    if not ID.match(id):
        raise ProtocolError
    return id.decode("ascii")
