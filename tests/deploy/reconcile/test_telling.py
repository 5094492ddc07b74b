"""What of a round is news, and to whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sopskit.deploy.notify.message import Notice
from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.report import Applied, Outcome, Report, from_json
from sopskit.deploy.reconcile.source import Channel, Source, SourceId
from sopskit.deploy.reconcile.telling import Before, Teller, news

APPLIED = Report(Outcome.APPLIED, "Applied", "1 created from 0123", "0123", applied=True, created=1, key_version="7")
SAME = Report(Outcome.UNCHANGED, "Applied", "1 object as in 0123", "0123", applied=True, key_version="7")
FAILED = Report(Outcome.FAILED, "FetchFailed", "the server cannot be reached", "0123")
DRIFTED = Report(
    Outcome.DRIFTED, "Drifted", "1 object not as in Git", "0123", drifted=("~ Secret dev/app",), key_version="7"
)
CORRECTED = replace(APPLIED, drifted=("~ Secret dev/app",), message="1 changed from 0123")
ROTATED = replace(SAME, key_version="8")

NEXT = replace(SAME, revision="4567")

STORIES: list[tuple[str, Report | None, Report, list[str]]] = [
    ("the first round applies", None, APPLIED, ["applied"]),
    ("nothing has changed", APPLIED, SAME, []),
    ("another commit that changes no object", SAME, NEXT, ["applied"]),
    ("it fails", SAME, FAILED, ["failed"]),
    ("it fails again: told, and held back by the delivery", FAILED, FAILED, ["failed"]),
    ("it is well again", FAILED, SAME, ["recovered"]),
    ("it is well again and has something to apply", FAILED, APPLIED, ["recovered", "applied"]),
    ("the cluster has drifted", SAME, DRIFTED, ["drifted"]),
    ("the same drift is no news", DRIFTED, DRIFTED, []),
    ("drift is put right", SAME, CORRECTED, ["drifted"]),
    ("other keys", SAME, ROTATED, ["rotated"]),
    ("a round that did not get to the keys says nothing of them", SAME, FAILED, ["failed"]),
]


@pytest.mark.parametrize(("before", "report", "kinds"), [story[1:] for story in STORIES], ids=[s[0] for s in STORIES])
def test_what_is_news(before: Report | None, report: Report, kinds: list[str]) -> None:
    last = Before(before, None, {}, Applied("0123", 1, "7") if before is not None else None)
    assert [kind for kind, _ in news(report, last)] == kinds


def test_only_those_are_told_who_want_to_know() -> None:
    told: list[Notice] = []
    lines: list[str] = []
    teller = Teller(None, None, Metrics(), lambda source, notice: told.append(notice), lines.append, "test")
    source = Source(SourceId("team-a", "dev"), "https://git.example.org/c.git", "main", ".", "sops")
    deaf = replace(source, channels=(Channel("slack", "hook", frozenset(("failed",))),))
    for wanted in (source, deaf):
        teller.finished(wanted, APPLIED, Before(None, None, {}), 1.0)
    assert told == []
    teller.finished(deaf, FAILED, Before(None, None, {}), 1.0)
    (notice,) = told
    assert (notice.source, notice.kind, notice.summary, notice.cluster) == (
        "team-a/dev",
        "failed",
        "the server cannot be reached",
        "test",
    )
    assert lines == ["team-a/dev: applied: 1 created from 0123"] * 2 + [
        "team-a/dev: failed: the server cannot be reached"
    ]


def test_a_source_that_rests_is_logged_once() -> None:
    lines: list[str] = []
    teller = Teller(None, None, Metrics(), lambda source, notice: None, lines.append, "")
    source = Source(SourceId("team-a", "dev"), "https://git.example.org/c.git", "main", ".", "sops")
    status = teller.rests(source, Before(None, None, {}))
    teller.rests(source, Before(None, status, {}))
    assert lines == ["team-a/dev: is suspended"]


@pytest.mark.parametrize("report", [APPLIED, SAME, FAILED, DRIFTED, CORRECTED])
def test_a_report_comes_out_of_the_child_as_it_was(report: Report) -> None:
    assert from_json(report.to_json()) == report


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"outcome": "applied"}', b"\xff"])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(data)
