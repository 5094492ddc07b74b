"""ENC09: `.gitignore` files that keep the wrong files out of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

TEXT = "db:\n  password: canary\n"


@pytest.fixture
def rules(alice: AgeTestKey) -> bytes:
    return f"creation_rules:\n  - path_regex: \\.enc\\.yaml$\n    age: {alice.recipient}\n".encode()


def found(report: ReviewDiff) -> list[tuple[str, str, str, int | None]]:
    return [(one.severity, one.path, one.side, one.line) for one in report.findings if one.id == "ENC09"]


def test_an_ignored_encrypted_file_is_found(review_of: Reviewer, sops: Sops, rules: bytes) -> None:
    base = {".sops.yaml": rules, "v/secrets.enc.yaml": sops.encrypted(TEXT)}
    assert found(review_of(base, {"v/.gitignore": b"# mine\n*.enc.yaml\n"})) == [("medium", "v/.gitignore", "head", 2)]


def test_it_is_worse_if_the_plain_text_is_tracked(review_of: Reviewer, sops: Sops, rules: bytes) -> None:
    base = {".sops.yaml": rules, "v/secrets.enc.yaml": sops.encrypted(TEXT), "v/secrets.yaml": TEXT.encode()}
    report = review_of(base, {".gitignore": b"*.enc.yaml\n"})
    assert found(report) == [("high", ".gitignore", "head", 1)]


def test_a_new_encrypted_file_that_was_forced_in_is_found(review_of: Reviewer, sops: Sops) -> None:
    review_of.git.write("secrets.enc.yaml", sops.encrypted(TEXT))
    review_of.git("add", "secrets.enc.yaml")
    base = review_of.commit({"README.md": b"x"})
    review_of.git("rm", "--quiet", "--cached", "secrets.enc.yaml")
    (review_of.git.folder / "secrets.enc.yaml").unlink()
    base = review_of.commit({".gitignore": b"*.enc.yaml\n"})
    review_of.git.write("secrets.enc.yaml", sops.encrypted(TEXT))
    review_of.git("add", "--force", "secrets.enc.yaml")
    assert found(review_of.between(base, review_of.commit({}))) == [("medium", ".gitignore", "head", 1)]


def test_patterns_for_plain_files_are_none(review_of: Reviewer, sops: Sops, rules: bytes) -> None:
    base = {".sops.yaml": rules, "v/secrets.enc.yaml": sops.encrypted(TEXT)}
    patterns = b"*.dec\n*.dec.yaml\n/v/secrets.yaml\nkeys.txt\n!*.enc.yaml\n"
    assert found(review_of(base, {".gitignore": patterns})) == []


def test_a_pattern_for_plain_files_that_goes_is_found(review_of: Reviewer, sops: Sops, rules: bytes) -> None:
    base = {
        ".sops.yaml": rules,
        "v/secrets.enc.yaml": sops.encrypted(TEXT),
        ".gitignore": b"node_modules\n*.dec\nkeys.txt\n",
    }
    report = review_of(base, {".gitignore": b"keys.txt\n"})
    assert found(report) == [("medium", ".gitignore", "base", 2)]


def test_another_pattern_that_goes_is_none(review_of: Reviewer, sops: Sops, rules: bytes) -> None:
    base = {".sops.yaml": rules, "v/secrets.enc.yaml": sops.encrypted(TEXT), ".gitignore": b"node_modules\n*.dec\n"}
    assert found(review_of(base, {".gitignore": b"*.d*\n"})) == []
