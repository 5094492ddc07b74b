"""What was applied under one name, by id: without it nobody can tell what is no longer wanted.

A ConfigMap `sopskit-inventory-NAME` holds group, kind, namespace and name of every object, no value and no digest. It is
written before objects are: a run that is cut off has lost track of none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.stages import FIRST, rank
from sopskit.deploy.apply.target import LABEL, OWNER, ObjectId
from sopskit.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sopskit.cluster import Connection
    from sopskit.deploy.apply.resources import Discovery

PREFIX = "sopskit-inventory-"
KEY = "objects"
# what goes with one of these is more than what we applied; they are deleted by hand
KEPT_KINDS = frozenset((*FIRST, "PersistentVolume", "PersistentVolumeClaim"))
OPT_OUT = "sopskit/prune"  # an annotation; "disabled" keeps the object


class Doomed(NamedTuple):
    """An object that is to be deleted: its id, its URL, and which one of that name it is."""

    id: ObjectId
    path: str
    uid: str


class Inventory:
    """The ids under one name, in one namespace."""

    def __init__(self, connection: Connection, name: str, namespace: str) -> None:
        """Nothing is read yet. Raises `UsageError` for a name that no label can hold."""
        if not LABEL.match(name):
            raise UsageError(
                f"{name} cannot be the name of an inventory", hint="lower-case letters, digits and hyphens, at most 63"
            )
        self.name = name
        self.namespace = namespace
        self._connection = connection
        self._path = f"/api/v1/namespaces/{namespace}/configmaps/{PREFIX}{name}"
        self._written: frozenset[ObjectId] | None = None

    def read(self) -> frozenset[ObjectId]:
        """What is in it; nothing where there is none. Raises `RefusedError` for one that is not ours or broken."""
        content = self._connection.get(self._path)
        if content is None:
            self._written = None
            return frozenset()
        if (content.get("metadata", {}).get("labels") or {}).get(OWNER) != self.name:
            raise RefusedError(f"the ConfigMap {PREFIX}{self.name} in {self.namespace} is not one of sopskit's")
        try:
            found = frozenset(_id(entry) for entry in json.loads(content["data"][KEY]))
        except (KeyError, TypeError, ValueError):
            raise RefusedError(f"the inventory {PREFIX}{self.name} in {self.namespace} cannot be read") from None
        self._written = found
        return found

    def body(self, ids: Iterable[ObjectId]) -> bytes:
        """The ConfigMap that holds these."""
        labels = {OWNER: self.name}
        content = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{PREFIX}{self.name}", "namespace": self.namespace, "labels": labels},
            "data": {KEY: json.dumps([list(id) for id in sorted(ids)], separators=(",", ":"))},
        }
        return json.dumps(content).encode()

    def try_to_write(self, ids: frozenset[ObjectId]) -> None:
        """A dry run of `write`."""
        if ids != self._written:
            self._connection.apply(self._path, self.body(ids), dry_run=True)

    def write(self, ids: frozenset[ObjectId]) -> None:
        """Store these, if they are not what is stored already."""
        if ids != self._written:
            self._connection.apply(self._path, self.body(ids))
            self._written = ids


def _id(entry: Any) -> ObjectId:
    if not isinstance(entry, list) or not all(isinstance(part, str) for part in entry):
        raise ValueError
    return ObjectId(*entry)


def doomed(
    connection: Connection, discovery: Discovery, gone: Iterable[ObjectId], owner: str
) -> tuple[Sequence[Doomed], frozenset[ObjectId]]:
    """Of what was applied and is not wanted any more: what is to be deleted, in order, and what stays by rule.

    Only what still has our label; what somebody else has relabelled is forgotten. Raises `ClusterError` where the
    server cannot say what is there: then nothing may be deleted at all.
    """
    in_order = sorted(gone, key=lambda wanted: (-rank(wanted), wanted))
    places = [(id, discovery.find_in_group(id.group, id.kind)) for id in in_order]
    known = [(id, resource.path(id)) for id, resource in places if resource is not None]
    found = connection.map(lambda place: connection.get(place[1]), known)
    delete: list[Doomed] = []
    kept: set[ObjectId] = set()
    for (id, path), content in zip(known, found, strict=True):
        metadata = (content or {}).get("metadata", {})
        if (metadata.get("labels") or {}).get(OWNER) != owner or metadata.get("deletionTimestamp"):
            continue
        if id.kind in KEPT_KINDS or (metadata.get("annotations") or {}).get(OPT_OUT) == "disabled":
            kept.add(id)
        else:
            delete.append(Doomed(id, path, metadata["uid"]))
    return delete, frozenset(kept)
