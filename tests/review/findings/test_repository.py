"""GIT04 and GIT05: what Git knows of a file besides its content."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff
    from tests.conftest import AgeTestKey
    from tests.review.conftest import Sops

FILE = "k8s/dev/secrets.yaml"


def found(report: ReviewDiff, policy: str = "GIT04") -> list[tuple[str, str]]:
    return [(one.severity, one.path) for one in report.findings if one.id == policy]


@pytest.fixture
def encrypted(sops: Sops) -> bytes:
    return sops.encrypted("a: canary\n")


@pytest.fixture
def rules(alice: AgeTestKey) -> bytes:
    lines = ("creation_rules:", "  - path_regex: ^k8s/", f"    age: {alice.recipient}", "")
    return "\n".join(lines).encode()


def commit_link(review_of: Reviewer, path: str) -> str:
    link = review_of.git.folder / path
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    os.symlink("/etc/hostname", link)
    return review_of.commit({})


def test_an_encrypted_file_that_became_a_link_is_found(review_of: Reviewer, encrypted: bytes) -> None:
    base = review_of.commit({FILE: encrypted})
    assert found(review_of.between(base, commit_link(review_of, FILE))) == [("high", FILE)]


def test_a_new_link_is_found_only_where_a_rule_names_its_path(review_of: Reviewer, rules: bytes) -> None:
    base = review_of.commit({".sops.yaml": rules})
    commit_link(review_of, "docs/secrets.yaml")
    assert found(review_of.between(base, commit_link(review_of, FILE))) == [("high", FILE)]


def test_a_link_that_became_an_encrypted_file_is_found(review_of: Reviewer, encrypted: bytes) -> None:
    base = commit_link(review_of, FILE)
    (review_of.git.folder / FILE).unlink()
    assert found(review_of.between(base, review_of.commit({FILE: encrypted}))) == [("high", FILE)]


def test_a_mode_that_runs_a_file_is_a_lesser_finding(review_of: Reviewer, encrypted: bytes) -> None:
    base = review_of.commit({FILE: encrypted, "run.sh": b"#!/bin/sh\n"})
    for name in (FILE, "run.sh"):
        (review_of.git.folder / name).chmod(0o755)
    head = review_of.commit({})
    assert found(review_of.between(base, head)) == [("medium", FILE)]
    assert found(review_of.between(head, base)) == []


def test_a_pointer_to_lfs_in_the_place_of_an_encrypted_file_is_found(review_of: Reviewer, encrypted: bytes) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    assert found(review_of({FILE: encrypted}, {FILE: pointer, "logo.png": pointer})) == [("high", FILE)]


@pytest.mark.parametrize(
    ("line", "severity", "attribute"),
    [
        ("k8s/** -diff", "high", "-diff"),
        ("*.yaml binary", "high", "-diff"),
        ("secrets.yaml filter=clean", "high", "filter=clean"),
        ("*.yaml merge=union", "high", "merge=union"),
        ("*.yaml working-tree-encoding=latin1", "high", "working-tree-encoding=latin1"),
        ("*.yaml linguist-generated", "high", "linguist-generated"),
        ("*.yaml diff=sopskit", "medium", "diff=sopskit"),
        ("*.yaml eol=crlf", "medium", "eol=crlf"),
        ("*.yaml ident", "medium", "ident"),
    ],
)
def test_an_attribute_of_a_file_with_secrets_is_found(
    review_of: Reviewer, rules: bytes, encrypted: bytes, line: str, severity: str, attribute: str
) -> None:
    report = review_of({".sops.yaml": rules, FILE: encrypted}, {".gitattributes": f"# ours\n{line}\n".encode()})
    hits = [one for one in report.findings if one.id == "GIT04"]
    assert (hits[0].severity, hits[0].path, hits[0].line) == (severity, ".gitattributes", 2)
    assert hits[0].args == {"attribute": attribute, "count": 1, "example": FILE}


@pytest.mark.parametrize("line", ["*.png filter=lfs -diff", "docs/** linguist-generated", "* text=auto", "k8s -diff"])
def test_an_attribute_of_other_files_is_none(review_of: Reviewer, rules: bytes, encrypted: bytes, line: str) -> None:
    assert found(review_of({".sops.yaml": rules, FILE: encrypted}, {"k8s/.gitattributes": line.encode()})) == []


def test_an_attribute_that_stood_there_before_is_none(review_of: Reviewer, rules: bytes, encrypted: bytes) -> None:
    base = {".sops.yaml": rules, FILE: encrypted, ".gitattributes": b"*.yaml -diff\n"}
    assert found(review_of(base, {".gitattributes": b"# a comment\n*.yaml -diff\n"})) == []


def test_an_attribute_that_goes_is_found_in_the_old_file(review_of: Reviewer, rules: bytes, encrypted: bytes) -> None:
    base = {".sops.yaml": rules, FILE: encrypted, ".gitattributes": b"*.yaml filter=x\n"}
    report = review_of(base, {".gitattributes": None})
    (finding,) = (one for one in report.findings if one.id == "GIT04")
    assert (finding.severity, finding.path, finding.side) == ("medium", ".gitattributes", "base")


def test_a_new_layout_is_a_small_finding(review_of: Reviewer, encrypted: bytes) -> None:
    assert found(review_of({FILE: encrypted}, {FILE: b"\n\n" + encrypted}), "GIT05") == [("low", FILE)]
    assert found(review_of({"b.yaml": b"a: 1\n"}, {"b.yaml": b"\na: 1\n"}), "GIT05") == []
