"""VAL03 and VAL04: certificates, and the private keys that belong to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sopskit.redact import escape_path
from sopskit.redact.certificates import chain_is_complete, private_key_matches, read_certificates
from sopskit.redact.names import words_of
from sopskit.review.findings.opened import base_values, head_values, new_values
from sopskit.review.findings.policy import FilePolicy, Hit
from sopskit.review.findings.values import hit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sopskit.document import Path
    from sopskit.redact.certificates import Certificate
    from sopskit.review.findings.opened import Held
    from sopskit.review.findings.subject import Subject

SOON = timedelta(days=30)
LONGEST_CHAIN = 10  # more are a bundle of roots, of which some are always out of date
KEY_LABEL = b"PRIVATE KEY-----"
# words that tell a certificate's key name from that of its private key
ROLE_WORDS = frozenset(
    ("cert", "certificate", "certs", "chain", "crt", "data", "fullchain", "key", "pem", "private", "public")
)


def val03(subject: Subject) -> Iterator[Hit]:
    """A certificate that clients will refuse, or soon."""
    before = base_values(subject)
    for held in new_values(subject):
        chain = _chain(held)
        if not chain:
            continue
        yield from _dates(subject, held, chain, subject.change.now)
        if chain[0].weak:
            yield hit(subject, held, "the certificate in {key} has a weak key or signature")
        old = before.get(held.slot)
        dropped = len(_chain(old)[0].names - chain[0].names) if old is not None and _chain(old) else 0
        if dropped:
            message = "the certificate in {key} is no longer for {count} of the names it was for"
            yield hit(subject, held, message, count=dropped)


def _chain(held: Held) -> tuple[Certificate, ...]:
    data = held.contents
    return read_certificates(data) if b"CERTIFICATE-----" in data or data.startswith(b"\x30\x82") else ()


def _dates(subject: Subject, held: Held, chain: tuple[Certificate, ...], now: datetime) -> Iterator[Hit]:
    """The worst about dates, for a chain as a whole: it is valid as long as all of its certificates are."""
    several = chain if len(chain) <= LONGEST_CHAIN else chain[:1]
    end, start = min(one.not_after for one in several), max(one.not_before for one in several)
    if end <= now:
        yield hit(subject, held, "a certificate in {key} expired on {date}", date=end.date().isoformat())
    elif start > now:
        yield hit(subject, held, "a certificate in {key} is not valid before {date}", date=start.date().isoformat())
    elif end <= now + SOON:
        message = "a certificate in {key} expires on {date}"
        yield hit(subject, held, message, severity="medium", date=end.date().isoformat())


def val04(subject: Subject) -> Iterator[Hit]:
    """A private key that is not its certificate's, or a chain with a gap."""
    fresh = {held.place for held in new_values(subject)}
    if not fresh:
        return
    for held in new_values(subject):
        chain = _chain(held)
        if _is_served(held, chain) and not chain_is_complete(chain):
            yield hit(subject, held, "the chain in {key} has a gap, or is out of order")
    if not subject.may_compare:
        return
    for certificate, key in _pairs(head_values(subject)):
        is_fresh = bool(fresh & {certificate.place, key.place})
        if is_fresh and private_key_matches(certificate.contents, key.contents) is False:
            message = "the private key in {key} does not belong to the certificate in {certificate}"
            yield hit(subject, key, message, certificate=escape_path(certificate.leaf.path))


def _is_served(held: Held, chain: tuple[Certificate, ...]) -> bool:
    """Whether the certificates are a server's or client's chain, and not a bundle of authorities to trust."""
    return 1 < len(chain) <= LONGEST_CHAIN and not chain[0].self_signed and not _is_authority(held)


def _is_authority(held: Held) -> bool:
    return bool({"ca", "root", "roots", "trust", "trusted", "bundle", "authority"} & set(words_of(held.key)))


def _pairs(values: dict[tuple[int, Path], Held]) -> Iterator[tuple[Held, Held]]:
    """Certificates with the private keys beside them: in one value, under names that fit, or the only two of a mapping."""
    groups: dict[tuple[int, Path], list[Held]] = {}
    for (number, path), held in values.items():
        groups.setdefault((number, path[:-1]), []).append(held)
    for group in groups.values():
        certificates = [held for held in group if _chain(held) and not _is_authority(held)]
        keys = [held for held in group if KEY_LABEL in held.contents]
        for key in keys:
            own = [one for one in certificates if one.place == key.place]
            named = [one for one in certificates if _stem(one) == _stem(key)]
            lone = certificates if len(certificates) == len(keys) == 1 else []
            for certificate in (own or named or lone)[:1]:
                yield certificate, key


def _stem(held: Held) -> tuple[str, ...]:
    """What is left of a key's name without the words for certificate and key: `tls` of `tls.crt`."""
    return tuple(word for word in words_of(held.key) if word not in ROLE_WORDS)


POLICIES = (
    FilePolicy(
        "VAL03",
        "high",
        "a certificate that clients will refuse",
        why="A certificate that expired, is not valid yet, has a weak key, or is no longer for a name it was for, ends connections "
        "when it is rolled out. One that expires within 30 days will do so soon.",
        remedy="have the certificate issued again, for all names that are in use",
        find=val03,
        key="yes",
    ),
    FilePolicy(
        "VAL04",
        "block",
        "a certificate and a private key that do not belong together",
        why="A server refuses to start with a private key that is not its certificate's, and clients refuse a chain with a gap. Both "
        "are easily mixed up when only one of two values was changed.",
        remedy="set certificate and private key together, the certificate first, then its issuers in their order",
        find=val04,
        key="yes",
    ),
)  # fmt: skip
