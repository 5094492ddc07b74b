"""SUP02: waivers that have ended."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.review.findings.conftest import Reviewer, ids

WAIVER = """version: 1
waivers:
  - {{policy: ENC04, path: "dev/**", reason: a sample, owner: ann, expires: {expires}}}
"""


def found(review_of: Reviewer, expires: str) -> list[str]:
    config = WAIVER.format(expires=expires).encode()
    return ids(review_of({".sopskit.yaml": config}, {"README": b"x"}, now=datetime(2026, 6, 1, tzinfo=UTC)))


def test_a_waiver_past_its_last_day_is_a_finding(review_of: Reviewer) -> None:
    assert found(review_of, "2026-05-31") == ["SUP02 low .sopskit.yaml"]


def test_on_its_last_day_it_is_none(review_of: Reviewer) -> None:
    assert found(review_of, "2026-06-01") == []
