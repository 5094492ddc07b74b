"""RCP05, RCP06 and RCP09: what the team's names and the key groups say."""

from __future__ import annotations

import re

import pytest

from sopskit.config.sopskit_yaml import Name
from tests.review.findings.readers import (
    ALICE,
    ASKED,
    BASE,
    BOB,
    CLUSTER,
    GROUPS,
    PATH,
    WITH_BOB,
    WITHOUT_CLUSTER,
    found,
    named,
    state,
)
from tests.review.states import fixture, ids, reviewed


def test_a_required_recipient_that_is_missing_blocks() -> None:
    asked = named(Name("flux", (CLUSTER,), required_in=("prod",)))
    (finding,) = found(state(BASE), state(WITHOUT_CLUSTER), "RCP05", asked)
    assert (finding.severity, finding.args) == ("block", {"name": "flux", "environment": "prod"})
    assert found(state(BASE), state(WITH_BOB), "RCP05", asked) == []
    assert found({"dev/a.yaml": BASE}, {"dev/a.yaml": WITHOUT_CLUSTER}, "RCP05", asked) == []


def test_any_key_of_somebody_required_is_enough() -> None:
    asked = named(Name("people", (BOB, ALICE), required_in=("prod",)))
    assert found(state(BASE), state(WITHOUT_CLUSTER), "RCP05", asked) == []


def test_one_that_was_missing_before_weighs_less() -> None:
    asked = named(Name("bob", (BOB,), required_in=("prod",)))
    assert [one.severity for one in found(state(BASE), state(fixture("set")), "RCP05", asked)] == ["medium"]


def test_a_forbidden_recipient_blocks() -> None:
    asked = named(Name("bob", (BOB,), forbidden_in=("prod",)))
    (finding,) = found(state(BASE), state(WITH_BOB), "RCP06", asked)
    assert (finding.severity, finding.args) == ("block", {"recipient": f"bob ({BOB})", "environment": "prod"})
    assert found({"dev/a.yaml": BASE}, {"dev/a.yaml": WITH_BOB}, "RCP06", asked) == []
    again = fixture("updatekeys-edit").replace(b"tier", b"zone")
    assert [one.severity for one in found(state(WITH_BOB), state(again), "RCP06", asked)] == ["medium"]


def test_a_forbidden_recipient_comes_with_a_file_that_moves() -> None:
    asked = named(Name("bob", (BOB,), forbidden_in=("prod",)))._replace(renamed={PATH: "dev/file.yaml"})
    (finding,) = found({"dev/file.yaml": WITH_BOB}, {PATH: WITH_BOB}, "RCP06", asked)
    assert finding.severity == "block"


@pytest.mark.parametrize(
    ("threshold", "severities"), [(b"1", ["block"]), (b"2", []), (b"3", [])], ids=["lower", "same", "higher"]
)
def test_a_lower_threshold_blocks(threshold: bytes, severities: list[str]) -> None:
    head = GROUPS.replace(b"shamir_threshold: 2", b"shamir_threshold: " + threshold).replace(b"lastm", b"#\n    lastm")
    assert [one.severity for one in found(state(GROUPS), state(head), "RCP09")] == severities


def test_a_file_without_its_key_groups_opens_with_one() -> None:
    (finding,) = found(state(GROUPS), state(BASE), "RCP09")
    assert finding.args == {"before": 2, "after": 1}


def test_fewer_groups_of_which_as_many_are_needed_weigh_less() -> None:
    text = GROUPS.decode()
    groups = re.split(r"(?m)^(?=        - )", text[text.index("key_groups:\n") : text.index("    lastmodified")])
    head = text.replace(groups[1], "")
    (finding,) = found(state(GROUPS), state(head.encode()), "RCP09")
    assert (finding.severity, finding.args) == ("medium", {"before": 3, "after": 2})


def test_a_whole_review_tells_who_came_and_who_left() -> None:
    report = reviewed(state(BASE, ALICE, CLUSTER), state(WITHOUT_CLUSTER, ALICE, CLUSTER), ASKED)
    assert ids(report) == ["RCP01 medium", "RCP02 medium", "RCP04 medium", "RCP07 low"]
