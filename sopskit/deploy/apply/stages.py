"""In which order objects are applied: what others need comes first. Deleting goes the other way."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sopskit.deploy.apply.target import ObjectId

Item = TypeVar("Item")

DEFINITION = "CustomResourceDefinition"
NAMESPACE = "Namespace"
# definitions and namespaces are stages of their own: what needs them can only be tried when they are there
FIRST = (DEFINITION, NAMESPACE)
ORDER = (
    *FIRST,
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "IngressClass",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Pod",
    "Job",
    "CronJob",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "Ingress",
)
LAST = (
    "APIService",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)
RANKS = {kind: rank for rank, kind in enumerate(ORDER)} | {kind: 1000 + rank for rank, kind in enumerate(LAST)}
OTHERS = (
    500  # kinds that nobody here knows come after those that they may need, and before webhooks that may refuse all
)


def rank(id: ObjectId) -> int:
    """The place of an object's kind in the order."""
    return RANKS.get(id.kind, OTHERS)


def groups(items: Iterable[Item], id_of: Callable[[Item], ObjectId]) -> list[list[Item]]:
    """The objects of one rank together, in order; within a group by namespace and name."""
    in_order = sorted(items, key=lambda item: (rank(id_of(item)), id_of(item)))
    return [list(group) for _, group in groupby(in_order, key=lambda item: rank(id_of(item)))]
