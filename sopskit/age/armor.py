"""ASCII armor: a strict form of PEM around a whole age file (age v1 section 6)."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from sopskit.errors import ArmorError

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"

_LINE_BYTES = 48  # 64 characters
_OUTER_BLANKS = 1024  # white space tolerated before BEGIN and after END, as the reference implementation does


def is_armored(data: bytes) -> bool:
    """Whether `data` is to be read as armor: white space, then the BEGIN line."""
    return data[: _OUTER_BLANKS + len(BEGIN)].lstrip().startswith(BEGIN)


def armor(data: bytes) -> bytes:
    """Put `data` in armor, with line feeds."""
    return BEGIN + b"\n" + _wrap(data) + END + b"\n"


def dearmor(text: bytes) -> bytes:
    """Take the armor off. Raises `ArmorError` for everything but the strict form.

    Line ends are LF or CRLF, and may change from line to line.
    """
    start = _skip_begin(text)
    end = text.find(END, start)
    if end < 0:
        raise ArmorError("the age armor has no END line")
    _check_tail(text[end:])
    encoded = text[start:end].replace(b"\r\n", b"\n")
    try:
        data = a2b_base64(encoded)
    except Base64Error:
        raise ArmorError("the age armor holds malformed base64") from None
    # There is one right way to write `data`; comparing with it checks line lengths, padding, spare bits,
    # stray bytes and that END starts a line.
    if _wrap(data) != encoded:
        raise ArmorError("the age armor holds malformed lines or base64")
    return data


def _wrap(data: bytes) -> bytes:
    """Padded base64 in lines of 64 characters, each with a line feed."""
    return b"".join(b2a_base64(data[at : at + _LINE_BYTES]) for at in range(0, len(data), _LINE_BYTES))


def _skip_begin(text: bytes) -> int:
    """Where the line after BEGIN starts."""
    position = blanks = 0
    while True:
        end = text.find(b"\n", position)
        if end < 0:
            raise ArmorError("the age armor has no BEGIN line, or nothing after it")
        line = text[position:end].removesuffix(b"\r")
        position = end + 1
        if line == BEGIN:
            return position
        if line.strip():
            raise ArmorError("the age armor does not start with its BEGIN line")
        blanks += len(line) + 1
        if blanks > _OUTER_BLANKS:
            raise ArmorError("too much white space before the age armor")


def _check_tail(tail: bytes) -> None:
    """Check what starts with END: nothing else on that line, only a little white space after it."""
    line, _, rest = tail.partition(b"\n")
    if line.removesuffix(b"\r") != END:
        raise ArmorError("the END line of the age armor is malformed")
    if rest.strip():
        raise ArmorError("something follows the age armor")
    if len(rest) >= _OUTER_BLANKS:
        raise ArmorError("too much white space after the age armor")
