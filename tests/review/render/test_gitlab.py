"""The review as a Code Quality report of GitLab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.review.model import Finding
from sopskit.review.render.gitlab import render
from tests.review.render import reports

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff


def remarks(review: ReviewDiff) -> Any:
    return json.loads(render(review))


def test_a_finding_is_a_remark_on_its_line_and_waived_ones_are_left_out() -> None:
    review = reports.plain()
    assert remarks(review) == [
        {
            "description": f"RCP03: {reports.STRANGER.id} can now read this file, but .sops.yaml does not list it",
            "check_name": "RCP03",
            "fingerprint": f"{review.findings[0].fingerprint}:1",
            "severity": "blocker",
            "location": {"path": "k8s/gitops/prod/service1/secrets.yaml", "lines": {"begin": 14}},
        },
        {
            "description": "MAC02: data.LOG_LEVEL changed, mac did not; a formatter or a bot may have written it;"
            " decrypting will fail",
            "check_name": "MAC02",
            "fingerprint": f"{review.findings[1].fingerprint}:1",
            "severity": "blocker",
            "location": {"path": "k8s/gitops/qa/service1/configmap.yaml", "lines": {"begin": 9}},
        },
    ]


def test_nothing_found_is_an_empty_array() -> None:
    assert render(reports.clean()) == "[]\n"


def test_each_severity_has_its_word_at_gitlab() -> None:
    found = [(one["check_name"], one["severity"]) for one in remarks(reports.keyed())]
    assert found == [("X03", "blocker"), ("X02", "critical"), ("X01", "major"), ("ENV01", "major"), ("X00", "minor")]


def test_two_findings_of_one_place_have_two_fingerprints() -> None:
    one = Finding("RCP03", "block", "t", "{who}", "r", "a.yaml", {"who": "ann"})
    review = reports.empty()._replace(other_findings=(one, one._replace(args={"who": "ben"}), one))
    prints = [remark["fingerprint"] for remark in remarks(review)]
    assert prints == [f"{one.fingerprint}:{number}" for number in (1, 2, 3)]


def test_a_line_of_base_is_not_taken_for_one_of_head() -> None:
    one = Finding("A1", "block", "t", "m", "r", "a.yaml", side="base", line=7)
    assert remarks(reports.empty()._replace(other_findings=(one,)))[0]["location"]["lines"] == {"begin": 1}


@pytest.mark.parametrize("attack", reports.ATTACKS)
def test_whatever_a_name_holds_nothing_but_harmless_text_is_said(attack: str) -> None:
    text = render(reports.hostile(attack))
    assert text.isascii()
    assert "##" not in text
    found = json.loads(text)
    assert len(found) == 2
    assert all(remark["description"].isprintable() and len(remark["description"]) < 1500 for remark in found)
    assert all(remark["location"]["path"].isprintable() for remark in found)
