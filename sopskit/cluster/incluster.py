"""The service account of the pod that we run in (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).

The kubelet mounts a folder with a token, the certificate of the cluster's authority, and the pod's namespace. It
replaces the token long before it expires.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from sopskit.cluster.access import new_configuration
from sopskit.errors import FileAccessError

FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
HOST, PORT = "kubernetes.default.svc", "443"  # every cluster has this Service; its name is in the server's certificate


class InCluster(NamedTuple):
    """A pod's way to its API server. `folder` is the one of the service account."""

    server: str
    namespace: str
    folder: str

    @property
    def context(self) -> str:
        """There is no kubeconfig, so no context has a name."""
        return "in-cluster"

    @property
    def token_path(self) -> str:
        """The file with the projected token."""
        return os.path.join(self.folder, "token")

    def exposed(self) -> str:
        """Never: the connection is always TLS, and the server's certificate is checked."""
        return ""

    def configuration(self) -> Any:
        """The official client's, without a token: `TokenFile` has it. Raises `ClusterError` without the client."""
        configuration = new_configuration()
        configuration.host = self.server
        configuration.ssl_ca_cert = os.path.join(self.folder, "ca.crt")
        return configuration


def in_cluster(host: str = HOST, port: str = PORT, folder: str = FOLDER) -> InCluster:
    """The access that the folder of a service account gives.

    A pod is told `host` and `port` in KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. Raises `FileAccessError` if
    token or certificate are not there: automountServiceAccountToken may be off, or this is no pod.
    """
    for name in ("token", "ca.crt"):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise FileAccessError(
                "is not there, so there is no service account to use",
                hint="name a kubeconfig with --kubeconfig or in KUBECONFIG; in a pod, let it mount a service account token",
            ).at(file=path)
    shown = f"[{host}]" if ":" in host else host
    return InCluster(f"https://{shown}:{port}", _namespace(os.path.join(folder, "namespace")), folder)


def _namespace(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(254).strip() or "default"
    except (OSError, UnicodeDecodeError):
        return "default"
