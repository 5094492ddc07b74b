"""VAL: values that are weak, damaged or out of date, as a private key shows them.

No finding here may confirm a guess about a value that the author of a change cannot read. Those about one value depend on
that value alone; those that compare values are silent under the oracle guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape_path
from sopskit.redact.tokens import read_token
from sopskit.review.findings.opened import base_values, is_replayed, new_values
from sopskit.review.findings.policy import FilePolicy, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.opened import Held
    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Severity

MOST_HITS = 20  # of one policy in one file
UNREADABLE = "a certificate that cannot be read"
ENCODED = "{key} is the old value encoded in base64"
DECODED = "{key} is the old value with its base64 taken off"
BLANKS = "{key} is the old value with other blanks, quotes or line feeds around it"


def val01(subject: Subject) -> Iterator[Hit]:
    """A value that anybody would try first. Why it is weak is not said, and nothing about values that were only replayed."""
    fresh = list(new_values(subject))
    if not fresh:
        return
    from sopskit.redact.weakness import weakness  # only where a key opened something

    weak = [held for held in fresh if weakness(held.data, key=held.key)]
    if weak and not is_replayed(subject):
        message = "{key} has a value that is a default, a placeholder or easy to guess"
        yield from _some([hit(subject, held, message, severity=_severity(subject)) for held in weak])


def _severity(subject: Subject) -> Severity | None:
    """Where everybody writes with public keys a file is encrypted anew each time, and old values count as new ones."""
    environment = subject.environment
    is_public = environment is not None and environment.writers == "public-key" and not environment.protected
    return "medium" if is_public and not subject.may_compare else None


def val02(subject: Subject) -> Iterator[Hit]:
    """A value that an editor, a shell or an encoder damaged on its way into the file."""
    head = subject.sides.head
    if head is None or head.format == "binary":  # a file as a whole may end in a line feed
        return
    hits: list[Hit] = []
    for held in new_values(subject):
        reasons = ", ".join(_damage(held))
        if reasons:
            severity = _severity(subject)
            hits.append(hit(subject, held, "{key}: {reasons}", severity=severity, reasons=reasons))
    yield from _some(hits)


def _damage(held: Held) -> list[str]:
    if held.type != "str":
        return []
    kind, facts = held.describe()
    if kind == "certificate" and not facts:
        return [UNREADABLE]
    from sopskit.redact.malformed import is_double_base64, malformed

    reasons: list[str] = list(malformed(held.data, kind))
    if held.raw != held.data and is_double_base64(held.raw):
        reasons.append("base64 of base64")
    return list(dict.fromkeys(reasons))


def val05(subject: Subject) -> Iterator[Hit]:
    """A token that expired."""
    for held in new_values(subject):
        token = read_token(held.data.strip()) if b"eyJ" in held.data[:12] else None
        if token is not None and token.expires is not None and token.expires <= subject.change.now:
            date = token.expires.date().isoformat()
            yield hit(subject, held, "the token in {key} expired on {date}", date=date)


def val06(subject: Subject) -> Iterator[Hit]:
    """A value that is the old one in another dress."""
    before = base_values(subject)
    if not before:
        return
    for held in new_values(subject):
        old = before.get(held.slot)
        message = _dress(old.data, held.data) if old is not None else None
        if message is not None:
            yield hit(subject, held, message)


def _dress(old: bytes, new: bytes) -> str | None:
    if old == new:
        return None
    from sopskit.redact.malformed import decode_base64

    if decode_base64(new) == old:
        return ENCODED
    if decode_base64(old) == new:
        return DECODED
    return BLANKS if _bare(old) and _bare(old) == _bare(new) else None


def _bare(data: bytes) -> bytes:
    """A value without blanks and one pair of quotes around it."""
    data = data.strip()
    if len(data) > 2 and data[:1] == data[-1:] and data[:1] in b"\"'":
        data = data[1:-1].strip()
    return data


def hit(subject: Subject, held: Held, message: str, *, severity: Severity | None = None, **args: str | int) -> Hit:
    """A hit at a value of head, whose path is the argument `key`."""
    return Hit(message, {"key": escape_path(held.leaf.path), **args}, severity, **held.at(subject))


def _some(hits: list[Hit]) -> Iterator[Hit]:
    yield from hits[:MOST_HITS]
    if len(hits) > MOST_HITS:
        yield Hit("and {count} more values", {"count": len(hits) - MOST_HITS}, hits[MOST_HITS].severity)


POLICIES = (
    FilePolicy(
        "VAL01",
        "high",
        "a weak or placeholder value",
        why="The value is one of those that are tried first: a default, a placeholder that nobody replaced, the name of its own "
        "key, a run of one character. Encrypting it protects nothing. The report does not say more, so that it does not tell "
        "how to guess it.",
        remedy="put a generated value in its place with sopskit set or edit, and change it where it is used",
        find=val01,
        key="yes",
    ),
    FilePolicy(
        "VAL02",
        "high",
        "a value that was damaged on its way into the file",
        why="A line feed at the end, quotes around, base64 twice or characters of another encoding become part of the value that "
        "a program gets. It fails there, far from the cause, and nobody can see it in ciphertext.",
        remedy="write the value again with sopskit set or edit; sopskit edit shows blanks and line feeds",
        find=val02,
        key="yes",
    ),
    FilePolicy(
        "VAL05",
        "medium",
        "a token that has expired",
        why="The token says itself until when it is valid, and that is over. Whoever checks it will refuse it.",
        remedy="ask its issuer for a new one",
        find=val05,
        key="yes",
    ),
    FilePolicy(
        "VAL06",
        "medium",
        "the old value in another dress",
        why="The value looks changed and is not: it is the old one encoded in base64, decoded, or with blanks around it. If it was "
        "to be rotated, it was not; if nothing was to change, programs get something else now.",
        remedy="make sure what was meant: a new value, or the old one as it was",
        find=val06,
        key="yes",
    ),
)  # fmt: skip
