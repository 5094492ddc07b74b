"""One object tried: what applying it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.adoption import adoptable, is_adopted
from sopskit.deploy.apply.diff import Action, Change, changes
from sopskit.deploy.apply.fields import is_applied, without_noise
from sopskit.deploy.apply.ownership import check_owner, is_ours, owner_of
from sopskit.deploy.apply.recreation import IMMUTABLE_HINT, can_be_immutable, is_immutable, try_anew
from sopskit.deploy.apply.stages import NAMESPACE
from sopskit.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sopskit.cluster import Answer, Connection
    from sopskit.deploy.apply.policy import Policy
    from sopskit.deploy.apply.resources import Resource
    from sopskit.deploy.apply.target import ObjectId, Target


class Settings(NamedTuple):
    """What a run is told: the namespace of objects that name none, and the owner, empty for none.

    `adopt` names tools whose fields are taken over. `recreate` allows to delete an immutable Secret or ConfigMap of
    ours that would change, and to create it anew. `reclaim` passes over conflicts in objects that are in the owner's
    inventory already, by their label or by `stored`, the ids in it: what others have changed there is put right.
    """

    namespace: str
    owner: str = ""
    policy: Policy | None = None
    secrets: frozenset[str] = frozenset()
    prune: bool = False
    adopt: frozenset[str] = frozenset()
    recreate: bool = False
    reclaim: bool = False
    stored: frozenset[ObjectId] = frozenset()
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005


class Step(NamedTuple):
    """An object, its place, and what applying it does.

    `labelled`: its label says that it is in our inventory already. `adopts`, `reclaims`: fields of others are taken.
    `uid` is of the object that is deleted before this one is created, empty for none.
    """

    target: Target
    resource: Resource
    action: Action
    changes: tuple[Change, ...] = ()
    labelled: bool = False
    adopts: bool = False
    reclaims: bool = False
    uid: str = ""

    @property
    def path(self) -> str:
        """Its URL's."""
        return self.resource.path(self.target.id)


def made_namespaces(steps: Iterable[Step]) -> set[str]:
    """The namespaces that these steps bring."""
    return {step.target.id.name for step in steps if step.target.id.kind == NAMESPACE and step.action is Action.CREATE}


def try_one(
    connection: Connection, target: Target, resource: Resource, live: Mapping[ObjectId, Any], settings: Settings
) -> Step:
    """What applying one object does; `live` has what is known of the cluster, None for what is known to be absent.

    Raises `RefusalError`, `ForeignError`, `ForbiddenError`, `UnreachableError`.
    """
    return _Trial(connection, target, resource, settings).step(live)


class _Trial:
    def __init__(self, connection: Connection, target: Target, resource: Resource, settings: Settings) -> None:
        self._connection = connection
        self._target = target
        self._resource = resource
        self._settings = settings
        self._path = resource.path(target.id)
        self._there: Mapping[str, Any] | None = None

    def step(self, live: Mapping[ObjectId, Any]) -> Step:
        target, settings = self._target, self._settings
        self._there = live.get(target.id)
        known = target.id in live
        if self._there is None and (settings.adopt or (not settings.owner and not known)):
            self._look()
        check_owner(self._there, settings.owner)
        adopts = bool(settings.adopt and adoptable(self._there, target.api_version, settings.adopt))
        if self._there is not None and not adopts and is_applied(target.content, dict(self._there)):
            return self._step(Action.SAME)
        try:
            answer, reclaims = self._ask()
        except RefusalError as error:
            return self._anew(error)
        if answer.created:
            return self._step(Action.CREATE, answer)
        self._look_once()
        there = self._there
        if there is not None and not adopts and without_noise(dict(there)) == without_noise(answer.content):
            return self._step(Action.SAME)
        return self._step(Action.CHANGE, answer)._replace(adopts=adopts, reclaims=reclaims)

    def _step(self, action: Action, answer: Answer | None = None) -> Step:
        there = None if action is Action.CREATE or self._there is None else dict(self._there)
        changed = changes(there, answer.content, self._settings.secrets) if answer is not None else ()
        owner = owner_of(self._there)
        labelled = bool(owner) and owner == self._settings.owner
        return Step(self._target, self._resource, action, changed, labelled)

    # --- what is there

    def _look(self) -> None:
        self._there = self._connection.get(self._path)

    def _look_once(self) -> None:
        if self._there is None:
            self._look()
            check_owner(self._there, self._settings.owner)

    # --- the dry run

    def _ask(self) -> tuple[Answer, bool]:
        """The dry run, with the conflicts forced if all of them may be; and whether applying must force them."""
        body = self._target.body()
        try:
            return self._connection.apply(self._path, body, dry_run=True), False
        except RefusalError as error:
            if not error.is_conflict:
                raise
            if all(is_adopted(manager, self._settings.adopt) for manager in error.managers):
                return self._connection.try_forced(self._path, body), False
            self._look_once()
            if not self._may_reclaim():
                raise
            return self._connection.try_forced(self._path, body), True

    def _may_reclaim(self) -> bool:
        settings, there = self._settings, self._there
        if not (settings.reclaim and settings.owner and is_ours(there, settings.owner)):
            return False
        # what we have applied under no name, or another one, may have got another author since
        return owner_of(there) == settings.owner or self._target.id in settings.stored

    def _anew(self, error: RefusalError) -> Step:
        """The step that deletes an immutable object and creates it again; raises the refusal for any other."""
        if error.status != 422 or not can_be_immutable(self._target.id):
            raise error
        self._look_once()
        there = self._there
        if there is None or not is_immutable(there, error.fields):
            raise error
        if not self._settings.recreate:
            error.hint = IMMUTABLE_HINT
            raise error
        answer = try_anew(self._connection, self._target, self._resource, there, self._settings.owner)
        return self._step(Action.RECREATE, answer)._replace(uid=there["metadata"]["uid"])
