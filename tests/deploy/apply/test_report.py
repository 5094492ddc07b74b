"""Plans and runs as data for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.apply.plan import RefusedPlanError
from sopskit.deploy.apply.report import done_report, plan_report, refused_report
from tests.deploy.apply.applying import Applier, config_map, secret

if TYPE_CHECKING:
    from tests.cluster.apiserver import Cluster

MASKED = "<redacted>"


def named(kind: str, namespace: str, name: str) -> dict[str, Any]:
    return {"group": "", "kind": kind, "namespace": namespace, "name": name}


def test_a_plan(applier: Applier, namespace: str) -> None:
    kept = secret("kept", a="b")
    kept["metadata"]["annotations"] = {"sopskit/prune": "disabled"}
    applier.apply(secret("app", a="canary-1", b="canary-2"), secret("gone", a="b"), kept, name="mine")
    report = plan_report(applier.plan(secret("app", a="canary-3"), config_map("new"), name="mine", prune=True))
    changes = [
        {"action": "change", "path": "data.a", "old": MASKED, "new": MASKED},
        {"action": "delete", "path": "data.b", "old": MASKED, "new": ""},
    ]
    label = {"action": "create", "path": "metadata.labels.sopskit/inventory", "old": "", "new": MASKED}
    assert report == {
        "version": 1,
        "applied": False,
        "objects": [
            {**named("Secret", namespace, "app"), "action": "change", "changes": changes},
            {**named("ConfigMap", namespace, "new"), "action": "create", "changes": [label]},
        ],
        "deleted": [named("Secret", namespace, "gone")],
        "kept": [named("Secret", namespace, "kept")],
        "counts": {"create": 1, "change": 1, "delete": 1},
    }
    assert "canary" not in json.dumps(report)


def test_what_was_done(applier: Applier, namespace: str) -> None:
    applier.apply(secret("app", a="b"), secret("gone", a="b"), name="mine")
    done = applier.apply(secret("app", a="b"), name="mine", prune=True)
    id = done.steps[0].target.id
    assert done_report(done, [(id, "not ready yet")]) == {
        "version": 1,
        "applied": True,
        "objects": [{**named("Secret", namespace, "app"), "action": "same", "changes": []}],
        "deleted": [named("Secret", namespace, "gone")],
        "kept": [],
        "counts": {"same": 1, "delete": 1},
        "unready": [{**named("Secret", namespace, "app"), "why": "not ready yet"}],
    }


def test_a_refused_plan(applier: Applier, cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/two"
    cluster.apply(path, config_map("two", a="canary"), manager="somebody")
    with pytest.raises(RefusedPlanError) as caught:
        applier.plan(config_map("two", a="canary-2"))
    report = refused_report(caught.value)
    ((_, error),) = caught.value.refusals
    refused = {**named("ConfigMap", namespace, "two"), "why": "somebody owns fields of it: .data.a", "hint": error.hint}
    assert report == {"version": 1, "applied": False, "refused": [refused]}
    assert "canary" not in json.dumps(report)
