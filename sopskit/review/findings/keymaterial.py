"""ENC06: private keys, in whatever file they stand."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING

from sopskit.review.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import Subject

# age's own keys in Bech32, and the labels of RFC 7468, OpenSSH, OpenSSL's older forms and RFC 9580
PATTERN = (
    rb"(?P<age>AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{16})"
    rb"|(?P<PGP>-----BEGIN PGP PRIVATE KEY BLOCK-----)"
    rb"|(?P<PEM>-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----)"
)
WORDS = (b"AGE-SECRET-KEY-", b"PRIVATE KEY")
MOST_LINES = 10


def enc06(subject: Subject) -> Iterator[Finding]:
    """A private key stands in the file as it is now, whether it came with this change or was there before."""
    data = subject.data.head
    lines = list(_lines_with_keys(data)) if data else []
    if not lines:
        return
    more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
    yield Finding(
        "ENC06",
        "block",
        "a private key in plain text",
        "a private key ({kinds}) can be read by everybody who can read the repository; line {lines}",
        "take it out, make a new key in its place and rotate what it opens: the history keeps this one",
        subject.path,
        args={
            "kinds": ", ".join(dict.fromkeys(kind for kind, _ in lines)),
            "lines": ", ".join(str(line) for _, line in lines[:MOST_LINES]) + more,
        },
        line=lines[0][1],
    )


def _lines_with_keys(data: bytes) -> Iterator[tuple[str, int]]:
    """The kind of each private key and the line, 1-based, on which it starts."""
    if data.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):
        data = data.replace(b"\0", b"")  # as PowerShell writes what is redirected into a file
    if not any(word in data for word in WORDS):
        return
    line, last = 1, 0
    for match in re.finditer(PATTERN, data):
        line += data.count(b"\n", last, match.start())
        last = match.start()
        yield match.lastgroup or "", line
