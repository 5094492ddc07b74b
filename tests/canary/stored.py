"""Everything that a cluster stores and says after a run: each object of each kind, and the logs of its servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.canary.canaries import Hit, Scanner
    from tests.cluster.apiserver import Cluster


def objects(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """All objects of all kinds that can be listed, in all namespaces, with their managed fields."""
    groups = cluster.request("GET", "/apis").json["groups"]
    versions = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    for version in versions:
        for resource in cluster.request("GET", version).json["resources"]:
            if "list" not in resource["verbs"]:
                continue
            for item in cluster.request("GET", f"{version}/{resource['name']}").json.get("items") or ():
                yield {"kind": resource["kind"], **item}


def leaks_in_cluster(scanner: Scanner, cluster: Cluster) -> set[Hit]:
    """Hits in what is stored, but for the `data` of Secrets, and in what etcd and the API server have printed."""
    hits: set[Hit] = set()
    for item in objects(cluster):
        kept = {key: value for key, value in item.items() if key != "data" or item["kind"] != "Secret"}
        # a value of more than one line is looked for as it is, and as JSON shows it
        for text in (json.dumps(kept), "\n".join(_texts(kept))):
            hits |= scanner.scan(text.encode(), f"{item['kind']} {item['metadata'].get('name')}")
    for log in sorted(cluster.folder.glob("*.log")):
        hits |= scanner.scan(log.read_bytes(), log.name)
    return hits


def secrets_with(scanner: Scanner, cluster: Cluster, namespace: str) -> set[str]:
    """The slots that are found in the `data` of a namespace's Secrets, where they belong."""
    listed = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets").json["items"]
    return {hit.slot for item in listed for hit in scanner.scan(json.dumps(item.get("data")).encode(), "data")}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)
    elif isinstance(value, str):
        yield value
