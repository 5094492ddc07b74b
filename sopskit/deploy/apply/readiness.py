"""Whether an object does what it is for: the rules of kstatus, for the kinds that clusters have.

See sigs.k8s.io/cli-utils, pkg/kstatus: what has observed its newest generation, and whose replicas or conditions say so,
is current; a kind that nobody here knows is judged by its conditions Ready, Reconciling and Stalled.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Object = dict[str, Any]


class State(enum.Enum):
    """kstatus's states."""

    CURRENT = "ready"
    IN_PROGRESS = "not ready yet"
    FAILED = "has failed"
    TERMINATING = "is being deleted"


class Readiness(NamedTuple):
    """A state, and what it is told by; no text of the object's own conditions."""

    state: State
    why: str = ""

    def __str__(self) -> str:
        """`not ready yet (2 of 3 replicas are available)`."""
        return f"{self.state.value} ({self.why})" if self.why else self.state.value


CURRENT = Readiness(State.CURRENT)
# of these there is nothing to wait for, by group and kind
ALWAYS_CURRENT = frozenset(
    (
        *(("", kind) for kind in ("Secret", "ConfigMap", "ServiceAccount", "Namespace", "LimitRange")),
        *(("rbac.authorization.k8s.io", kind) for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")),
    )
)


def readiness(content: Object) -> Readiness:
    """How far an object of any kind is."""
    metadata, status = content.get("metadata", {}), content.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return Readiness(State.TERMINATING)
    observed = status.get("observedGeneration")
    if isinstance(observed, int) and observed != metadata.get("generation", observed):
        return _waiting("its newest generation has not been looked at")
    generic = _by_conditions(status)
    if generic is not None:
        return generic
    rule = RULES.get((str(content.get("apiVersion", "")).rpartition("/")[0], str(content.get("kind", ""))))
    if rule is not None:
        return rule(content.get("spec") or {}, status)
    ready = _condition(status, "Ready")
    if ready is not None and ready.get("status") != "True":
        return _waiting("the condition Ready is not true")
    return CURRENT


def _waiting(why: str) -> Readiness:
    return Readiness(State.IN_PROGRESS, why)


def _condition(status: Object, name: str) -> Object | None:
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, dict) and condition.get("type") == name:
            return condition
    return None


def _is_true(status: Object, name: str) -> bool:
    return (_condition(status, name) or {}).get("status") == "True"


def _by_conditions(status: Object) -> Readiness | None:
    if _is_true(status, "Stalled"):
        return Readiness(State.FAILED, "the condition Stalled is true")
    if _is_true(status, "Reconciling"):
        return _waiting("the condition Reconciling is true")
    return None


def _count(status: Object, field: str) -> int:
    value = status.get(field)
    return value if isinstance(value, int) else 0


def _replicas(wanted: int, status: Object, *fields: str) -> Readiness:
    for field in fields:
        if _count(status, field) < wanted:
            word = field.removesuffix("Replicas").removesuffix("NumberScheduled")
            return _waiting(f"{_count(status, field)} of {wanted} replicas: {word or field}")
    return CURRENT


def _deployment(spec: Object, status: Object) -> Readiness:
    if (_condition(status, "Progressing") or {}).get("reason") == "ProgressDeadlineExceeded":
        return Readiness(State.FAILED, "its progress deadline has passed")
    if "observedGeneration" not in status:
        return _waiting("its controller has not looked at it")
    wanted = spec.get("replicas", 1)
    counted = _replicas(wanted, status, "replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
    if counted is CURRENT and _count(status, "replicas") > _count(status, "updatedReplicas"):
        return _waiting("old replicas are still there")
    return counted


def _stateful_set(spec: Object, status: Object) -> Readiness:
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return CURRENT
    if "observedGeneration" not in status:
        return _waiting("its controller has not looked at it")
    counted = _replicas(spec.get("replicas", 1), status, "replicas", "readyReplicas", "currentReplicas")
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if partition:
        return _replicas(spec.get("replicas", 1) - partition, status, "updatedReplicas")
    if counted is CURRENT and status.get("currentRevision") != status.get("updateRevision"):
        return _waiting("replicas of the old revision are there")
    return counted


def _daemon_set(spec: Object, status: Object) -> Readiness:
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return CURRENT
    if "observedGeneration" not in status:
        return _waiting("its controller has not looked at it")
    wanted = _count(status, "desiredNumberScheduled")
    return _replicas(
        wanted, status, "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady"
    )


def _replica_set(spec: Object, status: Object) -> Readiness:
    if _is_true(status, "ReplicaFailure"):
        return Readiness(State.FAILED, "the condition ReplicaFailure is true")
    return _replicas(spec.get("replicas", 1), status, "replicas", "availableReplicas", "readyReplicas")


def _pod(spec: Object, status: Object) -> Readiness:  # noqa: ARG001 all rules are called alike
    phase = status.get("phase")
    if phase == "Succeeded" or _is_true(status, "Ready"):
        return CURRENT
    if phase == "Failed":
        return Readiness(State.FAILED, "its phase is Failed")
    return _waiting("it is not ready")


def _job(spec: Object, status: Object) -> Readiness:  # noqa: ARG001
    if _is_true(status, "Failed"):
        return Readiness(State.FAILED, "the condition Failed is true")
    # like kstatus: a job is current once it runs, since some run for days
    return CURRENT if status.get("startTime") else _waiting("it has not started")


def _claim(spec: Object, status: Object) -> Readiness:  # noqa: ARG001
    return CURRENT if status.get("phase") == "Bound" else _waiting("it is not bound")


def _service(spec: Object, status: Object) -> Readiness:
    if spec.get("type") == "LoadBalancer" and not (status.get("loadBalancer") or {}).get("ingress"):
        return _waiting("it has no address yet")
    return CURRENT


def _definition(spec: Object, status: Object) -> Readiness:  # noqa: ARG001
    if (_condition(status, "NamesAccepted") or {}).get("status") == "False":
        return Readiness(State.FAILED, "its names are not accepted")
    return CURRENT if _is_true(status, "Established") else _waiting("it is not established")


def _budget(spec: Object, status: Object) -> Readiness:  # noqa: ARG001
    return CURRENT if "observedGeneration" in status else _waiting("its controller has not looked at it")


RULES: dict[tuple[str, str], Callable[[Object, Object], Readiness]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("", "Pod"): _pod,
    ("batch", "Job"): _job,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("policy", "PodDisruptionBudget"): _budget,
}
