"""Which cluster a person means: a context of their kubeconfig, or the pod's own where there is no kubeconfig."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.cluster import Connection, Patience
from sopskit.cluster.incluster import FOLDER, HOST, PORT, in_cluster
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.errors import RefusedError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.cluster.access import ClusterAccess


class Chosen(NamedTuple):
    """What a person says of it. `account` is the folder of a pod's service account."""

    kubeconfig: str | None = None
    context: str | None = None
    account: str = FOLDER


def connect(chosen: Chosen, environ: Mapping[str, str], patience: Patience | None = None) -> Connection:
    """A connection over which secrets may be sent. Nothing is sent yet.

    Raises what `find_access` does, `RefusedError` where others could read along, and `ClusterError` without the client.
    """
    access = find_access(chosen, environ)
    if problem := access.exposed():
        raise RefusedError(
            f"secrets are not sent in the context {escape(access.context)}: {problem}",
            hint="give the kubeconfig the certificate-authority of its cluster, and an https URL",
        )
    return Connection(access, patience=patience)


def find_access(chosen: Chosen, environ: Mapping[str, str]) -> ClusterAccess:
    """The kubeconfig's context; the pod's service account if no kubeconfig is named and none is in the home folder.

    Raises `FileAccessError`, `ConfigError`.
    """
    named = chosen.kubeconfig or chosen.context or environ.get("KUBECONFIG")
    paths = [chosen.kubeconfig] if chosen.kubeconfig else _kubeconfig_paths(environ)
    if not named and not any(map(os.path.exists, paths)) and os.path.exists(os.path.join(chosen.account, "token")):
        host = environ.get("KUBERNETES_SERVICE_HOST") or HOST
        return in_cluster(host, environ.get("KUBERNETES_SERVICE_PORT") or PORT, chosen.account)
    return read_kubeconfig(paths, chosen.context)


def _kubeconfig_paths(environ: Mapping[str, str]) -> list[str]:
    """Where kubectl looks: KUBECONFIG, a list, else the file in the home folder."""
    named = environ.get("KUBECONFIG", "")
    return named.split(os.pathsep) if named else [os.path.join(environ.get("HOME", ""), ".kube", "config")]
