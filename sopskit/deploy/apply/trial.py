"""One object tried: what applying it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.adoption import adoptable, is_adopted
from sopskit.deploy.apply.diff import Action, Change, changes
from sopskit.deploy.apply.fields import is_applied, without_noise
from sopskit.deploy.apply.stages import NAMESPACE
from sopskit.deploy.apply.target import OWNER
from sopskit.errors import ClusterError, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sopskit.cluster import Answer, Connection
    from sopskit.deploy.apply.policy import Policy
    from sopskit.deploy.apply.resources import Resource
    from sopskit.deploy.apply.target import ObjectId, Target

IMMUTABLE_HINT = "the object in the cluster is immutable: give the new one another name, or delete the old one first"


class Settings(NamedTuple):
    """What a run is told: the namespace of objects that name none, and the owner, empty for none."""

    namespace: str
    owner: str = ""
    policy: Policy | None = None
    secrets: frozenset[str] = frozenset()
    prune: bool = False
    adopt: frozenset[str] = frozenset()
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005


class Step(NamedTuple):
    """An object, its place, and what applying it does."""

    target: Target
    resource: Resource
    action: Action
    changes: tuple[Change, ...] = ()
    adopts: bool = False

    @property
    def path(self) -> str:
        """Its URL's."""
        return self.resource.path(self.target.id)


class ForeignError(ClusterError):
    """The object is somebody else's."""


def made_namespaces(steps: Iterable[Step]) -> set[str]:
    """The namespaces that these steps bring."""
    return {step.target.id.name for step in steps if step.target.id.kind == NAMESPACE and step.action is Action.CREATE}


def try_one(
    connection: Connection, target: Target, resource: Resource, live: Mapping[ObjectId, Any], settings: Settings
) -> Step:
    """What applying one object does; `live` has what is known of the cluster, None for what is known to be absent."""
    there = live.get(target.id)
    known = target.id in live
    if there is None and (settings.adopt or (not settings.owner and not known)):
        there = connection.get(resource.path(target.id))
    _check_owner(there, settings.owner)
    adopts = bool(settings.adopt and adoptable(there, target.api_version, settings.adopt))
    if there is not None and not adopts and is_applied(target.content, there):
        return Step(target, resource, Action.SAME)
    answer = _ask(connection, target, resource, there, settings.adopt)
    if answer.created:
        return Step(target, resource, Action.CREATE, changes(None, answer.content, settings.secrets))
    if there is None:
        there = connection.get(resource.path(target.id))
        _check_owner(there, settings.owner)
    if there is not None and not adopts and without_noise(there) == without_noise(answer.content):
        return Step(target, resource, Action.SAME)
    return Step(target, resource, Action.CHANGE, changes(there, answer.content, settings.secrets), adopts)


def _ask(
    connection: Connection,
    target: Target,
    resource: Resource,
    there: Mapping[str, Any] | None,
    adopt: frozenset[str],
) -> Answer:
    """The dry run; with the conflicts forced if all of them are with managers whose fields are taken over."""
    path, body = resource.path(target.id), target.body()
    try:
        return connection.apply(path, body, dry_run=True)
    except RefusalError as error:
        if error.is_conflict and all(is_adopted(manager, adopt) for manager in error.managers):
            return connection.try_forced(path, body)
        if error.status == 422 and (there or {}).get("immutable"):
            error.hint = IMMUTABLE_HINT
        raise


def _check_owner(there: Mapping[str, Any] | None, owner: str) -> None:
    other = ((there or {}).get("metadata", {}).get("labels") or {}).get(OWNER)
    if other and other != owner:
        raise ForeignError(f"is in the inventory {other}", hint=f"apply it with --name {other}, or take it out there")
