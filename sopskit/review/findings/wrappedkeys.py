"""RCP07: lists of recipients that are not what they seem, and wrapped keys that somebody else can open."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import canonical
from sopskit.errors import SopskitError
from sopskit.review.findings.policy import Hit
from sopskit.review.findings.readers import by_id, hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.age import Stanza
    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Recipient
    from sopskit.review.sides import Side

GREASE = (
    "-grease"  # the end of the type of stanzas that hold nothing: rage puts one into every file (age v1 section 14)
)
FORGED = "ask who wrote the file; if nobody can tell, sopskit rotate -i FILE from the last good version, and change the values"
# the type of stanza that each kind of recipient writes, by how the text of one begins
STANZAS = (
    ("age1pq1", "mlkem768x25519"),
    ("age1", "X25519"),
    ("ssh-ed25519", "ssh-ed25519"),
    ("ssh-rsa", "ssh-rsa"),
)


def rcp07(subject: Subject) -> Iterator[Hit]:
    """A recipient twice, one that is none, only one, or a wrapped key that is for somebody else as well."""
    base, head = subject.sides
    if head is None or head.metadata is None:
        return
    counts, before = _counts(head), _counts(base)
    twofold = {name for name, _ in _with_two_keys(head) - _with_two_keys(base)}
    for recipient in by_id(head).values():
        name = canonical(recipient.id)
        if name in twofold:
            message = (
                "{recipient} has two different wrapped keys in one key group: one of them can be for somebody else"
            )
            yield hit(subject, recipient, message)._replace(severity="high", remedy=FORGED)
        elif counts[name] > max(1, before[name]):
            groups = {one.group for one in head.recipients() if canonical(one.id) == name}
            yield _twice(subject, recipient, len(groups))
        if name not in before and _is_malformed(recipient.type, recipient.id):
            yield hit(subject, recipient, "{recipient} is no recipient that age or gpg knows")
    if len(counts) == 1 < len(before):
        yield Hit("only one recipient is left: if that key is lost, so is the file")
    yield from _for_others(subject, head)


def _counts(side: Side | None) -> Counter[str]:
    return Counter(canonical(recipient.id) for recipient in side.recipients()) if side is not None else Counter()


def _with_two_keys(side: Side | None) -> set[tuple[str, frozenset[str]]]:
    """Recipients with more than one wrapped key in a key group, which hold the same share of the data key, with them."""
    found: set[tuple[str, frozenset[str]]] = set()
    for group in side.metadata.groups if side is not None and side.metadata is not None else ():
        keys: dict[str, set[str]] = {}
        for key in group:
            keys.setdefault(canonical(key.id), set()).add(key.enc)
        found.update((name, frozenset(texts)) for name, texts in keys.items() if len(texts) > 1)
    return found


def _twice(subject: Subject, recipient: Recipient, groups: int) -> Hit:
    if groups > 1:
        message = "{recipient} stands in more than one key group, and so has more than one share of the data key"
        return hit(subject, recipient, message)._replace(severity="medium")
    return hit(subject, recipient, "{recipient} stands there twice")


@cache  # the same few stand in every file
def _is_malformed(type: str, id: str) -> bool:
    from sopskit.sops.masterkeys import parse_age_key, parse_pgp_key

    try:
        if type == "age":
            parse_age_key(id)
        elif type == "pgp":
            parse_pgp_key(id, "")
    except SopskitError:
        return True
    return False


def _for_others(subject: Subject, head: Side) -> Iterator[Hit]:
    """New wrapped keys of age whose stanzas, which everybody can read, are not what their recipient would have written."""
    base = subject.sides.base
    keys = head.wrapped_keys() - (base.wrapped_keys() if base is not None else set())
    recipients = by_id(head)
    for name in sorted({canonical(id) for id, enc in keys if _is_for_others(id, enc)}):
        message = "the wrapped key of {recipient} can be opened by somebody else: it is not one stanza of this recipient's kind"
        yield hit(subject, recipients[name], message)._replace(severity="high", remedy=FORGED)


def _is_for_others(recipient: str, enc: str) -> bool:
    """Whether an age file is not for its recipient alone. False for what is none, and for recipients of plugins."""
    from sopskit.age.armor import dearmor
    from sopskit.age.header import parse

    text = canonical(recipient)
    type = next((type for start, type in STANZAS if text.startswith(start)), None)
    if type is None or (type == "X25519" and text.count("1") > 1):  # bech32 has one 1, after the name of its kind
        return False
    try:
        stanzas = parse(dearmor(enc.encode("utf-8", "surrogateescape"))).stanzas
    except SopskitError:
        return False
    real = [stanza for stanza in stanzas if not stanza.type.endswith(GREASE)]
    return [stanza.type for stanza in real] != [type] or (type.startswith("ssh-") and not _has_tag(text, real))


def _has_tag(recipient: str, stanzas: Sequence[Stanza]) -> bool:
    """Whether a stanza names an SSH recipient's key."""
    from sopskit.age.ssh import SshRecipient

    try:
        return SshRecipient.parse(recipient).own(stanzas) is not None
    except SopskitError:
        return False
