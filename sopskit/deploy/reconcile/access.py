"""How the processes of a supervisor reach the API server: each for itself, by the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.cluster import Connection, Patience
from sopskit.errors import ClusterError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.deploy.reconcile.source import Source


class Access(NamedTuple):
    """Kubeconfig files and a context, or the service account of the pod if there are none. `patience` is in seconds."""

    kubeconfigs: tuple[str, ...] = ()
    context: str | None = None
    patience: float = 15.0

    def connect(self) -> Connection:
        """A connection. Raises what reading the credentials raises."""
        from sopskit.cluster.incluster import in_cluster
        from sopskit.cluster.kubeconfig import read_kubeconfig

        found = read_kubeconfig(self.kubeconfigs, self.context) if self.kubeconfigs else in_cluster()
        return Connection(found, patience=Patience(total=self.patience))


def account_of(source: Source, *, default: str) -> str:
    """The user that a source's objects are applied as, empty for the supervisor itself.

    `default` is the service account of those that name none.
    """
    name = source.account or default
    return f"system:serviceaccount:{source.id.namespace}:{name}" if name else ""


def secret_of(connection: Connection, namespace: str, name: str) -> tuple[Mapping[str, bytes], str]:
    """The decoded data of a Secret, and its resourceVersion. Raises `ClusterError`."""
    from base64 import b64decode

    content = connection.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    if content is None:
        raise ClusterError(f"there is no Secret {escape(name)} in the namespace {escape(namespace)}")
    data = content.get("data") or {}
    version = str(content.get("metadata", {}).get("resourceVersion", ""))
    return {key: b64decode(value) for key, value in data.items()}, version
