"""What is in a cluster, so that two ways of bringing it there can be compared."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiserver import Cluster, Object

# what the API server gives an object by itself, otherwise each time
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "managedFields")
# what says who applied an object
OWNER_LABELS = ("sopskit/inventory", "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace")
ADDRESSES = ("clusterIP", "clusterIPs")


def snapshot(cluster: Cluster, prefix: str) -> dict[str, Object]:
    """All objects of all kinds in the namespaces that start with a prefix, and these namespaces; by kind and name.

    The prefix is cut off wherever it stands, and the data of Secrets is decoded. What the server assigns (identity,
    times, versions, owners of fields, addresses of Services) and the label of the tool that applied is left out.
    """
    found = {}
    for obj in _objects(cluster, prefix):
        bare = json.loads(json.dumps(_bare(obj)).replace(prefix, ""))
        metadata = bare["metadata"]
        found[f"{bare['kind']} {metadata.get('namespace', '')}/{metadata['name']}"] = bare
    return found


def owners(cluster: Cluster, prefix: str) -> set[str]:
    """The field managers of these objects."""
    objects = _objects(cluster, prefix)
    return {entry["manager"] for obj in objects for entry in obj["metadata"].get("managedFields", ())}


def _objects(cluster: Cluster, prefix: str) -> Iterator[Object]:
    """Asked kind by kind; an Event is no part of what was applied."""
    groups = cluster.request("GET", "/apis").json["groups"]
    versions = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    for version in versions:
        for resource in cluster.request("GET", version).json["resources"]:
            if "list" not in resource["verbs"] or resource["kind"] == "Event":
                continue
            listed = _list(cluster, f"{version}/{resource['name']}")
            place = "namespace" if resource["namespaced"] else "name"
            for item in listed.get("items", ()):
                if item["metadata"][place].startswith(prefix):
                    yield {"apiVersion": listed["apiVersion"], "kind": resource["kind"], **item}


def _list(cluster: Cluster, path: str) -> Object:
    """All objects of a kind; none of one that a test has taken away again and that is still told of.

    A kind that is new is answered with 429 until the server has its storage ready.
    """
    deadline = time.monotonic() + 30
    while (answer := cluster.request("GET", path)).status not in {200, 404}:
        assert time.monotonic() < deadline, answer.body
        time.sleep(0.2)
    found: Object = answer.json
    return found


def _bare(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in SERVERS_OWN}
    labels = {key: value for key, value in metadata.pop("labels", {}).items() if key not in OWNER_LABELS}
    bare = obj | {"metadata": metadata | ({"labels": labels} if labels else {})}
    if obj["kind"] == "Secret":
        bare["data"] = {key: base64.b64decode(value).decode() for key, value in obj.get("data", {}).items()}
    if obj["kind"] == "Service":
        bare["spec"] = {key: value for key, value in obj["spec"].items() if key not in ADDRESSES}
    return bare
