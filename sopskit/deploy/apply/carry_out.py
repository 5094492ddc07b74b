"""A plan carried out: stage by stage, the inventory before the objects, deleting after everything is there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.adoption import adoptable, take_over
from sopskit.deploy.apply.diff import Action
from sopskit.deploy.apply.ownership import ForeignError, check_owner, is_ours, owner_of
from sopskit.deploy.apply.plan import RefusedPlanError
from sopskit.deploy.apply.readiness import ALWAYS_CURRENT, Readiness, State, readiness
from sopskit.deploy.apply.stages import DEFINITION, FIRST, groups
from sopskit.deploy.apply.trial import Step, made_namespaces, try_one
from sopskit.errors import ClusterError, RefusalError, SopskitError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sopskit.cluster import Connection
    from sopskit.deploy.apply.inventory import Doomed, Inventory
    from sopskit.deploy.apply.plan import Plan
    from sopskit.deploy.apply.target import ObjectId
    from sopskit.deploy.apply.trial import Settings

    Object = dict[str, Any]

POLL = 0.2  # seconds
GONE = Readiness(State.FAILED, "it is not there any more")
SERVED_WITHIN = 60.0  # seconds for a definition to be established


class Done(NamedTuple):
    """What a run did. `unready` is filled by waiting."""

    steps: tuple[Step, ...]
    deleted: tuple[ObjectId, ...] = ()
    kept: frozenset[ObjectId] = frozenset()


class StoppedError(ClusterError):
    """A run that had begun to write and could not go on. What was applied stays."""

    def __init__(self, cause: SopskitError, applied: int, id: ObjectId | None, deleted: int = 0) -> None:
        """`id` is the object at which it stopped, if it was one; `applied` and `deleted` count what was done before."""
        place = f"{id}: " if id is not None else ""
        gone = f"{_count(deleted)} deleted" if deleted else "nothing was deleted"
        super().__init__(
            f"{place}{cause.message}; stopped after {_count(applied)} of this run had been applied, {gone}",
            hint=cause.hint or "run it again: what is there already is not applied twice",
        )


def _count(objects: int) -> str:
    return "1 object" if objects == 1 else f"{objects} objects"


class _AtError(Exception):
    def __init__(self, id: ObjectId, error: ClusterError) -> None:
        super().__init__()
        self.id = id
        self.error = error


def carry_out(connection: Connection, plan: Plan, settings: Settings, inventory: Inventory | None = None) -> Done:
    """Apply what is not there yet, then delete what is not wanted any more.

    Raises `StoppedError`. Deleting comes last and only if everything before it has worked.
    """
    return _Run(connection, plan, settings, inventory).run()


class _Run:
    def __init__(self, connection: Connection, plan: Plan, settings: Settings, inventory: Inventory | None) -> None:
        self._connection = connection
        self._plan = plan
        self._settings = settings
        self._inventory = inventory
        self._pending = sum(step.action is not Action.SAME for step in plan.steps)
        self._applied = 0
        self._deleted = 0
        self._lock = threading.Lock()

    def run(self) -> Done:
        try:
            steps = self._stages()
            deleted = self._delete()
            self._store(self._plan.ids() | self._plan.kept)
        except _AtError as error:
            raise StoppedError(error.error, self._applied, error.id, self._deleted) from None
        except SopskitError as error:
            raise StoppedError(error, self._applied, None, self._deleted) from None
        return Done(tuple(steps), deleted, self._plan.kept)

    def _stages(self) -> list[Step]:
        """Definitions and namespaces first; before the rest is begun, what could not be tried earlier is tried."""
        first = [step for step in self._plan.steps if step.target.id.kind in FIRST]
        rest = [step for step in self._plan.steps if step.target.id.kind not in FIRST]
        made = made_namespaces(first)
        after = self._inventory is not None and self._inventory.namespace in made
        if not after:
            self._store(self._plan.ids() | self._plan.stored)
        done = self._apply(first)
        self._wait_until_served([step for step in first if step.target.id.kind == DEFINITION])
        if after:
            self._store(self._plan.ids() | self._plan.stored)
        return done + self._apply(self._try_later(rest))

    def _try_later(self, steps: Sequence[Step]) -> list[Step]:
        later = [step for step in steps if step.action is Action.LATER]
        tried = dict(zip(later, self._connection.map(self._try_one, later), strict=True)) if later else {}
        refused = [(step.target.id, found) for step, found in tried.items() if isinstance(found, ClusterError)]
        if refused:
            error = RefusedPlanError(refused, len(steps))
            raise _AtError(refused[0][0], refused[0][1]) from error
        return [found if isinstance(found := tried.get(step, step), Step) else step for step in steps]

    def _try_one(self, step: Step) -> Step | ClusterError:
        try:
            return try_one(self._connection, step.target, step.resource, {}, self._settings)
        except UnreachableError:
            raise
        except ClusterError as error:
            return error

    def _apply(self, steps: Sequence[Step]) -> list[Step]:
        done: list[Step] = []
        for group in groups(steps, lambda step: step.target.id):
            self._connection.map(self._apply_one, [step for step in group if step.action is not Action.SAME])
            done += group
        return done

    def _apply_one(self, step: Step) -> None:
        try:
            if step.action is Action.RECREATE:
                self._recreate(step)
            else:
                self._change(step)
        except ClusterError as error:
            raise _AtError(step.target.id, error) from None
        with self._lock:
            self._applied += 1
            self._settings.progress(self._applied, self._pending)

    def _change(self, step: Step) -> None:
        if step.adopts:
            self._take_over(step)
        if step.reclaims:
            check_owner(self._connection.get(step.path), self._settings.owner)
        self._connection.apply(step.path, step.target.body(), force=step.reclaims)

    def _recreate(self, step: Step) -> None:
        self._delete_same(step.path, step.uid, lambda live: is_ours(live, self._settings.owner))
        try:
            self._connection.apply(step.path, step.target.body())
        except ClusterError as error:
            message = f"was deleted and could not be created anew, so it is missing: {error.message}"
            raise ClusterError(message, hint=error.hint) from None

    def _take_over(self, step: Step) -> None:
        live = self._connection.get(step.path)
        tools, version = self._settings.adopt, step.target.api_version
        if live is not None and adoptable(live, version, tools):
            self._connection.patch(step.path, take_over(live, version, tools))

    def _wait_until_served(self, definitions: Sequence[Step]) -> None:
        changed = [step for step in definitions if step.action is not Action.SAME]
        patience = self._connection.patience
        deadline = patience.clock() + SERVED_WITHIN
        for step in changed:
            while not self._is_served(step):
                if patience.clock() > deadline:
                    raise _AtError(step.target.id, ClusterError(f"is not established within {SERVED_WITHIN:g} seconds"))
                patience.sleep(POLL)

    def _is_served(self, step: Step) -> bool:
        content = self._connection.get(step.path) or {}
        found = readiness(content)
        if found.state is State.FAILED:
            raise _AtError(step.target.id, ClusterError(str(found)))
        if found.state is not State.CURRENT:
            return False
        spec = content.get("spec", {})
        served = [version["name"] for version in spec.get("versions", ()) if version.get("served")]
        names = [self._connection.get(f"/apis/{spec['group']}/{version}") for version in served]
        plural = spec.get("names", {}).get("plural")
        return all(any(item.get("name") == plural for item in (found or {}).get("resources") or ()) for found in names)

    def _store(self, ids: frozenset[ObjectId]) -> None:
        if self._inventory is not None:
            self._inventory.write(ids)

    def _delete(self) -> tuple[ObjectId, ...]:
        """One after another in their order: what was deleted before a failure stays in the inventory, and is found gone."""
        if self._plan.doomed and self._inventory is not None:
            self._inventory.check()
        return tuple(item.id for item in self._plan.doomed if self._delete_one(item))

    def _delete_one(self, item: Doomed) -> bool:
        try:
            return self._delete_same(item.path, item.uid, lambda live: owner_of(live) == self._settings.owner)
        except ClusterError as error:
            raise _AtError(item.id, error) from None

    def _delete_same(self, path: str, uid: str, may_go: Callable[[Object], bool]) -> bool:
        """Delete the object that was planned for, in a state in which it may go; False if there is none any more."""
        for last in (False, False, True):
            live = self._connection.get(path)
            if live is None:
                return False
            if live["metadata"]["uid"] != uid or not may_go(live):
                raise ForeignError(
                    "is not the object any more that was to be deleted", hint="run it again, and it is looked at anew"
                )
            try:
                # False, for an object that was there just now, is a first attempt whose answer was lost
                self._connection.delete(path, uid, version=live["metadata"]["resourceVersion"])
                break
            except RefusalError as error:
                if error.status != 409 or last:
                    raise
        with self._lock:
            self._deleted += 1
        return True


def wait_until_ready(connection: Connection, steps: Sequence[Step], within: float) -> list[tuple[ObjectId, str]]:
    """Wait until all objects are ready; gives those that are not within so many seconds, or have failed, and why."""
    patience = connection.patience
    deadline = patience.clock() + within
    waiting = [step for step in steps if (step.target.id.group, step.target.id.kind) not in ALWAYS_CURRENT]
    failed: list[tuple[ObjectId, str]] = []
    while True:
        contents = connection.map(lambda step: connection.get(step.path), waiting)
        states = [
            (step, readiness(content) if content else GONE) for step, content in zip(waiting, contents, strict=True)
        ]
        failed += [
            (step.target.id, str(found)) for step, found in states if found.state in {State.FAILED, State.TERMINATING}
        ]
        left = [(step, found) for step, found in states if found.state is State.IN_PROGRESS]
        if not left or patience.clock() >= deadline:
            return failed + [(step.target.id, str(found)) for step, found in left]
        waiting = [step for step, _ in left]
        patience.sleep(min(5 * POLL, max(0.0, deadline - patience.clock())))
