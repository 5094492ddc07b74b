"""What applying would do, asked of the API server for every object before anything is applied."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.diff import Action
from sopskit.deploy.apply.inventory import Doomed, Inventory, doomed, is_inventory
from sopskit.deploy.apply.ownership import ForeignError
from sopskit.deploy.apply.recreation import ForbiddenError
from sopskit.deploy.apply.resources import Discovery, Resource, defined_by
from sopskit.deploy.apply.rights import may
from sopskit.deploy.apply.stages import DEFINITION, FIRST, rank
from sopskit.deploy.apply.target import OWNER, ObjectId, Target, target
from sopskit.deploy.apply.trial import Settings, Step, made_namespaces, try_one
from sopskit.errors import ClusterError, RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sopskit.cluster import Connection
    from sopskit.deploy.objects import PlainObject
    from sopskit.errors import SopskitError

FEW = 4  # so many objects of one kind and namespace are got one by one


class Plan(NamedTuple):
    """What a run does, in its order. `kept` are objects that are not wanted any more and stay by rule. Prints no value."""

    steps: tuple[Step, ...]
    doomed: tuple[Doomed, ...] = ()
    kept: frozenset[ObjectId] = frozenset()
    stored: frozenset[ObjectId] = frozenset()

    def ids(self) -> frozenset[ObjectId]:
        """All objects that are wanted."""
        return frozenset(step.target.id for step in self.steps)


class RefusedPlanError(ClusterError):
    """Objects that would be refused. Nothing was applied."""

    def __init__(self, refusals: Sequence[tuple[ObjectId, SopskitError]], total: int) -> None:
        """Each with its reason."""
        self.refusals = tuple(refusals)
        hints = list(dict.fromkeys(error.hint for _, error in refusals if error.hint))
        count = "1 object is" if len(refusals) == 1 else f"{len(refusals)} of {total} objects are"
        super().__init__(f"{count} refused, so nothing was applied", hint=hints[0] if hints else None)


def make_plan(
    connection: Connection, objects: Iterable[PlainObject], settings: Settings, inventory: Inventory | None = None
) -> Plan:
    """Try every object. Raises `RefusedPlanError`, `UnreachableError`, and `RefusedError` before any request."""
    return _Planner(connection, [target(obj) for obj in objects], settings).plan(inventory)


class _Planner:
    """One plan in the making."""

    def __init__(self, connection: Connection, targets: Sequence[Target], settings: Settings) -> None:
        self._connection = connection
        self._targets = targets
        self._settings = settings
        self._discovery = Discovery(connection)
        self._refusals: list[tuple[ObjectId, SopskitError]] = []
        self._done = 0
        self._lock = threading.Lock()

    def plan(self, inventory: Inventory | None) -> Plan:
        placed = self._place()
        self._judge([target for target, _ in placed])
        stored = inventory.read() if inventory is not None else frozenset[ObjectId]()
        self._settings = self._settings._replace(stored=stored)
        first = self._try([item for item in placed if item[0].id.kind in FIRST])
        rest = [item for item in placed if item[0].id.kind not in FIRST]
        later, now = self._split(rest, first)
        tried = self._try(now)
        self._ask_rights(later)
        steps = (*first, *tried, *(Step(*item, Action.LATER) for item in later))
        in_order = sorted(steps, key=lambda step: (rank(step.target.id), step.target.id))
        plan = Plan(tuple(in_order), stored=stored)
        if inventory is not None:
            plan = self._with_inventory(plan, inventory)
        self._stop_if_refused()
        return plan

    # --- which objects, and where

    def _place(self) -> list[tuple[Target, Resource]]:
        """Every object with its resource and namespace; a kind of a definition that is applied too has one already."""
        defined: dict[tuple[str, str], Resource] = {}
        for item in self._targets:
            if item.id.kind == DEFINITION:
                defined |= defined_by(item.content)
        self._discovery.load({item.api_version for item in self._targets})
        placed: list[tuple[Target, Resource]] = []
        seen: set[ObjectId] = set()
        for item in self._targets:
            key = item.api_version, item.id.kind
            resource = self._discovery.find(*key) or defined.get(key)
            if resource is None:
                self._refuse(item.id, ClusterError(f"the cluster has no kind {item.id.kind} in {item.api_version}"))
                continue
            if item.id.namespace and not resource.namespaced:
                self._refuse(item.id, ClusterError("is of a kind that is in no namespace, and names one"))
                continue
            namespace = (item.id.namespace or self._settings.namespace) if resource.namespaced else ""
            ready = item.placed(namespace, self._settings.owner)
            if is_inventory(ready.id):
                self._refuse(ready.id, ForbiddenError("has the name of an inventory, which no manifest may have"))
            if ready.id in seen:
                self._refuse(ready.id, ClusterError("is there twice"))
            seen.add(ready.id)
            placed.append((ready, resource))
        self._stop_if_refused()
        return placed

    def _judge(self, targets: Iterable[Target]) -> None:
        for item in targets:
            if not self._is_allowed(item.id):
                self._refuse(item.id, ForbiddenError("the policy does not allow this kind in this place"))
        self._stop_if_refused()

    def _is_allowed(self, id: ObjectId) -> bool:
        return self._settings.policy is None or self._settings.policy.allows(id)

    def _split(
        self, rest: Sequence[tuple[Target, Resource]], first: Sequence[Step]
    ) -> tuple[list[tuple[Target, Resource]], list[tuple[Target, Resource]]]:
        """What can only be tried when namespaces and definitions of this run are there; and what can be tried now."""
        namespaces = made_namespaces(first)
        kinds: set[tuple[str, str]] = set()
        for step in first:
            if step.target.id.kind == DEFINITION and step.action is not Action.SAME:
                kinds |= defined_by(step.target.content).keys()
        later: list[tuple[Target, Resource]] = []
        now: list[tuple[Target, Resource]] = []
        for item in rest:
            is_later = item[0].id.namespace in namespaces or (item[0].api_version, item[0].id.kind) in kinds
            (later if is_later else now).append(item)
        return later, now

    # --- trying

    def _try(self, placed: Sequence[tuple[Target, Resource]]) -> list[Step]:
        live = self._live(placed)
        steps = self._connection.map(lambda item: self._try_one(*item, live), placed)
        return [step for step in steps if step is not None]

    def _try_one(self, target: Target, resource: Resource, live: Mapping[ObjectId, Any]) -> Step | None:
        try:
            return try_one(self._connection, target, resource, live, self._settings)
        except (RefusalError, ForeignError, ForbiddenError) as error:
            self._refuse(target.id, error)
        finally:
            with self._lock:
                self._done += 1
                self._settings.progress(self._done, len(self._targets))
        return None

    def _live(self, placed: Sequence[tuple[Target, Resource]]) -> dict[ObjectId, Any]:
        """What is in the cluster of many objects in few requests: by our label, else all of a kind in a namespace."""
        places: dict[tuple[Resource, str], list[ObjectId]] = {}
        for item, resource in placed:
            places.setdefault((resource, item.id.namespace), []).append(item.id)
        many = [(place, ids) for place, ids in places.items() if len(ids) > FEW]
        label = f"{OWNER}={self._settings.owner}" if self._settings.owner else ""
        found = self._connection.map(lambda item: self._list(item[0][0].collection(item[0][1]), label), many)
        live: dict[ObjectId, Any] = {}
        for (_, ids), contents in zip(many, found, strict=True):
            by_name = {content.get("metadata", {}).get("name"): content for content in contents or ()}
            # without a label the list is complete: who is not on it is not there
            complete = contents is not None and not label
            live |= {id: by_name.get(id.name) for id in ids if complete or id.name in by_name}
        return live

    def _list(self, path: str, label: str) -> list[dict[str, Any]] | None:
        """None where we may not list: then they are asked for one by one."""
        try:
            return self._connection.collection(path, label)
        except RefusalError as error:
            if error.status in {403, 404}:
                return None
            raise

    def _ask_rights(self, later: Sequence[tuple[Target, Resource]]) -> None:
        """What cannot be tried: at least whether we may do it."""
        places = {(resource, item.id.namespace): item.id for item, resource in later}
        asked = [(place, verb) for place in places for verb in ("create", "patch")]
        answers = self._connection.map(lambda item: may(self._connection, item[1], *item[0]), asked)
        for (place, verb), allowed in zip(asked, answers, strict=True):
            if not allowed:
                self._refuse(places[place], ForbiddenError(f"the API server forbids to {verb} {place[0].plural} there"))

    # --- what is not wanted any more

    def _with_inventory(self, plan: Plan, inventory: Inventory) -> Plan:
        self._stop_if_refused()
        gone = plan.stored - plan.ids()
        delete: Sequence[Doomed] = ()
        kept = gone
        if self._settings.prune and gone:
            if not plan.steps:
                raise ClusterError(
                    "nothing at all is wanted any more, and that is not taken for an order to delete all"
                )
            mine = frozenset(id for id in gone if self._is_allowed(id))
            delete, kept = doomed(self._connection, self._discovery, mine, inventory.name, self._refuse)
            kept |= gone - mine
        self._refuse_shared(plan, inventory, delete)
        id = ObjectId("", "ConfigMap", inventory.namespace, f"inventory {inventory.name}")
        try:
            if inventory.namespace not in made_namespaces(plan.steps):
                inventory.try_to_write(plan.ids() | plan.stored)
        except RefusalError as error:
            self._refuse(id, error)
        self._connection.map(self._try_to_delete, delete)
        return plan._replace(doomed=tuple(delete), kept=frozenset(kept))

    def _refuse_shared(self, plan: Plan, inventory: Inventory, delete: Sequence[Doomed]) -> None:
        """Refuse what is in the inventory of the same name in the object's own namespace, which has more right to it.

        The label is the same: one of the two would delete what the other wants.
        """
        strays = {step.target.id for step in plan.steps if step.labelled and step.target.id not in plan.stored}
        suspects = strays | {item.id for item in delete}
        places = sorted({id.namespace for id in suspects} - {"", inventory.namespace})
        for place, theirs in zip(places, self._connection.map(inventory.namesake, places), strict=True):
            for id in sorted(theirs & suspects):
                error = ForeignError(
                    f"is in the inventory {inventory.name} of the namespace {place}",
                    hint="give this run another --name, or the namespace of that inventory",
                )
                self._refuse(id, error)

    def _try_to_delete(self, item: Doomed) -> None:
        try:
            self._connection.delete(item.path, item.uid, dry_run=True)
        except RefusalError as error:
            self._refuse(item.id, error)

    # --- refusals

    def _refuse(self, id: ObjectId, error: SopskitError) -> None:
        self._refusals.append((id, error))

    def _stop_if_refused(self) -> None:
        if self._refusals:
            raise RefusedPlanError(sorted(self._refusals, key=lambda item: item[0]), len(self._targets))
