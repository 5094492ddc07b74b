"""A Kubernetes API server as sopskit needs it: five verbs, kept connections, no text of a refusal passed on.

The official client (the extra `cluster`) reads the kubeconfig, gets the credentials and makes the TLS connections. Its
calls are not used: their exceptions print whole answers, which may quote a Secret, and its discovery is kept in a
file of a name that anybody can foresee. Importing the package loads none of it; connecting does.
"""

from __future__ import annotations

from sopskit.cluster.connection import Connection
from sopskit.cluster.transport import Answer, Patience

__all__ = ["Answer", "Connection", "Patience"]
