"""Fields of other tools are taken over, from those that are named, and from nobody else."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.apply.adoption import take_over
from sopskit.deploy.apply.diff import Action
from sopskit.deploy.apply.plan import RefusedPlanError
from tests.deploy.apply.applying import Applier, config_map, data_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster

KUBECTL = frozenset(("kubectl",))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def live(cluster: Cluster, namespace: str) -> Any:
    return cluster.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/app").json


def managers(cluster: Cluster, namespace: str) -> list[str]:
    return sorted(entry["manager"] for entry in live(cluster, namespace)["metadata"]["managedFields"])


@pytest.mark.parametrize("server_side", [False, True])
def test_what_kubectl_has_applied_is_taken_over(
    applier: Applier, cluster: Cluster, namespace: str, tool: Callable[[str], str], tmp_path: Path, server_side: bool
) -> None:
    config = cluster.kubeconfig(tmp_path / "kubectl", namespace=namespace)
    subprocess.run(
        [tool("kubectl"), "--kubeconfig", config, "apply", f"--server-side={str(server_side).lower()}", "-f", "-"],
        input=json.dumps(config_map("app", same="1", changed="old", gone="2")).encode(),
        check=True,
        capture_output=True,
    )
    assert (LAST_APPLIED in (live(cluster, namespace)["metadata"].get("annotations") or {})) is not server_side
    wanted = config_map("app", same="1", changed="new")
    with pytest.raises(RefusedPlanError):
        applier.apply(wanted)
    applier.adopt = KUBECTL
    applier.apply(wanted, name="mine")
    assert live(cluster, namespace)["data"] == {"same": "1", "changed": "new"}
    assert "annotations" not in live(cluster, namespace)["metadata"]
    assert managers(cluster, namespace) == ["sopskit"]
    assert [step.action for step in applier.plan(wanted, name="mine").steps] == [Action.SAME]


def test_a_field_with_the_same_value_is_taken_over_too(applier: Applier, cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/app"
    cluster.apply(path, config_map("app", a="1", b="2"), manager="kustomize-controller")
    applier.adopt = frozenset(("flux",))
    applier.apply(config_map("app", a="1", b="2"))
    assert managers(cluster, namespace) == ["sopskit"]
    applier.apply(config_map("app", a="1"))
    assert data_of(cluster, namespace, "app", "configmaps") == {"a": "1"}


def test_a_tool_that_is_not_named_keeps_its_fields(applier: Applier, cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/app"
    cluster.apply(path, config_map("app", a="1"), manager="kubectl")
    cluster.apply(path, config_map("app", b="2"), manager="other")
    applier.adopt = KUBECTL
    with pytest.raises(RefusedPlanError) as caught:
        applier.apply(config_map("app", a="ours", b="ours"))
    ((_, error),) = caught.value.refusals
    assert error.message == "kubectl and other own fields of it: .data.a, .data.b"
    assert data_of(cluster, namespace, "app", "configmaps") == {"a": "1", "b": "2"}
    applier.apply(config_map("app", a="ours"))
    assert (managers(cluster, namespace), data_of(cluster, namespace, "app", "configmaps")) == (
        ["other", "sopskit"],
        {"a": "ours", "b": "2"},
    )


def test_entries_are_merged_into_ours() -> None:
    def entry(manager: str, operation: str, *keys: str, **more: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"f:data": {f"f:{key}": {} for key in keys}}
        return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}

    status = entry("kubectl-edit", "Update", "s", subresource="status")
    entries = [entry("kubectl-edit", "Update", "a"), status, entry("x", "Update", "b"), entry("sopskit", "Apply", "c")]
    patch = take_over({"metadata": {"resourceVersion": "7", "managedFields": entries}}, "v1", KUBECTL)
    assert patch == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [status, entries[2], {**entry("sopskit", "Apply", "a", "c"), "fieldsType": "FieldsV1"}],
        },
    ]
