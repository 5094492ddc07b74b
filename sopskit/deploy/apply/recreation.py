"""A Secret or ConfigMap that is immutable, and the type of a Secret: they change only by being deleted and created anew.

The API server cannot try two steps in a row: a dry run of the new object under its own name meets the old one. So each
step is tried by itself. The deletion is tried on the very object. The new content is tried under a name that nobody
has, which shows whether schema, quota and admission take it; what is judged by the name is then asked of the authorizer
by name. Left open is an admission policy that is about names: if it refuses, the old object is gone already.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sopskit.deploy.apply.ownership import ForeignError, is_ours
from sopskit.deploy.apply.rights import may
from sopskit.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.cluster import Answer, Connection
    from sopskit.deploy.apply.resources import Resource
    from sopskit.deploy.apply.target import ObjectId, Target

    Live = Mapping[str, Any] | None

# the kinds that have the field `immutable` (core/v1)
KINDS = frozenset(("Secret", "ConfigMap"))
IMMUTABLE_HINT = (
    "that cannot be changed in the object in the cluster: give the new one another name, or let it be deleted and "
    "created anew with --recreate"
)
TRIAL_NAME = "sopskit-trial-"


class ForbiddenError(ClusterError):
    """We may not do what the plan needs."""


def can_be_immutable(id: ObjectId) -> bool:
    """Whether the kind knows immutable objects."""
    return not id.group and id.kind in KINDS


def is_immutable(live: Live, fields: tuple[str, ...]) -> bool:
    """Whether the refusal of these fields is for their being immutable: all of the content, or a Secret's type."""
    if live is None:
        return False
    return live.get("immutable") is True or (live.get("kind") == "Secret" and fields == ("type",))


def try_anew(connection: Connection, target: Target, resource: Resource, live: Mapping[str, Any], owner: str) -> Answer:
    """Try to delete the live object and to create the new one; gives what the new one would be, under another name.

    Raises `ForeignError` for an object that is not ours or that finalizers hold, `ForbiddenError`, `RefusalError`.
    """
    metadata = live["metadata"]
    if not is_ours(live, owner):
        raise ForeignError(
            "cannot be changed, and sopskit has not applied it, so it is not deleted",
            hint="delete it by hand, then apply",
        )
    if metadata.get("finalizers") or metadata.get("deletionTimestamp"):
        raise ForeignError("cannot be changed, and finalizers keep it from being deleted at once")
    path = resource.path(target.id)
    for verb in ("create", "patch"):
        if not may(connection, verb, resource, target.id.namespace, target.id.name):
            raise ForbiddenError(f"the API server forbids to {verb} it")
    connection.delete(path, metadata["uid"], dry_run=True)
    other = target.named(TRIAL_NAME + secrets.token_hex(8))
    return connection.apply(resource.path(other.id), other.body(), dry_run=True)
