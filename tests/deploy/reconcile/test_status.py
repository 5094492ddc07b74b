"""What a supervisor knows from the status that one before it has written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sopskit.deploy.reconcile import status as statuses
from sopskit.deploy.reconcile.report import Applied, Outcome, Report
from sopskit.deploy.reconcile.schedule import Due
from sopskit.deploy.reconcile.source import BadSource, Source, SourceId
from sopskit.deploy.reconcile.state import State
from sopskit.deploy.reconcile.status import Condition

SOURCE = Source(SourceId("team-a", "dev"), "https://git.example.org/config.git", "main", "dev", "keys", generation=3)
READY = Condition("Ready", True, "Applied", "3 objects as in 0123456789ab")


def live(**fields: Any) -> dict[str, Any]:
    condition = {
        **READY._asdict(),
        "status": "True",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    told = {"conditions": [condition], "observedGeneration": 3, "lastAttemptedRevision": "b", "keysVersion": "7"}
    return {**told, "lastAppliedRevision": "a", "lastAppliedGeneration": 2, **fields}


def test_the_first_round_of_a_process_leaves_what_the_one_before_has_told() -> None:
    before = State(SOURCE, live(), 0.0).before
    wanted = statuses.of_running(SOURCE, before.last)
    running = Condition("Reconciling", True, "Progressing", "a round is under way")
    assert wanted == statuses.Status(3, (READY, running), "b", Applied("a", 2, "7"), about=2)
    assert statuses.of_running(SOURCE, wanted) == wanted


def test_a_source_that_rests_keeps_what_is_said_of_it() -> None:
    before = State(SOURCE, live(), 0.0).before
    rests = statuses.of_suspended(SOURCE, before.last)
    assert rests == statuses.Status(3, (READY,), "b", Applied("a", 2, "7"), about=2)
    assert statuses.of_suspended(SOURCE, rests) == rests


RESTS = Condition("Ready", False, "Suspended", "it rests, as spec.suspend asks")


def test_a_source_that_rests_from_the_beginning_says_so() -> None:
    before = State(SOURCE, {}, 0.0).before
    wanted = statuses.of_suspended(SOURCE, before.last)
    assert wanted == statuses.Status(3, (RESTS,))
    assert statuses.of_suspended(SOURCE, wanted) == wanted


def test_a_source_that_rests_does_not_say_any_more_that_it_was_not_understood() -> None:
    bad = statuses.of_bad(BadSource(SOURCE.id, generation=2, message="spec.branch is missing"))
    assert statuses.of_suspended(SOURCE, bad) == statuses.Status(3, (RESTS,))


def test_a_source_without_a_status_says_that_a_round_is_under_way_and_no_more() -> None:
    wanted = statuses.of_running(SOURCE, State(SOURCE, {}, 0.0).before.last)
    assert [(item.type, item.status) for item in wanted.conditions] == [("Reconciling", True)]
    assert wanted.applied is None


def test_what_was_applied_is_of_the_generation_that_was_applied() -> None:
    # the generation that was only tried would make a changed source look like drift
    assert State(SOURCE, live(), 0.0).applied == Applied("a", 2, "7")
    assert State(SOURCE, live(lastAppliedGeneration=None), 0.0).applied is None


def test_what_was_asked_for_stays_said_after_a_restart() -> None:
    live = {"conditions": [{"type": "Ready", "status": "True"}], "lastHandledRequest": "now"}
    last = State(SOURCE, live, 0.0).before.last
    assert last is not None
    assert statuses.of_running(SOURCE, last).request == "now"


def test_a_source_that_applies_the_same_has_it_in_place_already() -> None:
    state = State(SOURCE, {}, 0.0)
    state.over(SOURCE, Report(Outcome.APPLIED, "Applied", "", "a", applied=True, key_version="7"), None, Due(0.0))
    changes: list[dict[str, Any]] = [{"interval": 7.0}, {"path": "qa"}, {"path": "qa", "interval": 7.0}]
    for number, fields in enumerate(changes):
        state.update(replace(SOURCE, generation=4 + number, **fields), {}, 0.0)
        assert state.in_place == Applied("a", 4 if number == 0 else 3, "7")
