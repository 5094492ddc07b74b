"""When sources are due."""

from __future__ import annotations

from sopskit.deploy.reconcile.schedule import Due, after_failure, after_success
from sopskit.deploy.reconcile.source import Source, SourceId

SOURCE = Source(
    SourceId("team-a", "dev"), "https://git.example.org/c.git", "main", ".", "sops", interval=60.0, retry=30.0
)


def test_after_a_good_round_comes_the_interval_a_little_more_or_less() -> None:
    times = [after_success(SOURCE, 1000.0, lambda chance=chance: chance) for chance in (0.0, 0.5, 1.0)]  # type: ignore[misc]
    assert times == [Due(1057.0), Due(1060.0), Due(1063.0)]


def test_after_failures_the_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    due, pauses = Due(0.0), []
    for _ in range(8):
        before = 0.0
        due = after_failure(SOURCE, due.failures, before, lambda: 1.0)
        pauses.append(due.at)
    assert pauses == [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]
    assert due.failures == 8


def test_half_of_a_pause_is_left_to_chance() -> None:
    assert after_failure(SOURCE, 0, 0.0, lambda: 0.0) == Due(15.0, 1)


def test_a_long_interval_is_never_shortened_by_failures() -> None:
    from dataclasses import replace

    assert after_failure(replace(SOURCE, interval=7200.0), 20, 0.0, lambda: 1.0).at == 7200.0
