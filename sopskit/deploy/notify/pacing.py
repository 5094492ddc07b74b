"""How often people are told: a token bucket, the same thing once in an hour, and a growing pause after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sopskit.deploy.notify.message import Notice

AGAIN = 3600.0  # seconds after which the same is told again
MOST_REMEMBERED = 64  # different failures of one source
REPEATING = frozenset({"failed", "drifted"})


class Bucket:
    """So many at once, and then one in so many seconds. Times are of the monotonic clock."""

    __slots__ = ("_at", "_every", "_most", "_tokens")

    def __init__(self, most: int, every: float, now: float) -> None:
        """Full at the beginning."""
        self._most, self._every = most, every
        self._tokens, self._at = float(most), now

    def ready_at(self, now: float) -> float:
        """When the next may be taken."""
        self._fill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) * self._every

    def take(self, now: float) -> None:
        """Take one, which is ready."""
        self._fill(now)
        self._tokens -= 1

    def is_full(self, now: float) -> bool:
        """Whether nothing was taken lately."""
        self._fill(now)
        return self._tokens >= self._most

    def _fill(self, now: float) -> None:
        self._tokens = min(float(self._most), self._tokens + (now - self._at) / self._every)
        self._at = now


class Told:
    """What one source has told: the same failure or drift is news only once in an hour, unless it was over meanwhile."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        """Nothing yet."""
        self._said: dict[tuple[str, ...], float] = {}

    def is_news(self, notice: Notice, now: float) -> bool:
        """Whether to tell it; remembered if so."""
        if notice.kind == "recovered":
            self._said = {key: at for key, at in self._said.items() if key[0] != "failed"}
        if notice.kind not in REPEATING:
            return True
        self._forget(now)
        key = (notice.kind, notice.revision, notice.summary, *notice.lines)
        if key in self._said:
            return False
        if len(self._said) >= MOST_REMEMBERED:
            del self._said[next(iter(self._said))]
        self._said[key] = now
        return True

    def is_empty(self, now: float) -> bool:
        """Whether nothing is remembered."""
        self._forget(now)
        return not self._said

    def _forget(self, now: float) -> None:
        self._said = {key: at for key, at in self._said.items() if now - at < AGAIN}


def pause_after(failures: int, first: float, longest: float, chance: float) -> float:
    """Seconds after so many failures in a row: doubled each time, and a half of it by chance (0 to 1)."""
    return min(first * 2.0 ** min(failures - 1, 20), longest) * (0.5 + chance / 2)
