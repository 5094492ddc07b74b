from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.report import Outcome, Report
from sopskit.deploy.reconcile.source import SourceId

APP, OTHER = SourceId("dev", "app"), SourceId("dev", "other")
APPLIED = Report(
    Outcome.APPLIED, "Applied", "fine", objects=5, created=3, changed=2, deleted=1, applied=True, drifted=("a", "b")
)
FAILED = Report(Outcome.FAILED, "FetchFailed", "test-canary", hint="test-canary", lines=("test-canary",))


def samples(metrics: Metrics, *, buckets: bool = False) -> dict[str, float]:
    """Every sample as `name{labels}`."""
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            if buckets or "le" not in sample.labels:
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_everything_of_one_round() -> None:
    metrics = Metrics(clock=lambda: 1764000000.0)
    metrics.round(APP, APPLIED, 0.5)
    source = "source=app,source_namespace=dev"
    assert samples(metrics) == {
        f"sopskit_rounds_total{{outcome=applied,{source}}}": 1,
        f"sopskit_round_duration_seconds_count{{{source}}}": 1,
        f"sopskit_round_duration_seconds_sum{{{source}}}": 0.5,
        f"sopskit_source_ready{{{source}}}": 1,
        f"sopskit_drift_total{{{source}}}": 2,
        f"sopskit_objects{{{source}}}": 5,
        f"sopskit_object_writes_total{{action=created,{source}}}": 3,
        f"sopskit_object_writes_total{{action=changed,{source}}}": 2,
        f"sopskit_object_writes_total{{action=deleted,{source}}}": 1,
        f"sopskit_last_success_timestamp_seconds{{{source}}}": 1764000000.0,
        "sopskit_is_leader{}": 0,
    }


def test_a_failure_keeps_what_was_applied_before() -> None:
    times = iter([100.0, 200.0])
    metrics = Metrics(clock=lambda: next(times))
    metrics.round(APP, APPLIED, 0.5)
    metrics.round(APP, FAILED, 0.5)
    found = samples(metrics)
    source = "source=app,source_namespace=dev"
    assert found[f"sopskit_source_ready{{{source}}}"] == 0
    assert found[f"sopskit_objects{{{source}}}"] == 5
    assert found[f"sopskit_last_success_timestamp_seconds{{{source}}}"] == 100.0
    assert found[f"sopskit_rounds_total{{outcome=failed,{source}}}"] == 1


def test_a_look_in_place_of_a_round_writes_nothing() -> None:
    metrics = Metrics()
    metrics.round(APP, APPLIED, 0.5)
    before = samples(metrics)
    metrics.round(APP, replace(APPLIED, outcome=Outcome.UNCHANGED, drifted=()), 0.1)
    writes = "sopskit_object_writes_total"
    assert {key: value for key, value in samples(metrics).items() if key.startswith(writes)} == {
        key: value for key, value in before.items() if key.startswith(writes)
    }


def test_no_text_of_a_report_is_in_it() -> None:
    metrics = Metrics()
    metrics.round(APP, FAILED, 0.5)
    assert b"test-canary" not in metrics.text()


def test_a_source_that_is_gone_leaves_no_series() -> None:
    metrics = Metrics(clock=lambda: 1.0)
    metrics.round(OTHER, APPLIED, 0.5)
    before = samples(metrics, buckets=True)
    metrics.round(APP, APPLIED, 0.5)
    metrics.round(APP, FAILED, 0.5)
    metrics.forget(APP)
    metrics.forget(APP)
    assert samples(metrics, buckets=True) == before


def test_notifications_and_the_lease() -> None:
    metrics = Metrics()
    metrics.leading(True)
    metrics.notification("slack", "sent")
    metrics.notification("slack", "sent")
    assert samples(metrics) == {
        "sopskit_is_leader{}": 1,
        "sopskit_notifications_total{channel=slack,result=sent}": 2,
    }


@pytest.mark.parametrize("ready", [True, False])
def test_a_source_may_be_ready_or_not_without_a_round(ready: bool) -> None:
    metrics = Metrics()
    metrics.ready(APP, ready=ready)
    assert samples(metrics)["sopskit_source_ready{source=app,source_namespace=dev}"] == ready


def test_threads_count_together() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(50):
            metrics.round(APP, APPLIED, 0.1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert samples(metrics)["sopskit_rounds_total{outcome=applied,source=app,source_namespace=dev}"] == 200
