"""ENC05: the plain text of an encrypted file beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff
    from tests.review.conftest import Sops

TEXT = "db:\n  user: ann\n  password: canary\n"


def found(report: ReviewDiff) -> list[tuple[str, str, object]]:
    return [(one.severity, one.path, one.args.get("twin")) for one in report.findings if one.id == "ENC05"]


@pytest.mark.parametrize(
    "copy",
    [
        "v/secrets.yaml.dec",
        "v/secrets.yaml.decrypted",
        "v/secrets.dec.yaml",
        "v/secrets-decrypted.yaml",
        "v/decrypted_secrets.yaml",
        "v/secrets.yaml.plain",
        "v/secrets.yaml.edited",
        "v/secrets.yaml.edited.2",
    ],
)
def test_a_decrypted_copy_is_found_by_its_name(review_of: Reviewer, sops: Sops, copy: str) -> None:
    report = review_of({"v/secrets.yaml": sops.encrypted(TEXT)}, {copy: b"db: {password: canary}\n"})
    assert found(report) == [("block", copy, "v/secrets.yaml")]


@pytest.mark.parametrize(
    ("copy", "encrypted"),
    [
        ("v/secrets.yaml", "v/secrets.enc.yaml"),
        ("v/secrets.yaml", "v/secrets.sops.yaml"),
        ("v/secrets.json", "v/secrets.yaml"),
        ("v/secrets.yaml.bak", "v/secrets.yaml"),
        ("v/secrets.yaml~", "v/secrets.yaml"),
    ],
)
def test_a_plain_twin_is_found_by_its_keys(review_of: Reviewer, sops: Sops, copy: str, encrypted: str) -> None:
    text = b'{"db": {"user": "ann", "password": "canary"}}' if copy.endswith(".json") else TEXT.encode()
    report = review_of({encrypted: sops.encrypted(TEXT)}, {copy: text})
    assert found(report) == [("block", copy, encrypted)]


def test_a_plain_file_that_stays_beside_its_new_encrypted_twin_is_found(review_of: Reviewer, sops: Sops) -> None:
    report = review_of({"v/secrets.yaml": TEXT.encode()}, {"v/secrets.enc.yaml": sops.encrypted(TEXT)})
    assert found(report) == [("block", "v/secrets.yaml", "v/secrets.enc.yaml")]


def test_a_binary_twin_is_found_by_its_name(review_of: Reviewer, sops: Sops) -> None:
    encrypted = sops.encrypted("canary", name="tls.key.enc")
    assert found(review_of({"tls.key.enc": encrypted}, {"tls.key": b"canary"})) == [("block", "tls.key", "tls.key.enc")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("v/secrets.example.yaml", TEXT),
        ("v/secrets.yaml.dec", ""),
        ("w/secrets.yaml.dec", TEXT),
        ("v/secrets.json", '{"db": {"user": "ann"}}'),
        ("v/secrets.json", '{"db": {"user": "", "password": ""}}'),
        ("v/plain.yaml", TEXT),
    ],
)
def test_another_file_is_none(review_of: Reviewer, sops: Sops, path: str, text: str) -> None:
    assert found(review_of({"v/secrets.yaml": sops.encrypted(TEXT)}, {path: text.encode()})) == []


def test_a_name_that_says_decrypted_is_a_lesser_finding_alone(review_of: Reviewer) -> None:
    assert found(review_of({}, {"v/secrets-decrypted.yaml": b"a: 1\n"})) == [
        ("medium", "v/secrets-decrypted.yaml", None)
    ]
