"""Whether anything can have changed in the cluster, told without a key: by the marks that every write of an object moves.

The API server gives an object a new resourceVersion with each write. So if the objects of a source carry the same marks
as when a round found all of them right, they still are, and neither a key nor a decrypted value is needed to know it.
Only metadata is asked for, in one list for each kind and namespace.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sopskit.deploy.apply.target import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sopskit.cluster import Connection


def snapshot(connection: Connection, collections: Iterable[str], owner: str) -> str:
    """A digest of the marks of all objects of an owner in these collections. Raises `ClusterError`.

    It is compared with another one and shown to nobody.
    """
    places = sorted(set(collections))
    found = connection.map(lambda path: connection.metadata(path, f"{OWNER}={owner}", _mark), places)
    marks = [(path, sorted(of_place)) for path, of_place in zip(places, found, strict=True)]
    return hashlib.sha256(json.dumps(marks).encode()).hexdigest()


def _mark(content: Mapping[str, Any]) -> str:
    """A digest of which object it is, and in which state."""
    return hashlib.sha256(json.dumps(_told(content), sort_keys=True).encode()).hexdigest()


def _told(content: Mapping[str, Any]) -> list[Any]:
    """Which object, and in which state.

    Where the API server counts changes of the specification, a controller's writes to the status are none: then the
    mark is the generation with everything of the metadata that a person may write, and which fields are whose.
    """
    metadata: Mapping[str, Any] = content.get("metadata") or {}
    which = [str(metadata.get("namespace", "")), str(metadata.get("name", "")), str(metadata.get("uid", ""))]
    if not isinstance(metadata.get("generation"), int) or metadata.get("deletionTimestamp"):
        return [*which, str(metadata.get("resourceVersion", ""))]
    owned = [entry for entry in metadata.get("managedFields") or () if not entry.get("subresource")]
    rest = {key: metadata.get(key) for key in ("generation", "labels", "annotations", "finalizers", "ownerReferences")}
    return [*which, rest, owned]
