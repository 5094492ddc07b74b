"""Applying objects in a test, and what is in the cluster afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sopskit.cluster import Patience
from sopskit.deploy.apply.carry_out import Done, carry_out
from sopskit.deploy.apply.inventory import Inventory
from sopskit.deploy.apply.plan import Plan, make_plan
from sopskit.deploy.apply.trial import Settings
from sopskit.deploy.objects import read_objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.cluster import Connection
    from tests.cluster.apiserver import Cluster

SHORT = Patience(total=2.0)


class Applier:
    """Applies objects of one namespace, directly or through a proxy, as one user."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        self.connection = connection
        self.namespace = namespace

    adopt: frozenset[str] = frozenset()
    recreate = False
    reclaim = False

    def plan(self, *objects: dict[str, Any], name: str = "", prune: bool = False) -> Plan:
        """What would be done."""
        return self._plan(objects, name, prune, self.inventory(name))

    def apply(self, *objects: dict[str, Any], name: str = "", prune: bool = False) -> Done:
        """Do it."""
        return self.begin(*objects, name=name, prune=prune)()

    def begin(self, *objects: dict[str, Any], name: str = "", prune: bool = False) -> Callable[[], Done]:
        """Plan it; gives what carries it out, so that something may happen in between."""
        inventory = self.inventory(name)
        plan = self._plan(objects, name, prune, inventory)
        return lambda: carry_out(self.connection, plan, self._settings(name, prune), inventory)

    def _plan(self, objects: tuple[dict[str, Any], ...], name: str, prune: bool, inventory: Inventory | None) -> Plan:
        return make_plan(self.connection, _read(objects), self._settings(name, prune), inventory)

    def inventory(self, name: str) -> Inventory | None:
        return Inventory(self.connection, name, self.namespace) if name else None

    def _settings(self, name: str, prune: bool) -> Settings:
        return Settings(
            self.namespace, name, prune=prune, adopt=self.adopt, recreate=self.recreate, reclaim=self.reclaim
        )


def _read(objects: tuple[dict[str, Any], ...]) -> Any:
    return read_objects("---\n".join(json.dumps(obj) + "\n" for obj in objects).encode())


def secret(name: str, **entries: str) -> dict[str, Any]:
    """A Secret with `stringData`."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": entries}


def config_map(name: str, **entries: str) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": entries}


def data_of(cluster: Cluster, namespace: str, name: str, kind: str = "secrets") -> Any:
    """The `data` of a Secret or ConfigMap, None if it is not there."""
    answer = cluster.request("GET", f"/api/v1/namespaces/{namespace}/{kind}/{name}")
    return answer.json.get("data") if answer.status == 200 else None


def names_in(cluster: Cluster, namespace: str, kind: str = "secrets") -> list[str]:
    """The names of a namespace's Secrets or ConfigMaps."""
    items = cluster.request("GET", f"/api/v1/namespaces/{namespace}/{kind}").json["items"]
    return sorted(item["metadata"]["name"] for item in items)
