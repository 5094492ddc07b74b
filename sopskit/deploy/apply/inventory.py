"""What was applied under one name, by id: without it nobody can tell what is no longer wanted.

A ConfigMap `sopskit-inventory-NAME` holds group, kind, namespace and name of every object, no value and no digest. It is
written before objects are: a run that is cut off has lost track of none. It is written only as it was read: of two runs
under one name at the same time, the second to write stops.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.stages import FIRST, rank
from sopskit.deploy.apply.target import LABEL, OWNER, ObjectId, is_possible
from sopskit.errors import ClusterError, RefusalError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sopskit.cluster import Answer, Connection
    from sopskit.deploy.apply.resources import Discovery
    from sopskit.errors import SopskitError

    Refuse = Callable[[ObjectId, SopskitError], None]

PREFIX = "sopskit-inventory-"
KEY = "objects"
# what goes with one of these is more than what we applied; they are deleted by hand
KEPT_KINDS = frozenset((*FIRST, "PersistentVolume", "PersistentVolumeClaim"))
OPT_OUT = "sopskit/prune"  # an annotation; "disabled" keeps the object


def is_inventory(id: ObjectId) -> bool:
    """Whether an object holds an inventory. It is in none: a run would overwrite or delete what says what it has applied."""
    return (id.group, id.kind) == ("", "ConfigMap") and id.name.startswith(PREFIX)


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
        self._collection = f"/api/v1/namespaces/{namespace}/configmaps"
        self._written: frozenset[ObjectId] | None = None
        self._version = ""  # the resourceVersion of what was read or written last, empty for none

    def read(self) -> frozenset[ObjectId]:
        """What is in it; nothing where there is none. Raises `RefusedError` for one that is not ours or broken."""
        content = self._connection.get(self._path)
        if content is None:
            self._written, self._version = None, ""
            return frozenset()
        found = self._ids(content, self.namespace)
        self._written, self._version = found, content["metadata"]["resourceVersion"]
        return found

    def _ids(self, content: Mapping[str, Any], namespace: str) -> frozenset[ObjectId]:
        if (content.get("metadata", {}).get("labels") or {}).get(OWNER) != self.name:
            raise RefusedError(f"the ConfigMap {PREFIX}{self.name} in {namespace} is not one of sopskit's")
        try:
            return frozenset(_id(entry) for entry in json.loads(content["data"][KEY]))
        except (KeyError, TypeError, ValueError, RecursionError):
            raise RefusedError(f"the inventory {PREFIX}{self.name} in {namespace} cannot be read") from None

    def namesake(self, namespace: str) -> frozenset[ObjectId]:
        """What is in the inventory of the same name in another namespace; nothing if we may not look. Raises as `read`."""
        try:
            content = self._connection.get(f"/api/v1/namespaces/{namespace}/configmaps/{PREFIX}{self.name}")
        except RefusalError as error:
            if error.status != 403:
                raise
            return frozenset()
        return self._ids(content, namespace) if content is not None else frozenset()

    def content(self, ids: Iterable[ObjectId]) -> dict[str, Any]:
        """The ConfigMap that holds these."""
        labels = {OWNER: self.name}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{PREFIX}{self.name}", "namespace": self.namespace, "labels": labels},
            "data": {KEY: json.dumps([list(id) for id in sorted(ids)], separators=(",", ":"))},
        }

    def try_to_write(self, ids: frozenset[ObjectId]) -> None:
        """A dry run of `write`, as far as one request can tell."""
        if ids != self._written:
            self._connection.try_forced(self._path, json.dumps(self.content(ids)).encode())

    def write(self, ids: frozenset[ObjectId]) -> None:
        """Store these, if they are not what is stored already. Raises `ClusterError` if another run has written meanwhile."""
        if ids == self._written:
            return
        before = self._version
        try:
            answer = self._create(ids) if not before else self._replace(ids)
        except RefusalError as error:
            # a lost answer is one cause: then what is there is what we wrote
            if self.read() == ids:
                return
            if self._version == before:
                raise
            raise self._overtaken() from error
        self._written, self._version = ids, answer.content["metadata"]["resourceVersion"]

    def check(self) -> None:
        """Raise `ClusterError` if another run has written since we read or wrote."""
        before = self._version
        self.read()
        if self._version != before:
            raise self._overtaken()

    def _create(self, ids: frozenset[ObjectId]) -> Answer:
        return self._connection.create(self._collection, self.content(ids))

    def _replace(self, ids: frozenset[ObjectId]) -> Answer:
        """By a JSON patch that fails if the inventory is not as it was read."""
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": self._version},
            {"op": "add", "path": "/data", "value": self.content(ids)["data"]},
        ]
        return self._connection.patch(self._path, operations)

    def _overtaken(self) -> ClusterError:
        return ClusterError(
            f"another run has written the inventory {self.name} meanwhile",
            hint="let a run under a name end before the next one under that name begins",
        )


def _id(entry: Any) -> ObjectId:
    if not isinstance(entry, list) or not all(isinstance(part, str) for part in entry):
        raise ValueError
    id = ObjectId(*entry)
    if not is_possible(id) or is_inventory(id):
        raise ValueError
    return id


def doomed(
    connection: Connection, discovery: Discovery, gone: Iterable[ObjectId], owner: str, refuse: Refuse
) -> tuple[Sequence[Doomed], frozenset[ObjectId]]:
    """Of what was applied and is not wanted any more: what is to be deleted, in order, and what stays by rule.

    Only what still has our label; what somebody else has relabelled is forgotten. `refuse` is told of objects that the
    server does not let us see. Raises `ClusterError` where it cannot say what is there. In both cases nothing may be
    deleted at all.
    """

    def look(place: tuple[ObjectId, str]) -> Mapping[str, Any] | None:
        try:
            return connection.get(place[1])
        except RefusalError as error:
            refuse(place[0], error)
            return None

    in_order = sorted(gone, key=lambda wanted: (-rank(wanted), wanted))
    places = [(id, discovery.find_in_group(id.group, id.kind)) for id in in_order]
    known = [(id, resource.path(id)) for id, resource in places if resource is not None]
    delete: list[Doomed] = []
    kept: set[ObjectId] = set()
    for (id, path), content in zip(known, connection.map(look, known), strict=True):
        metadata = (content or {}).get("metadata", {})
        if (metadata.get("labels") or {}).get(OWNER) != owner or metadata.get("deletionTimestamp"):
            continue
        if id.kind in KEPT_KINDS or (metadata.get("annotations") or {}).get(OPT_OUT) == "disabled":
            kept.add(id)
        else:
            delete.append(Doomed(id, path, metadata["uid"]))
    return delete, frozenset(kept)
