"""When a source is due. Only the monotonic clock counts: what is done to the wall clock changes nothing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.deploy.reconcile.source import Source

JITTER = 0.05  # of an interval, so that sources do not stay in step
LONGEST_BACK_OFF = 900.0  # seconds


class Due(NamedTuple):
    """The next round: when, by the monotonic clock, and how many have failed in a row before it."""

    at: float
    failures: int = 0


def after_success(source: Source, now: float, chance: Callable[[], float] = random.random) -> Due:
    """After its interval, a little more or less."""
    return Due(now + source.interval * (1 + JITTER * (2 * chance() - 1)))


def after_failure(source: Source, failures: int, now: float, chance: Callable[[], float] = random.random) -> Due:
    """Doubled with each failure up to a quarter of an hour, or the interval if that is longer; a half of it by chance."""
    longest = max(LONGEST_BACK_OFF, source.interval)
    pause = min(source.retry * 2.0 ** min(failures, 20), longest)
    return Due(now + pause * (0.5 + chance() / 2), failures + 1)
