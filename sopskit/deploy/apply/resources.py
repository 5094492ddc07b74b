"""Which URL an object has: the API server's discovery, asked for the versions that are needed and kept in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from sopskit.errors import ClusterError

if TYPE_CHECKING:
    from sopskit.cluster import Connection
    from sopskit.deploy.apply.target import ObjectId

PLURAL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


class Resource(NamedTuple):
    """Where objects of one kind are."""

    api_version: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str) -> str:
        """The path of the objects of a namespace, or of all that are in none."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inner = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{inner}/{self.plural}"

    def path(self, id: ObjectId) -> str:
        """The path of one object."""
        return f"{self.collection(id.namespace)}/{quote(id.name, safe=':')}"


class Discovery:
    """The resources of an API server."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is asked yet."""
        self._connection = connection
        self._known: dict[str, dict[str, Resource]] = {}

    def load(self, versions: set[str]) -> None:
        """Ask for several versions at once. Raises `ClusterError`: a version that cannot be asked is not an empty one."""
        missing = sorted(versions - self._known.keys())
        for version, found in zip(missing, self._connection.map(self._ask, missing), strict=True):
            self._known[version] = found

    def find(self, api_version: str, kind: str) -> Resource | None:
        """Where objects of a kind are, None if the server has no such kind in that version."""
        self.load({api_version})
        return self._known[api_version].get(kind)

    def find_in_group(self, group: str, kind: str) -> Resource | None:
        """The same in whatever version the server prefers."""
        if not group:
            return self.find("v1", kind)
        content = self._connection.get(f"/apis/{quote(group, safe='')}")
        if content is None:
            return None
        preferred = (content.get("preferredVersion") or {}).get("groupVersion")
        others = [version.get("groupVersion") for version in content.get("versions") or ()]
        for version in dict.fromkeys([preferred, *others]):
            if isinstance(version, str) and (found := self.find(version, kind)) is not None:
                return found
        return None

    def forget(self, api_version: str) -> None:
        """Ask again next time."""
        self._known.pop(api_version, None)

    def _ask(self, api_version: str) -> dict[str, Resource]:
        root = "/apis" if "/" in api_version else "/api"
        content = self._connection.get(f"{root}/{api_version}")
        if content is None:
            return {}
        resources = content.get("resources")
        if not isinstance(resources, list):
            raise ClusterError(f"the API server's list of {api_version} cannot be read")
        return {kind: resource for kind, resource in (_resource(api_version, item) for item in resources) if kind}


def _resource(api_version: str, item: Any) -> tuple[str, Resource]:
    name = str(item.get("name", ""))
    if not PLURAL.match(name):
        return "", Resource(api_version, "", namespaced=False)  # a subresource
    return str(item.get("kind", "")), Resource(api_version, name, bool(item.get("namespaced")))


def defined_by(definition: dict[str, Any]) -> dict[tuple[str, str], Resource]:
    """The resources, by apiVersion and kind, that a CustomResourceDefinition will bring."""
    spec = definition.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(names, dict) or not PLURAL.match(str(names.get("plural", ""))):
        return {}
    listed = spec.get("versions")
    versions = [version for version in listed if isinstance(version, dict)] if isinstance(listed, list) else []
    namespaced = spec.get("scope") == "Namespaced"
    found = {}
    for version in versions:
        if not version.get("served"):
            continue
        api_version = f"{spec.get('group')}/{version.get('name')}"
        found[api_version, str(names.get("kind"))] = Resource(api_version, str(names["plural"]), namespaced)
    return found
