from __future__ import annotations

import pytest

from sopskit.deploy.notify.pacing import AGAIN, MOST_REMEMBERED, Bucket, Told, pause_after
from tests.deploy.notify.notices import NOTICE

FAILED = NOTICE._replace(kind="failed", summary="no key")


def test_a_bucket_gives_some_at_once_and_then_one_in_a_while() -> None:
    bucket, times, now = Bucket(2, 5.0, 100.0), [], 100.0
    for _ in range(4):
        now = bucket.ready_at(now)
        bucket.take(now)
        times.append(now)
    assert times == [100.0, 100.0, 105.0, 110.0]


def test_a_bucket_fills_up_and_not_over() -> None:
    bucket = Bucket(2, 5.0, 0.0)
    bucket.take(0.0)
    assert not bucket.is_full(4.0)
    assert bucket.is_full(1000.0)
    bucket.take(1000.0)
    bucket.take(1000.0)
    assert bucket.ready_at(1000.0) == 1005.0


def test_the_same_failure_is_told_once_in_an_hour() -> None:
    told = Told()
    assert [told.is_news(FAILED, now) for now in (0.0, 60.0, AGAIN - 1, AGAIN, AGAIN + 1)] == [
        *(True, False, False, True, False)
    ]


@pytest.mark.parametrize("other", [FAILED._replace(summary="no branch"), FAILED._replace(revision="ff" * 20)])
def test_another_failure_is_news(other: object) -> None:
    told = Told()
    assert told.is_news(FAILED, 0.0)
    assert told.is_news(other, 1.0)  # type: ignore[arg-type]
    assert not told.is_news(FAILED, 2.0)


def test_a_failure_that_was_over_meanwhile_is_news() -> None:
    told = Told()
    assert told.is_news(FAILED, 0.0)
    assert told.is_news(NOTICE._replace(kind="recovered"), 1.0)
    assert told.is_news(FAILED, 2.0)


def test_the_same_drift_is_told_once_in_an_hour_whatever_recovers() -> None:
    told, drifted = Told(), NOTICE._replace(kind="drifted")
    assert told.is_news(drifted, 0.0)
    assert told.is_news(NOTICE._replace(kind="recovered"), 1.0)
    assert not told.is_news(drifted, 2.0)


def test_what_is_applied_is_always_news() -> None:
    told = Told()
    assert told.is_news(NOTICE, 0.0)
    assert told.is_news(NOTICE, 1.0)
    assert told.is_empty(1.0)


def test_only_so_many_failures_are_remembered() -> None:
    told = Told()
    for number in range(MOST_REMEMBERED + 1):
        assert told.is_news(FAILED._replace(summary=str(number)), 0.0)
    assert told.is_news(FAILED._replace(summary="0"), 1.0)
    assert not told.is_news(FAILED._replace(summary=str(MOST_REMEMBERED)), 1.0)


def test_pauses_double_up_to_five_minutes() -> None:
    pauses = [pause_after(failures, 2.0, 300.0, 1.0) for failures in (1, 2, 3, 8, 9, 1000)]
    assert pauses == [2.0, 4.0, 8.0, 256.0, 300.0, 300.0]
    assert pause_after(3, 2.0, 300.0, 0.0) == 4.0
