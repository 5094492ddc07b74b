"""Marks that every write moves, at the real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.cluster import Connection
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.deploy.apply.target import OWNER
from sopskit.deploy.reconcile.idle import snapshot
from tests.cluster.apiserver import MERGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.apiserver import Cluster

LABELS = {OWNER: "app"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": LABELS},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "example.org/web"}]},
        },
    },
}


def marks(connection: Connection, namespace: str) -> str:
    """The marks of what the owner has of two kinds."""
    places = [f"/api/v1/namespaces/{namespace}/secrets", f"/apis/apps/v1/namespaces/{namespace}/deployments"]
    return snapshot(connection, places, "app")


def test_every_write_moves_a_mark_and_a_status_does_not(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    connection = Connection(read_kubeconfig([str(cluster.kubeconfig(tmp_path / "kubeconfig"))]))
    secret = f"/api/v1/namespaces/{namespace}/secrets/app"
    web = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    content = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app", "labels": LABELS}}
    assert cluster.apply(secret, content, manager="test").status == 201
    assert cluster.apply(web, DEPLOYMENT, manager="test").status == 201
    seen = [marks(connection, namespace)]
    assert marks(connection, namespace) == seen[0]
    status = {"status": {"replicas": 3, "observedGeneration": 1}}
    assert cluster.request("PATCH", f"{web}/status", status, content_type=MERGE).status == 200
    assert marks(connection, namespace) == seen[0]
    writes: list[tuple[str, str, dict[str, Any] | None]] = [
        ("PATCH", secret, {"data": {"a": "Yg=="}}),
        ("PATCH", secret, {"metadata": {"annotations": {"note": "x"}}}),
        ("PATCH", web, {"spec": {"replicas": 5}}),
        ("PATCH", web, {"metadata": {"labels": {"x": "y"}}}),
        ("PATCH", web, {"metadata": {"annotations": {"x": "y"}}}),
        ("PATCH", secret, {"metadata": {"labels": {OWNER: None}}}),
        ("DELETE", web, None),
    ]
    for method, path, body in writes:
        kind = MERGE if method == "PATCH" else "application/json"
        assert cluster.request(method, path, body, content_type=kind).status == 200
        seen.append(marks(connection, namespace))
    assert len(set(seen)) == len(seen)
