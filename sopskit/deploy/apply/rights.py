"""Whether we may do what cannot be tried: the API server's own answer, by a SelfSubjectAccessReview."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sopskit.cluster import Connection
    from sopskit.deploy.apply.resources import Resource

API_VERSION = "authorization.k8s.io/v1"
REVIEWS = f"/apis/{API_VERSION}/selfsubjectaccessreviews"


def may(connection: Connection, verb: str, resource: Resource, namespace: str, name: str = "") -> bool:
    """Whether we may do that to a resource's objects of a namespace, or to one of them. Raises `ClusterError`."""
    attributes = {
        "verb": verb,
        "group": resource.api_version.rpartition("/")[0],
        "resource": resource.plural,
        "namespace": namespace,
        "name": name,
    }
    review = {
        "apiVersion": API_VERSION,
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(connection.create(REVIEWS, review).content.get("status", {}).get("allowed"))
