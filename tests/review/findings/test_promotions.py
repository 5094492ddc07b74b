"""ENV03: a protected environment that goes ahead of the others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sopskit.git import open_repository
from sopskit.review.findings import promotions
from sopskit.review.model import End
from sopskit.review.request import Options
from sopskit.workflow.ends import Ends
from sopskit.workflow.review import review
from tests.review.findings.keyed import REGEX, said, secret
from tests.review.reviewing import NOW, Reviewer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.review.conftest import Sops

DEV, QA, PROD = (f"k8s/gitops/{name}/service1/secrets.yaml" for name in ("dev", "qa", "prod"))
TEAM = b"""version: 1
environments:
  - {name: prod, paths: ["k8s/gitops/prod/**"], protected: true}
  - {name: dev, paths: ["k8s/gitops/dev/**"]}
  - {name: qa, paths: ["k8s/gitops/qa/**"]}
"""
VALUES = {"DB_PASSWORD": "kX9-mQ2vLp8w", "API_TOKEN": "Lw3-zR7tYb1n"}
MESSAGE = "ENV03 low: {}: changed here, and in {} not for {} days"


class Past:
    """A repository in which commits are so many days old as a test says."""

    def __init__(self, sops: Sops, review_of: Reviewer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sops = sops
        self.review_of = review_of
        self.monkeypatch = monkeypatch

    def commit(self, days: int, files: Mapping[str, bytes | None]) -> str:
        """Commit files, so many days ago."""
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            self.monkeypatch.setenv(name, (NOW - timedelta(days=days)).isoformat())
        return self.review_of.commit(files)

    def encrypted(self, values: Mapping[str, object] = VALUES) -> bytes:
        """A Secret."""
        return self.sops.encrypted(secret(values), *REGEX)

    def set(self, old: bytes, key: str, value: str = "zQ4-nW8sKj2p") -> bytes:
        """What sops makes of a file."""
        (self.sops.folder / "file.yaml").write_bytes(old)
        self.sops("set", "file.yaml", f'["stringData"]["{key}"]', f'"{value}"')
        return self.sops.bytes()

    def rotated(self, old: bytes) -> bytes:
        """What sops makes of a file."""
        (self.sops.folder / "file.yaml").write_bytes(old)
        self.sops("rotate", "--in-place", "file.yaml")
        return self.sops.bytes()

    def found(self, base: str, head: str) -> list[str]:
        """What is said of a range."""
        options = Options(now=NOW, policies=promotions.POLICIES)
        repository = open_repository(self.review_of.git.folder)
        assert repository is not None
        with repository:
            report = review(repository, Ends(End("base", base), End("head", head)), options=options)
        assert {one.path for one in report.findings} <= {PROD}
        return said(report.findings)


@pytest.fixture
def past(sops: Sops, review_of: Reviewer, monkeypatch: pytest.MonkeyPatch) -> Past:
    return Past(sops, review_of, monkeypatch)


def test_production_that_changes_alone_is_found(past: Past) -> None:
    prod = past.encrypted()
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: past.encrypted(), QA: past.encrypted(), PROD: prod})
    head = past.commit(0, {PROD: past.set(prod, "DB_PASSWORD")})
    assert past.found(base, head) == [MESSAGE.format("stringData.DB_PASSWORD", "dev, qa", 40)]


def test_a_younger_commit_tells_nothing_of_a_month(past: Past) -> None:
    prod = past.encrypted()
    base = past.commit(29, {".sopskit.yaml": TEAM, DEV: past.encrypted(), PROD: prod})
    assert past.found(base, past.commit(0, {PROD: past.set(prod, "DB_PASSWORD")})) == []


def test_one_environment_that_tried_it_in_the_month_is_enough(past: Past) -> None:
    prod, qa = past.encrypted(), past.encrypted()
    past.commit(40, {".sopskit.yaml": TEAM, DEV: past.encrypted(), QA: qa, PROD: prod})
    base = past.commit(5, {QA: past.set(qa, "DB_PASSWORD")})
    assert past.found(base, past.commit(0, {PROD: past.set(prod, "DB_PASSWORD")})) == []


def test_a_change_of_both_is_none(past: Past) -> None:
    prod, dev = past.encrypted(), past.encrypted()
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: dev, PROD: prod})
    head = past.commit(0, {PROD: past.set(prod, "API_TOKEN"), DEV: past.set(dev, "API_TOKEN")})
    assert past.found(base, head) == []


def test_another_key_that_was_tried_does_not_count(past: Past) -> None:
    prod, dev = past.encrypted(), past.encrypted()
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: dev, PROD: prod})
    head = past.commit(0, {PROD: past.set(prod, "API_TOKEN"), DEV: past.set(dev, "DB_PASSWORD")})
    assert past.found(base, head) == [MESSAGE.format("stringData.API_TOKEN", "dev", 40)]


def test_a_rotation_of_the_other_environment_is_no_trial(past: Past) -> None:
    prod, dev = past.encrypted(), past.encrypted()
    past.commit(40, {".sopskit.yaml": TEAM, DEV: dev, PROD: prod})
    base = past.commit(5, {DEV: past.rotated(dev)})
    head = past.commit(0, {PROD: past.set(prod, "DB_PASSWORD")})
    assert past.found(base, head) == [MESSAGE.format("stringData.DB_PASSWORD", "dev", 40)]


def test_a_key_that_the_others_do_not_have_is_none(past: Past) -> None:
    prod = past.encrypted()
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: past.encrypted({"DB_PASSWORD": "x"}), PROD: prod})
    assert past.found(base, past.commit(0, {PROD: past.set(prod, "API_TOKEN")})) == []


def test_a_key_that_another_environment_has_since_lately_is_none(past: Past) -> None:
    prod = past.encrypted()
    past.commit(40, {".sopskit.yaml": TEAM, DEV: past.encrypted({"API_TOKEN": "x"}), PROD: prod})
    base = past.commit(5, {DEV: past.encrypted()})
    assert past.found(base, past.commit(0, {PROD: past.set(prod, "DB_PASSWORD")})) == []


def test_a_new_key_is_none(past: Past) -> None:
    prod = past.encrypted({"DB_PASSWORD": "x"})
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: past.encrypted(), PROD: prod})
    assert past.found(base, past.commit(0, {PROD: past.set(prod, "API_TOKEN")})) == []


def test_a_plain_value_may_differ(past: Past) -> None:
    dev, prod = (
        past.sops.encrypted(f"level_unencrypted: {level}\npassword: kX9-mQ2vLp8w\n") for level in ("debug", "info")
    )
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: dev, PROD: prod})
    (past.sops.folder / "file.yaml").write_bytes(prod)
    past.sops("set", "file.yaml", '["level_unencrypted"]', '"warning"')
    assert past.found(base, past.commit(0, {PROD: past.sops.bytes()})) == []


def test_development_may_go_ahead(past: Past) -> None:
    dev = past.encrypted()
    base = past.commit(40, {".sopskit.yaml": TEAM, DEV: dev, QA: past.encrypted(), PROD: past.encrypted()})
    assert past.found(base, past.commit(0, {DEV: past.set(dev, "DB_PASSWORD")})) == []


def test_a_damaged_version_of_another_environment_is_no_trial_and_no_error(past: Past) -> None:
    prod = past.encrypted()
    past.commit(40, {".sopskit.yaml": TEAM, DEV: b"a: [\n", PROD: prod})
    base = past.commit(5, {DEV: past.encrypted()})
    assert past.found(base, past.commit(0, {PROD: past.set(prod, "DB_PASSWORD")})) == []
