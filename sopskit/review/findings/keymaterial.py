"""ENC06: private keys, in whatever file they stand."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import TYPE_CHECKING

from sopskit.review.findings.policy import FilePolicy, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import Subject

# age's own keys in Bech32, the labels of RFC 7468, OpenSSH, OpenSSL's older forms and RFC 9580, and PuTTY's key files
PATTERN = (
    rb"(?P<age>AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{16})"
    rb"|(?P<PGP>-----BEGIN PGP PRIVATE KEY BLOCK-----)"
    rb"|(?P<PEM>-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----)"
    rb"|(?P<PuTTY>PuTTY-User-Key-File-[0-9]: )"
)
WORDS = (b"AGE-SECRET-KEY-", b"PRIVATE KEY", b"PuTTY-User-Key-File-")
# the beginnings of "AGE-SECRET-KEY-" and "-----BEGIN " in base64, as the data of a Secret has them
BASE64_WORDS = (b"QUdFLVNFQ1JFVC1LRVkt", b"LS0tLS1CRUdJTi")
BASE64 = re.compile(rb"(?:QUdFLVNFQ1JFVC1LRVkt|LS0tLS1CRUdJTi)[A-Za-z0-9+/]{20,80}")
MOST_LINES = 10
# containers of keys, each of which only its own program can look into
KEY_STORES = (".kdbx", ".p12", ".pfx", ".jks", ".keystore", ".bcfks", ".ppk")
KEY_NAMES = frozenset(("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "keys.txt", "secring.gpg", "age-key.txt"))
PUBLIC_LINE = re.compile(rb"(?:#.*|age1[a-z0-9]+|(?:ssh|ecdsa)-\S+ .*)?")


def enc06(subject: Subject) -> Iterator[Hit]:
    """A private key stands in the file as it is now, whether it came with this change or was there before."""
    data = subject.data.head
    lines = list(lines_with_keys(data)) if data else []
    if lines:
        more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
        yield Hit(
            "a private key ({kinds}) can be read by everybody who can read the repository; line {lines}",
            {
                "kinds": ", ".join(dict.fromkeys(kind for kind, _ in lines)),
                "lines": ", ".join(str(line) for _, line in lines[:MOST_LINES]) + more,
            },
            line=lines[0][1],
        )
    elif data != b"" and _is_named_like_keys(subject):
        yield Hit(
            "the name says that this file holds private keys; what is in it cannot be seen",
            severity="medium",
            remedy="if it does, take it out and make new keys: the history keeps these, and a pass phrase can be guessed",
        )


def lines_with_keys(data: bytes) -> Iterator[tuple[str, int]]:
    """The kind of each private key and the line, 1-based, on which it starts."""
    if b"\0" in data[:4096]:
        data = data.replace(b"\0", b"")  # UTF-16, as PowerShell writes what is redirected into a file
    found: list[tuple[int, str]] = []
    if any(word in data for word in WORDS):
        found += [(match.start(), match.lastgroup or "") for match in re.finditer(PATTERN, data)]
    if any(word in data for word in BASE64_WORDS):
        for match in BASE64.finditer(data):
            kind = _kind_inside(match.group())
            found += [(match.start(), f"{kind} in base64")] if kind else []
    line, last = 1, 0
    for start, kind in sorted(found):
        line += data.count(b"\n", last, start)
        last = start
        yield kind, line


def _kind_inside(text: bytes) -> str | None:
    match = re.match(PATTERN, a2b_base64(text[: len(text) // 4 * 4]))
    return match.lastgroup if match else None


def _is_named_like_keys(subject: Subject) -> bool:
    """Whether only the name speaks: not for SOPS files, and not for a list of public keys."""
    name = subject.path.rpartition("/")[2].lower()
    head, mode = subject.sides.head, subject.modes.head
    if mode is None or mode & 0o170000 != 0o100000 or (head is not None and head.metadata is not None):
        return False
    if name.endswith(KEY_STORES):
        return True
    data = subject.data.head
    return name in KEY_NAMES and (
        data is None or not all(PUBLIC_LINE.fullmatch(line.strip()) for line in data.split(b"\n"))
    )


POLICIES = (
    FilePolicy(
        "ENC06",
        "block",
        "a private key in plain text",
        why="Whoever can read the repository can use the key: decrypt every file that names its public half as a recipient, log "
        "in, or sign. The history keeps it after it was deleted, and copies of public repositories are searched within "
        "minutes.",
        remedy="take it out, make a new key in its place and rotate what it opens: the history keeps this one",
        find=enc06,
        check=True,
    ),
)
