"""Severities and waivers of the team."""

from __future__ import annotations

from datetime import UTC, datetime

from sopskit.review.model import Waived
from tests.review.reviewing import Reviewer, ids

FILE = "k8s/gitops/dev/app/secrets.yaml"
SECRET = b"apiVersion: v1\nkind: Secret\nmetadata: {name: app}\nstringData: {KEY: value}\n"
CONFIG = ".sopskit.yaml"
WAIVER = """version: 1
waivers:
  - policy: ENC04
    path: "k8s/gitops/dev/**"
    reason: a sample
    owner: ann
    expires: 2026-06-30
"""


def test_a_policy_has_its_own_severity(review_of: Reviewer) -> None:
    assert ids(review_of({"x": b""}, {FILE: SECRET})) == [f"ENC04 block {FILE}"]


def test_the_team_may_choose_another(review_of: Reviewer) -> None:
    config = b"version: 1\npolicies: {ENC04: low}\n"
    assert ids(review_of({CONFIG: config}, {FILE: SECRET})) == [f"ENC04 low {FILE}"]


def test_or_switch_it_off(review_of: Reviewer) -> None:
    config = b"version: 1\npolicies: {ENC04: off}\n"
    assert ids(review_of({CONFIG: config}, {FILE: SECRET})) == []


def test_a_waiver_counts_until_the_end_of_its_last_day(review_of: Reviewer) -> None:
    base = review_of.commit({CONFIG: WAIVER.encode()})
    head = review_of.commit({FILE: SECRET})
    report = review_of.between(base, head, now=datetime(2026, 6, 30, 23, 59, tzinfo=UTC))
    (finding,) = [finding for finding in report.findings if finding.id == "ENC04"]
    assert finding.waived == Waived("a sample", "ann", "2026-06-30")
    assert (report.verdict, report.counts["block"]) == ("clean", 0)
    report = review_of.between(base, head, now=datetime(2026, 7, 1, tzinfo=UTC))
    (finding,) = [finding for finding in report.findings if finding.id == "ENC04"]
    assert finding.waived is None
    assert report.verdict == "findings"


def test_a_waiver_of_the_change_itself_does_not_count(review_of: Reviewer) -> None:
    report = review_of({"x": b""}, {FILE: SECRET, CONFIG: WAIVER.encode()})
    assert f"ENC04 block {FILE}" in ids(report)
    assert report.verdict == "findings"


def test_a_policy_that_there_is_none_of_is_refused(review_of: Reviewer) -> None:
    import pytest

    from sopskit.errors import ConfigError

    with pytest.raises(ConfigError, match="policies names ENC99, and there is no such policy"):
        review_of({CONFIG: b"version: 1\npolicies: {ENC99: low}\n"}, {FILE: SECRET})
