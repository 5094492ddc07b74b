"""VAL03 and VAL04: certificates and their private keys."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.x509.oid import NameOID

from sopskit.review.findings import certificates
from tests.redact.certificates import DAY, NOW, issue
from tests.review.conftest import Sops
from tests.review.findings.keyed import KeyedReview, said, secret
from tests.review.reviewing import Reviewer

CERTIFICATE = 'stringData["tls.crt"]'
KEY = 'stringData["tls.key"]'


@pytest.fixture
def found(sops: Sops, review_of: Reviewer) -> KeyedReview:
    return KeyedReview(sops, review_of, certificates.POLICIES)


def tls(*pems: bytes, key: bytes = b"") -> str:
    """A Secret with a chain, and a private key if there is one."""
    values = {"tls.crt": b"".join(pems).decode(), "tls.key": key.decode()}
    return secret({name: text for name, text in values.items() if text}, type="kubernetes.io/tls")


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        (-90, -1, "VAL03 high: a certificate in {} expired on 2026-05-31"),
        (-90, 0, "VAL03 high: a certificate in {} expired on 2026-06-01"),
        (1, 90, "VAL03 high: a certificate in {} is not valid before 2026-06-02"),
        (-60, 30, "VAL03 medium: a certificate in {} expires on 2026-07-01"),
        (-60, 31, None),
    ],
)
def test_dates_are_compared_with_the_day_of_the_review(
    found: KeyedReview, since: int, until: int, message: str | None
) -> None:
    made = issue(since=NOW + since * DAY, until=NOW + until * DAY)
    expected = [message.format(CERTIFICATE)] if message else []
    assert said(found(None, found.encrypted(tls(made.pem)))) == expected


def test_an_issuer_that_expired_is_found(found: KeyedReview) -> None:
    root = issue("EC P-384", names=((NameOID.COMMON_NAME, "root"),), until=NOW - DAY)
    head = found.encrypted(tls(issue(issuer=root).pem, root.pem))
    assert said(found(None, head)) == [f"VAL03 high: a certificate in {CERTIFICATE} expired on 2026-05-31"]


def test_a_weak_key_is_found(found: KeyedReview) -> None:
    head = found.encrypted(tls(issue("RSA 1024").pem))
    assert said(found(None, head)) == [f"VAL03 high: the certificate in {CERTIFICATE} has a weak key or signature"]


def test_names_that_a_certificate_lost_are_counted(found: KeyedReview) -> None:
    base = found.encrypted(tls(issue(hosts=("a.example", "b.example", "c.example")).pem))
    head = found.edited(base, {"tls.crt": issue(hosts=("a.example", "d.example")).pem.decode()})
    message = f"VAL03 high: the certificate in {CERTIFICATE} is no longer for 2 of the names it was for"
    assert said(found(base, head)) == [message]


def test_under_the_guard_lost_names_are_not_told(found: KeyedReview) -> None:
    base = found.encrypted(tls(issue(hosts=("a.example", "b.example")).pem))
    assert found(base, found.encrypted(tls(issue(hosts=("a.example",)).pem))) == []


def test_a_renewed_certificate_is_no_finding(found: KeyedReview) -> None:
    base = found.encrypted(tls(issue(hosts=("a.example",), until=NOW + 10 * DAY).pem, key=issue().key_pem))
    head = found.edited(base, {"tls.crt": issue(hosts=("a.example", "b.example")).pem.decode()})
    assert found(base, head) == []


def test_a_certificate_that_did_not_change_is_not_looked_at(found: KeyedReview) -> None:
    made = issue(until=NOW - DAY)
    base = found.encrypted(tls(made.pem, key=made.key_pem))
    assert found(base, found.edited(base, {"other": "x"})) == []


# --- VAL04


def mismatch(key: str, certificate: str) -> str:
    return f"VAL04 block: the private key in {key} does not belong to the certificate in {certificate}"


def test_a_private_key_of_another_certificate_is_found(found: KeyedReview) -> None:
    made, other = issue(), issue("EC P-384")
    base = found.encrypted(tls(made.pem, key=made.key_pem))
    (finding,) = found(base, found.edited(base, {"tls.key": other.key_pem.decode()}))
    assert (said([finding]), finding.key) == ([mismatch(KEY, CERTIFICATE)], ("stringData", "tls.key"))
    assert said(found(base, found.edited(base, {"tls.crt": other.pem.decode()}))) == [mismatch(KEY, CERTIFICATE)]


def test_both_together_are_no_finding(found: KeyedReview) -> None:
    made, other = issue(), issue("EC P-384")
    base = found.encrypted(tls(made.pem, key=made.key_pem))
    assert found(base, found.edited(base, {"tls.crt": other.pem.decode(), "tls.key": other.key_pem.decode()})) == []


def test_a_mismatch_is_found_through_base64(found: KeyedReview) -> None:
    made, other = issue(), issue("EC P-384")
    values = {"tls.crt": b64encode(made.pem).decode(), "tls.key": b64encode(made.key_pem).decode()}
    base = found.encrypted(secret(values, field="data"))
    head = found.edited(base, {"tls.key": b64encode(other.key_pem).decode()}, field="data")
    assert said(found(base, head)) == [mismatch('data["tls.key"]', 'data["tls.crt"]')]


def test_under_the_guard_no_match_is_told(found: KeyedReview) -> None:
    made, other = issue(), issue("EC P-384")
    base = found.encrypted(tls(made.pem, key=made.key_pem))
    assert found(base, found.encrypted(tls(made.pem, key=other.key_pem))) == []
    assert said(found(base, found.encrypted(tls(made.pem, key=other.key_pem)), trusted=True)) == [
        mismatch(KEY, CERTIFICATE)
    ]


def test_several_pairs_are_told_apart_by_name(found: KeyedReview) -> None:
    one, two, ca = issue(), issue("EC P-384"), issue("Ed25519")
    values = {
        "client-key": two.key_pem,
        "client-cert": two.pem,
        "server.key": one.key_pem,
        "server.crt": one.pem,
        "ca.crt": ca.pem,
    }
    texts = {name: pem.decode() for name, pem in values.items()}
    base = found.encrypted(secret(texts))
    assert (
        found(base, found.edited(base, {"client-key": one.key_pem.decode(), "server.key": two.key_pem.decode()})) != []
    )
    assert found(None, found.encrypted(secret(texts)), trusted=True) == []
    swapped = {**texts, "client-key": texts["server.key"]}
    assert said(found(base, found.encrypted(secret(swapped)), trusted=True)) == [
        mismatch("stringData.client-key", "stringData.client-cert")
    ]


def test_a_chain_in_the_wrong_order_is_found(found: KeyedReview) -> None:
    root = issue("EC P-384", names=((NameOID.COMMON_NAME, "root"),))
    middle = issue("EC P-521", names=((NameOID.COMMON_NAME, "middle"),), issuer=root)
    leaf = issue(issuer=middle)
    good, bad = (
        found.encrypted(tls(*(one.pem for one in order))) for order in ((leaf, middle, root), (leaf, root, middle))
    )
    assert found(None, good) == []
    assert said(found(None, bad, path="other.yaml")) == [
        f"VAL04 block: the chain in {CERTIFICATE} has a gap, or is out of order"
    ]


def test_a_bundle_of_authorities_is_no_chain(found: KeyedReview) -> None:
    roots = [issue(kind, names=((NameOID.COMMON_NAME, kind),)) for kind in ("EC P-256", "EC P-384")]
    text = "".join(root.pem.decode() for root in roots)
    assert found(None, found.encrypted(secret({"ca.crt": text, "bundle.pem": text}))) == []
