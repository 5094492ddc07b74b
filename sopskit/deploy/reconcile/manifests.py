"""What a cluster needs to run the reconciler: the definition of `SopsSource`, a Deployment, and the rights it has."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from sopskit.deploy.apply.target import LABEL
from sopskit.errors import UsageError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = "sopskit.deploy.manifests"
IMAGE = "image: sopskit-reconcile"
# registry and port, path, tag, digest: enough of https://github.com/distribution/reference to be safe in quotes
IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*([:/@][A-Za-z0-9][A-Za-z0-9._-]*)*\Z")
ARGUMENTS = "args: [reconcile, "
CLUSTER_ROLE = "kind: ClusterRole\nmetadata:\n  name: sopskit-reconcile\n"
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}Binding
metadata:
  name: sopskit-reconcile
{place}roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: sopskit-reconcile}}
subjects:
  - {{kind: ServiceAccount, name: sopskit-reconcile, namespace: sopskit}}
"""


def manifests(image: str = "", namespaces: Sequence[str] = ()) -> str:
    """A YAML stream for `kubectl apply --server-side -f -`.

    `image` is what the Deployment runs. With `namespaces`, the rights end at these, and sources of others are not seen.
    Raises `UsageError` for what can be neither.
    """
    if image and not IMAGE_NAME.match(image):
        raise UsageError(
            "this is no name of an image", hint="write one such as registry.example.org/sopskit-reconcile:1.0"
        )
    wanted = tuple(dict.fromkeys(namespaces))
    for namespace in wanted:
        if not LABEL.match(namespace):
            raise UsageError(f"{escape(namespace)} cannot be the name of a namespace")
    deployment = _text("deployment.yaml").replace(IMAGE, f'image: "{image}"' if image else IMAGE)
    words = "".join(f'--namespace, "{namespace}", ' for namespace in wanted)
    deployment = deployment.replace(ARGUMENTS, ARGUMENTS + words)
    return "---\n".join((_text("crd.yaml"), deployment, *_rights(wanted)))


def _rights(namespaces: Sequence[str]) -> list[str]:
    rights = _text("rights.yaml")
    if not namespaces:
        return [rights, BINDING.format(kind="ClusterRole", place="")]
    found: list[str] = []
    for namespace in namespaces:
        place = f'  namespace: "{namespace}"\n'  # some names would be numbers
        role = CLUSTER_ROLE.replace("ClusterRole", "Role") + place
        found += [rights.replace(CLUSTER_ROLE, role), BINDING.format(kind="Role", place=place)]
    return found


def _text(name: str) -> str:
    return (resources.files(FOLDER) / "reconciler" / name).read_text(encoding="utf-8")
