"""How far an object is, by the rules of kstatus."""

from __future__ import annotations

from typing import Any

import pytest

from sopskit.deploy.apply.readiness import State, readiness

DEPLOYMENT = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}


def judged(api_version: str, kind: str, status: dict[str, Any], **spec: Any) -> str:
    content = {"apiVersion": api_version, "kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": status}
    return str(readiness(content))


def condition(name: str, status: str = "True", reason: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": status, "reason": reason}]}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, "not ready yet (its controller has not looked at it)"),
        ({**DEPLOYMENT, "observedGeneration": 1}, "not ready yet (its newest generation has not been looked at)"),
        ({**DEPLOYMENT, "updatedReplicas": 1}, "not ready yet (1 of 3 replicas: updated)"),
        ({**DEPLOYMENT, "availableReplicas": 2}, "not ready yet (2 of 3 replicas: available)"),
        ({**DEPLOYMENT, "replicas": 4}, "not ready yet (old replicas are still there)"),
        (
            {**DEPLOYMENT, **condition("Progressing", "False", "ProgressDeadlineExceeded")},
            "has failed (its progress deadline has passed)",
        ),
        (DEPLOYMENT, "ready"),
    ],
)
def test_a_deployment(status: dict[str, Any], told: str) -> None:
    assert judged("apps/v1", "Deployment", status, replicas=3) == told


@pytest.mark.parametrize(
    ("api_version", "kind", "status", "spec", "told"),
    [
        ("v1", "Secret", {}, {}, "ready"),
        ("v1", "Pod", {"phase": "Running"}, {}, "not ready yet (it is not ready)"),
        ("v1", "Pod", {"phase": "Running", **condition("Ready")}, {}, "ready"),
        ("v1", "Pod", {"phase": "Failed"}, {}, "has failed (its phase is Failed)"),
        ("batch/v1", "Job", {"startTime": "x"}, {}, "ready"),
        ("batch/v1", "Job", {"startTime": "x", **condition("Failed")}, {}, "has failed (the condition Failed is true)"),
        ("v1", "PersistentVolumeClaim", {"phase": "Pending"}, {}, "not ready yet (it is not bound)"),
        ("v1", "PersistentVolumeClaim", {"phase": "Bound"}, {}, "ready"),
        ("v1", "Service", {}, {"type": "LoadBalancer"}, "not ready yet (it has no address yet)"),
        ("v1", "Service", {}, {"type": "ClusterIP"}, "ready"),
        (
            "apps/v1",
            "StatefulSet",
            {**DEPLOYMENT, "currentReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
            {"replicas": 1},
            "not ready yet (replicas of the old revision are there)",
        ),
        (
            "apps/v1",
            "DaemonSet",
            {"observedGeneration": 2, "desiredNumberScheduled": 2, "currentNumberScheduled": 1},
            {},
            "not ready yet (1 of 2 replicas: current)",
        ),
        ("example.org/v1", "Widget", {}, {}, "ready"),
        (
            "example.org/v1",
            "Widget",
            condition("Ready", "False"),
            {},
            "not ready yet (the condition Ready is not true)",
        ),
        ("example.org/v1", "Widget", condition("Stalled"), {}, "has failed (the condition Stalled is true)"),
        ("example.org/v1", "Widget", condition("Reconciling"), {}, "not ready yet (the condition Reconciling is true)"),
    ],
)
def test_other_kinds(api_version: str, kind: str, status: dict[str, Any], spec: dict[str, Any], told: str) -> None:
    assert judged(api_version, kind, status, **spec) == told


def test_what_is_being_deleted() -> None:
    assert readiness({"metadata": {"deletionTimestamp": "x"}}).state is State.TERMINATING


def test_the_text_of_a_condition_is_not_told() -> None:
    status = {"conditions": [{"type": "Stalled", "status": "True", "message": "canary", "reason": "canary"}]}
    assert "canary" not in judged("example.org/v1", "Widget", status)
