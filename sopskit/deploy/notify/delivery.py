"""Notices on their way: queues with a few threads, so that no round ever waits for a receiver.

A receiver is a kind and a Secret of one namespace. Only one request at a time goes to a receiver, and a pause follows when it
does not answer, so that one that hangs takes a thread now and then and holds up nobody else. What one source tells one
receiver stays in order.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.notify.attempt import Receiver, Result, attempt
from sopskit.deploy.notify.message import tidy
from sopskit.deploy.notify.pacing import Bucket, Told, pause_after
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.deploy.notify.attempt import Attempt
    from sopskit.deploy.notify.exchange import Request
    from sopskit.deploy.notify.message import Notice
    from sopskit.deploy.reconcile.source import Source


class Limits(NamedTuple):
    """How much and how fast. Times are in seconds.

    A notice that was not delivered after `keep` is given up; a source has `lane` notices waiting for one receiver, all have
    `total`. After the first failure of a receiver follows a `pause`, which doubles up to the `longest_pause`. A receiver gets
    `burst` at once and then one in `every`, a source `source_burst` and one in `source_every`.
    """

    timeout: float = 10.0
    keep: float = 3600.0
    lane: int = 20
    total: int = 1000
    burst: int = 10
    every: float = 1.0
    source_burst: int = 10
    source_every: float = 60.0
    pause: float = 2.0
    longest_pause: float = 300.0
    threads: int = 4


LIMITS = Limits()


class _Waiting(NamedTuple):
    notice: Notice
    since: float


class _Post:
    """What is known of one receiver."""

    __slots__ = ("bucket", "busy", "complaint", "failures", "not_before")

    def __init__(self, limits: Limits, now: float) -> None:
        self.bucket = Bucket(limits.burst, limits.every, now)
        self.busy = False
        self.complaint = ""
        self.failures = 0
        self.not_before = 0.0


class _Lane:
    """What one source has for one receiver."""

    __slots__ = ("bucket", "last", "waiting")

    def __init__(self, limits: Limits, now: float) -> None:
        self.bucket = Bucket(limits.source_burst, limits.source_every, now)
        self.last: Request | None = None  # that was sent
        self.waiting: deque[_Waiting] = deque()


class Delivery:
    """Delivers notices. `notify` and `close` may be called by any thread."""

    def __init__(
        self,
        read: Callable[[str, str], Mapping[str, bytes]],
        *,
        count: Callable[[str, str], None],
        log: Callable[[str], None],
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is started before the first notice.

        `read` gives the data of a Secret by namespace and name or raises a `SopskitError`; `count` takes the kind of a
        receiver and a `Result`'s value; `log` takes one line.
        """
        self._read, self._count, self._log = read, count, log
        self._limits, self._clock, self._chance = limits, clock, chance
        self._changed = threading.Condition()
        self._posts: dict[Receiver, _Post] = {}
        self._lanes: dict[tuple[Receiver, str], _Lane] = {}
        self._told: dict[str, Told] = {}
        self._total = 0
        self._threads: list[threading.Thread] = []
        self._closing_at: float | None = None

    # --- from outside

    def notify(self, source: Source, notice: Notice) -> None:
        """Tell the receivers of a source that want this kind of notice. Never waits, never raises."""
        receivers = [
            Receiver(channel.type, source.id.namespace, channel.secret)
            for channel in source.channels
            if notice.kind in channel.kinds
        ]
        notice = tidy(notice)
        with self._changed:
            if not receivers or self._closing_at is not None:
                return
            now = self._clock()
            if self._told.setdefault(notice.source, Told()).is_news(notice, now):
                for receiver in dict.fromkeys(receivers):
                    self._add(receiver, _Waiting(notice, now))
            else:
                for receiver in dict.fromkeys(receivers):
                    self._count(receiver.kind, Result.REPEATED.value)
            self._forget(now)
            self._start()
            self._changed.notify_all()

    def close(self, within: float) -> None:
        """Send what can be sent in so many seconds, without waiting for receivers that do not answer, and end."""
        deadline = self._clock() + within
        with self._changed:
            self._closing_at = deadline
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
        with self._changed:
            lost = self._total
            for key, lane in self._lanes.items():
                while lane.waiting:
                    self._drop(key)
        if lost:
            self._log(f"{lost} notices were not delivered before the end")

    # --- queues, under the lock

    def _add(self, receiver: Receiver, waiting: _Waiting) -> None:
        self._posts.setdefault(receiver, _Post(self._limits, waiting.since))
        key = (receiver, waiting.notice.source)
        lane = self._lanes.setdefault(key, _Lane(self._limits, waiting.since))
        if len(lane.waiting) >= self._limits.lane:
            self._drop(key)  # the newest says most
        elif self._total >= self._limits.total:
            self._drop(self._longest())
        lane.waiting.append(waiting)
        self._total += 1

    def _longest(self) -> tuple[Receiver, str]:
        """The longest lane of the namespace that has most: one with many lanes must not crowd out another's."""
        waiting: Counter[str] = Counter()
        for (receiver, _), lane in self._lanes.items():
            waiting[receiver.namespace] += len(lane.waiting)
        ((most, _),) = waiting.most_common(1)
        mine = (key for key in self._lanes if key[0].namespace == most)
        return max(mine, key=lambda key: len(self._lanes[key].waiting))

    def _drop(self, key: tuple[Receiver, str]) -> None:
        """The oldest of a lane."""
        self._lanes[key].waiting.popleft()
        self._total -= 1
        self._count(key[0].kind, Result.DROPPED.value)

    def _forget(self, now: float) -> None:
        """What is as good as new."""
        idle = [
            key
            for key, lane in self._lanes.items()
            if not lane.waiting and not self._posts[key[0]].busy and lane.bucket.is_full(now)
        ]
        for key in idle:
            del self._lanes[key]
        used = {receiver for receiver, _ in self._lanes}
        for receiver in self._posts.keys() - used:
            del self._posts[receiver]
        for source in [name for name, told in self._told.items() if told.is_empty(now)]:
            del self._told[source]

    def _start(self) -> None:
        while len(self._threads) < self._limits.threads:
            self._threads.append(threading.Thread(target=self._work, name="notify", daemon=True))
            self._threads[-1].start()

    def _next(self, now: float) -> tuple[tuple[Receiver, str] | None, float]:
        """The lane that has waited longest of those that may send now; else how many seconds until one may."""
        best, pause = None, self._limits.keep
        # receivers of one namespace do not get the last thread, however many of them are silent
        busy = Counter(receiver.namespace for receiver, post in self._posts.items() if post.busy)
        most = max(1, self._limits.threads - 1)
        for key, lane in self._lanes.items():
            post = self._posts[key[0]]
            if not lane.waiting or post.busy or busy[key[0].namespace] >= most:
                continue
            at = post.not_before
            if self._closing_at is None:
                at = max(at, post.bucket.ready_at(now), lane.bucket.ready_at(now))
            if at > now:
                pause = min(pause, at - now)
            elif best is None or lane.waiting[0].since < self._lanes[best].waiting[0].since:
                best = key
        return best, pause

    # --- threads

    def _work(self) -> None:
        while True:
            with self._changed:
                now = self._clock()
                key, pause = self._next(now)
                if key is None:
                    if self._closing_at is not None:
                        return
                    self._changed.wait(pause)
                    continue
                if self._closing_at is not None and now >= self._closing_at:
                    return
                waiting = self._begin(key, now)
            self._send(key, waiting, now)

    def _begin(self, key: tuple[Receiver, str], now: float) -> _Waiting:
        post, lane = self._posts[key[0]], self._lanes[key]
        post.busy = True
        post.bucket.take(now)
        lane.bucket.take(now)
        self._total -= 1
        return lane.waiting.popleft()

    def _send(self, key: tuple[Receiver, str], waiting: _Waiting, now: float) -> None:
        """One attempt, and what follows from it."""
        seconds = self._limits.timeout
        if self._closing_at is not None:
            seconds = min(seconds, max(0.1, self._closing_at - now))
        tried = attempt(key[0], waiting.notice, self._read, self._lanes[key].last, seconds)
        with self._changed:
            post, lane = self._posts[key[0]], self._lanes[key]
            post.busy = False
            lane.last = tried.request or lane.last
            self._pause(post, tried)
            if tried.result is Result.FAILED and self._clock() - waiting.since < self._limits.keep:
                self._put_back(key, waiting)
            elif tried.result is not Result.NOTHING:
                self._count(key[0].kind, tried.result.value)
            news, post.complaint = tried.complaint != post.complaint, tried.complaint
            self._changed.notify_all()
        if tried.complaint and news:
            self._log(
                f"{waiting.notice.source}: {key[0].kind} by the Secret {escape(key[0].secret)}: {tried.complaint}"
            )

    def _pause(self, post: _Post, tried: Attempt) -> None:
        if tried.result is not Result.FAILED:
            post.failures, post.not_before = 0, 0.0
            return
        post.failures += 1
        own = pause_after(post.failures, self._limits.pause, self._limits.longest_pause, self._chance())
        post.not_before = self._clock() + max(own, tried.pause or 0.0)

    def _put_back(self, key: tuple[Receiver, str], waiting: _Waiting) -> None:
        """The first again, unless so many have come meanwhile that it is the one to be dropped."""
        lane = self._lanes[key]
        over = self._closing_at is not None and self._clock() >= self._closing_at
        if over or len(lane.waiting) >= self._limits.lane or self._total >= self._limits.total:
            self._count(key[0].kind, Result.DROPPED.value)
            return
        lane.waiting.appendleft(waiting)
        self._total += 1
