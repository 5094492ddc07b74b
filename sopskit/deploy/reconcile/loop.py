"""The supervisor: which source is due, whether it needs a round, and how many rounds run at once.

One thread decides and drives the children; what talks to a server, to look or to tell, is done by a few others. The
supervisor has no private key and no plaintext: those are in the children, and only while a round runs.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.reconcile import status as statuses
from sopskit.deploy.reconcile.beside import Beside
from sopskit.deploy.reconcile.child import ChildError, Children
from sopskit.deploy.reconcile.forked import Limits
from sopskit.deploy.reconcile.report import UNREACHABLE, Outcome, Report, from_json
from sopskit.deploy.reconcile.round import Order, run_round
from sopskit.deploy.reconcile.schedule import after_failure, after_success
from sopskit.deploy.reconcile.state import Phase, State
from sopskit.deploy.reconcile.workplace import Workplace
from sopskit.errors import SopskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sopskit.deploy.reconcile.access import Access
    from sopskit.deploy.reconcile.leadership import Leadership
    from sopskit.deploy.reconcile.listing import Listed, Listing
    from sopskit.deploy.reconcile.looking import Looker
    from sopskit.deploy.reconcile.source import Source, SourceId
    from sopskit.deploy.reconcile.telling import Teller

LONGEST_PAUSE = 1.0  # seconds
LISTING_SHARE = 20.0  # a long list is asked for seldom: it takes one part in so many of a processor's time
FULL_EVERY = 3600.0  # seconds after which a round is made though nothing seems to have changed


class Settings(NamedTuple):
    """How a supervisor works.

    `parallel` children at a time, of so many bytes of memory each; sources are listed every `sync` seconds or more; at
    the end rounds have `grace` seconds to finish. `once` ends when every source has had a round.
    """

    access: Access
    scratch: str
    search_path: str
    account: str = ""
    parallel: int = 4
    memory: int = Limits().memory
    sync: float = 1.0
    grace: float = 25.0
    once: bool = False


class Supervisor:
    """The loop. `run` is called once."""

    def __init__(
        self,
        settings: Settings,
        listing: Listing,
        looker: Looker,
        teller: Teller,
        *,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is started yet."""
        self._settings = settings
        self._listing = listing
        self._looker = looker
        self._teller = teller
        self._log = log
        self._clock = clock
        self._children = Children(clock)
        self._workplace = Workplace(settings.scratch)
        self._problem: SopskitError | None = None
        self._beside = Beside(log)
        self._reserved = 0
        self._states: dict[SourceId, State] = {}
        self._next_sync = clock()
        self._syncing = False
        self._synced = False
        self._away = False  # the API server, when it was asked last
        self._stopping = False
        self._leading = True
        self.last_tick = clock()

    # --- from outside, by any thread or a signal's handler

    def stop(self) -> None:
        """Begin no round any more, let those that run finish, and return from `run`."""
        self._stopping = True
        self._beside.wake()

    def lead(self, leading: bool) -> None:
        """Whether this replica may work. When it may not, what runs is killed at once."""
        if leading:
            self._beside.put(self._states.clear)  # meanwhile another replica may have told of the sources
        self._leading = leading
        if not leading:
            self._children.kill_now()
        self._beside.wake()

    @property
    def is_ready(self) -> bool:
        """Whether it knows its sources, or waits for its turn."""
        return self._synced or not self._leading

    @property
    def sources(self) -> int:
        """How many it knows."""
        return len(self._states)

    @property
    def all_good(self) -> bool:
        """Whether every source is understood, and its last round, if it had one, went well."""
        reports = [state.report for state in self._states.values()]
        failed = any(report is not None and report.outcome is Outcome.FAILED for report in reports)
        return not failed and all(state.is_good for state in self._states.values())

    # --- the loop

    def run(self, leadership: Leadership | None = None) -> None:
        """Work until `stop`. Raises `ChildError` if no child can be started at all.

        With `once` it also raises what keeps the sources from being listed.
        """
        self._workplace.clear()
        self._children.warm_up()
        if leadership is not None:
            self._leading = False
            leadership.start()
        try:
            while not self._stopping and not (self._settings.once and self._all_had_one()):
                self._tick(self._pause())
            self._finish()
        finally:
            self._children.close()
            self._workplace.clear()
            self._beside.finish()
            if leadership is not None:
                leadership.stop()
            self._beside.close()
        if self._problem is not None:
            raise self._problem

    def _tick(self, pause: float) -> None:
        for ended in self._children.wait(pause, [self._beside.bell]):
            self._ended(ended.key, ended.answer)
        was_leading = self._leading  # if so, `take` forgets what was known before
        self._beside.take()
        self.last_tick = self._clock()
        if was_leading and self._leading and not self._stopping:
            self._sync()
            self._begin()

    def _pause(self) -> float:
        """Seconds until something is due. What is being done already rings the bell when it is done."""
        if not self._leading:
            return LONGEST_PAUSE
        now = self._clock()
        free = len(self._children) < self._settings.parallel
        times = [state.due.at for state in self._states.values() if state.phase is Phase.WAITING]
        if not self._syncing:
            times.append(self._next_sync)
        if free and any(self._has_room(state) for state in self._states.values() if state.phase is Phase.QUEUED):
            return 0.0
        return max(0.0, min([LONGEST_PAUSE, *(at - now for at in times)]))

    def _finish(self) -> None:
        """Let what runs end, for as long as there is."""
        deadline = self._clock() + self._settings.grace
        while len(self._children) and self._clock() < deadline:
            for ended in self._children.wait(min(1.0, deadline - self._clock()), [self._beside.bell]):
                self._ended(ended.key, ended.answer)
            self._beside.take()

    def _all_had_one(self) -> bool:
        return self._synced and all(state.phase is Phase.WAITING and state.rounds for state in self._states.values())

    # --- sources

    def _sync(self) -> None:
        if self._syncing or self._clock() < self._next_sync:
            return
        self._syncing = True

        def work() -> Callable[[], None]:
            began = time.thread_time()
            try:
                listed = self._listing.read()
            except SopskitError as error:
                problem = error
                return lambda: self._not_synced(problem)
            seconds = time.thread_time() - began
            return lambda: self._found(listed, seconds)

        self._beside.do(work, lambda: self._not_synced(SopskitError("what was listed is not understood")))

    def _not_synced(self, error: SopskitError) -> None:
        """What is known goes on: a list that cannot be read is no empty one."""
        if self._settings.once:
            self._problem, self._stopping = error, True
            return
        self._log(f"the sources cannot be listed: {error}")
        self._syncing, self._away = False, True
        self._next_sync = self._clock() + self._settings.sync

    def _found(self, listed: Sequence[Listed], seconds: float) -> None:
        """What was listed, which took so many seconds of a processor."""
        self._syncing, self._synced = False, True
        now = self._clock()
        self._next_sync = now + max(self._settings.sync, LISTING_SHARE * seconds)
        for item in listed:
            state = self._states.get(item.source.id)
            if state is None:
                self._states[item.source.id] = State(item.source, item.status, now)
            else:
                state.update(item.source, item.status, now)
        for id in self._states.keys() - {item.source.id for item in listed}:
            self._children.end((id, self._states[id].folder), "its source is gone")
            del self._states[id]
            self._teller.gone(id)
        if self._away:
            self._is_back(now)
        # one namespace does not get the last child that is free as long as there are others
        self._reserved = int(len({id.namespace for id in self._states}) > 1 and self._settings.parallel > 1)
        self._workplace.keep_stores({name for state in self._states.values() for name in state.stores})
        self._looker.forget([state.good for state in self._states.values() if state.is_good])

    def _is_back(self, now: float) -> None:
        """The API server answers again: what failed for want of it need not wait for as long as its failures ask for."""
        self._away = False
        for state in self._states.values():
            if state.phase is Phase.WAITING and state.report is not None and state.report.reason == UNREACHABLE:
                state.again(now)

    def _begin(self) -> None:
        now = self._clock()
        due = [state for state in self._states.values() if state.phase is Phase.WAITING and state.due.at <= now]
        for state in sorted(due, key=lambda state: state.due.at):
            self._begin_one(state, now)
        queued = [state for state in self._states.values() if state.phase is Phase.QUEUED]
        for state in sorted(queued, key=lambda state: state.due.at):
            if len(self._children) >= self._settings.parallel:
                break
            if self._has_room(state):
                self._start_round(state)

    def _has_room(self, state: State) -> bool:
        """Whether its namespace may have one child more."""
        running: list[tuple[SourceId, str]] = self._children.keys()
        count = sum(id.namespace == state.source.id.namespace for id, _ in running)
        return count < self._settings.parallel - self._reserved

    def _begin_one(self, state: State, now: float) -> None:
        if not state.is_good or state.good.suspended:
            state.rest(now)
            self._tell_rest(state)
        elif state.report is not None and state.report.seen and now - state.full_at < FULL_EVERY and not state.is_new:
            self._look(state)
        else:
            state.phase = Phase.QUEUED

    def _tell_rest(self, state: State) -> None:
        before = state.before

        def work() -> Callable[[], None]:
            if state.is_good:
                status = self._teller.rests(state.good, before)
            else:
                status = self._teller.bad(state.bad, before)
            return lambda: state.told(status)

        self._beside.do(work, lambda: state.told(None))

    # --- looking

    def _look(self, state: State) -> None:
        state.phase = Phase.LOOKING
        source, report, began = state.good, state.report, self._clock()

        def work() -> Callable[[], None]:
            try:
                settled = report is not None and self._looker.is_settled(source, report)
            except SopskitError:
                settled = False  # a round says what is wrong, with its reason
            if not settled or report is None:
                return state.queue
            same = replace(report, outcome=Outcome.UNCHANGED, drifted=())
            status = self._teller.finished(source, same, state.before, self._clock() - began)
            return lambda: self._over(state, source, same, status)

        self._beside.look(work, state.queue)

    # --- rounds

    def _start_round(self, state: State) -> None:
        settings, source = self._settings, state.good
        folder = self._workplace.take()
        order = Order(
            source,
            settings.access,
            settings.scratch,
            folder,
            settings.search_path,
            settings.account,
            state.in_place,
        )
        state.run(folder, self._clock())
        self._children.start((source.id, folder), run_round, order, Limits(source.longest, settings.memory))
        if not self._leading:
            self._children.kill_now()  # the lease was lost while this one was started
        if state.is_new:
            self._tell_running(state)

    def _tell_running(self, state: State) -> None:
        before, source = state.before, state.good
        wanted = statuses.of_running(source, before.last)
        state.telling = self._beside.submit(self._teller.status, source.id, wanted, before)

    def _ended(self, key: tuple[SourceId, str], answer: bytes | ChildError) -> None:
        id, folder = key
        self._workplace.leave(folder)
        state = self._states.get(id)
        if state is None or state.folder != folder:
            return  # its source has gone meanwhile
        if not self._leading:
            state.again(self._clock())  # another replica tells of it
            return
        source, report = state.running, _report(answer, state)
        state.phase = Phase.TELLING
        before, telling, seconds = state.before, state.telling, self._clock() - state.began

        def work() -> Callable[[], None]:
            known = before if telling is None else before._replace(status=telling.result())
            status = self._teller.finished(source, report, known, seconds)
            return lambda: self._over(state, source, report, status)

        self._beside.do(work, lambda: self._over(state, source, report, None))

    def _over(self, state: State, source: Source, report: Report, status: statuses.Status | None) -> None:
        """A round, or a look instead of one, is over."""
        if self._states.get(source.id) is not state:
            self._teller.forget(source.id)  # it has gone while it was told of
            return
        now = self._clock()
        failed = report.outcome is Outcome.FAILED
        due = after_failure(source, state.due.failures, now) if failed else after_success(source, now)
        state.over(source, report, status, due)


def _report(answer: bytes | ChildError, state: State) -> Report:
    if not isinstance(answer, ChildError):
        try:
            return from_json(answer)
        except ValueError:
            answer = ChildError("the round gave no report that can be read")
    revision = state.report.revision if state.report is not None else ""
    return Report(Outcome.FAILED, "CutOff", answer.message, revision)
