"""From the end of a round to the receiver: the supervisor's teller with a real delivery and metrics."""

from __future__ import annotations

import json

from sopskit.deploy.notify.delivery import Delivery
from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.report import Outcome, Report
from sopskit.deploy.reconcile.source import Channel, Source, SourceId
from sopskit.deploy.reconcile.telling import Before, Teller
from tests.deploy.notify.notices import COMMIT
from tests.deploy.notify.receivers import eventually, serving

SOURCE = Source(
    SourceId("dev", "app"), "https://git.example.org/x.git", "main", ".", "keys", channels=(Channel("webhook", "hook"),)
)
FAILED = Report(Outcome.FAILED, "FetchFailed", "no answer", COMMIT, lines=("! one",))
APPLIED = Report(Outcome.APPLIED, "Applied", "1 created", COMMIT, lines=("+ Secret dev/app",), created=1, applied=True)


def test_rounds_are_told_and_counted() -> None:
    metrics, log = Metrics(), list[str]()
    with serving() as server:
        secret = {"address": server.url().encode()}
        delivery = Delivery(lambda namespace, name: secret, count=metrics.notification, log=log.append)
        teller = Teller(None, None, metrics, delivery.notify, log.append, "staging")
        before = Before(None, None, {})
        for report in (FAILED, FAILED, APPLIED):
            status = teller.finished(SOURCE, report, before, 0.1)
            before = Before(report, status, {})
        assert eventually(lambda: len(server.seen) == 3)
        delivery.close(5.0)
        told = [json.loads(seen.body) for seen in server.seen]
    assert [(one["kind"], one["summary"], one["objects"]) for one in told] == [
        ("failed", "no answer", ["! one"]),
        ("recovered", "1 created", ["+ Secret dev/app"]),
        ("applied", "1 created", ["+ Secret dev/app"]),
    ]
    assert {(one["source"], one["revision"], one["cluster"]) for one in told} == {("dev/app", COMMIT, "staging")}
    text = metrics.text().decode()
    assert 'sopskit_notifications_total{channel="webhook",result="sent"} 3.0' in text
    assert 'sopskit_notifications_total{channel="webhook",result="repeated"} 1.0' in text
