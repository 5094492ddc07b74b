"""What a cluster needs to run the reconciler: the definition of `SopsSource`, a Deployment, and the rights it has."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

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
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\n"  # from here on everything is of one shard
NAME = "sopskit-reconcile"  # of the Deployment and its lease, unless there are several
NAMED = re.compile(rf"(?<=\bname: ){NAME}(?=[\n}}])")  # objects and labels, not the account
# in quotes, and of no meaning to Kubernetes, which replaces `$(NAME)` in arguments
SHARD = re.compile(
    r"(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
    r"=(?P<value>(?:[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?)\Z"
)
CLUSTER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._/:@-]{0,251}[A-Za-z0-9])?\Z")
NARROWER = """\
# If it was installed for all namespaces before, it keeps these rights until they are taken away:
#   kubectl delete clusterrolebinding,clusterrole sopskit-reconcile
"""
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


class Part(NamedTuple):
    """Which sources a Deployment takes: those with a label, KEY=VALUE. `lease` is its name and its lease's."""

    shard: str = ""
    lease: str = ""

    @property
    def name(self) -> str:
        """The Deployment's. Raises `UsageError` if it can be none, or if the shard gives none."""
        found = SHARD.match(self.shard)
        if self.shard and found is None:
            raise UsageError(f"{escape(self.shard)} is no label", hint="write KEY=VALUE, such as fleet=eu")
        name = self.lease or (f"{NAME}-{found['value']}" if found is not None else NAME)
        if LABEL.match(name):
            return name
        if self.lease:
            raise UsageError(f"{escape(name)} cannot be the name of a lease", hint="a-z, 0-9 and - make one, up to 63")
        raise UsageError(
            f"no Deployment can be named after the shard {escape(self.shard)}", hint="give it a name by --lease-name"
        )


ALL = Part()


def manifests(image: str = "", namespaces: Sequence[str] = (), part: Part = ALL, cluster: str = "") -> str:
    """A YAML stream for `kubectl apply --server-side -f -`.

    `image` is what the Deployment runs. With `namespaces`, the rights end at these, and sources of others are not seen.
    Each `part` has a Deployment of its own; all else is the same for all. `cluster` is what notices call the cluster.
    Raises `UsageError` for what can be none of these.
    """
    if image and not IMAGE_NAME.match(image):
        raise UsageError(
            "this is no name of an image", hint="write one such as registry.example.org/sopskit-reconcile:1.0"
        )
    wanted = tuple(dict.fromkeys(namespaces))
    for namespace in wanted:
        if not LABEL.match(namespace):
            raise UsageError(f"{escape(namespace)} cannot be the name of a namespace")
    if cluster and not CLUSTER.match(cluster):
        raise UsageError(
            f"{escape(cluster)} cannot be written as the name of a cluster",
            hint="it may have letters, digits, blanks and . _ - / : @ but begins and ends with a letter or a digit",
        )
    words = [("--namespace", namespace) for namespace in wanted]
    words += [("--shard", part.shard), ("--lease-name", part.name if part != ALL else ""), ("--cluster", cluster)]
    given = "".join(f'{option}, "{value}", ' for option, value in words if value)
    text = "---\n".join((_text("crd.yaml"), _deployment(image, part.name, given), *_rights(wanted)))
    return f"{NARROWER}{text}" if wanted else text


def _deployment(image: str, name: str, words: str) -> str:
    shared, start, own = _text("deployment.yaml").partition(DEPLOYMENT)
    if name != NAME:
        own = NAMED.sub(f'"{name}"', own)
    own = own.replace(IMAGE, f'image: "{image}"' if image else IMAGE).replace(ARGUMENTS, ARGUMENTS + words)
    return shared + start + own


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
