"""Applying to a real API server: what is there afterwards, and that nothing is when anything is refused."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.apply.carry_out import StoppedError, wait_until_ready
from sopskit.deploy.apply.diff import Action
from sopskit.deploy.apply.plan import RefusedPlanError
from sopskit.errors import RefusalError, RefusedError
from tests.cluster.apiserver import MERGE, definition
from tests.deploy.apply.applying import Applier, config_map, data_of, names_in, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def actions(plan: Any) -> list[tuple[Action, str]]:
    return [(step.action, str(step.target.id)) for step in plan.steps]


def refused(caught: pytest.ExceptionInfo[RefusedPlanError]) -> list[str]:
    return [f"{id}: {error.message}" for id, error in caught.value.refusals]


# --- applying


def test_secrets_arrive_in_data_and_are_owned_by_sopskit(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(secret("app", password="canary"))
    live = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/app").json
    assert live["data"] == {"password": encoded("canary")}
    assert [(entry["manager"], entry["operation"]) for entry in live["metadata"]["managedFields"]] == [
        ("sopskit", "Apply")
    ]
    assert "annotations" not in live["metadata"]


def test_a_key_that_is_removed_from_string_data_disappears(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(secret("app", one="1", two="2"))
    applier.apply(secret("app", one="1"))
    assert data_of(cluster, namespace, "app") == {"one": encoded("1")}


def test_a_second_run_asks_little_and_applies_nothing(through_proxy: Applier, proxy: Proxy) -> None:
    objects = [secret(f"s{number}", a="b") for number in range(20)]
    through_proxy.apply(*objects, name="app")
    proxy.clear()
    plan = through_proxy.plan(*objects, name="app")
    assert {step.action for step in plan.steps} == {Action.SAME}
    through_proxy.apply(*objects, name="app")
    assert (len(proxy.exchanges) < 12, proxy.requests("PATCH")) == (True, [])


def test_drift_is_put_right(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(config_map("app", a="1", b="2"))
    path = f"/api/v1/namespaces/{namespace}/configmaps/app?fieldManager=sopskit"
    cluster.request("PATCH", path, {"data": {"a": None}}, content_type=MERGE)
    plan = applier.plan(config_map("app", a="1", b="2"))
    assert [str(change) for change in plan.steps[0].changes] == ["+ data.a: <redacted>"]
    applier.apply(config_map("app", a="1", b="2"))
    assert data_of(cluster, namespace, "app", "configmaps") == {"a": "1", "b": "2"}


def test_a_definition_a_namespace_and_what_needs_them_in_one_run(applier: Applier, cluster: Cluster) -> None:
    kind = {**definition("Gadget", "gadgets", group="first.example")}
    gadget = {"apiVersion": "first.example/v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "made-here"}}
    inside = secret("app", a="b")
    inside["metadata"]["namespace"] = "made-here"
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made-here"}}
    objects = [gadget, inside, made, {**kind, "apiVersion": "apiextensions.k8s.io/v1"}]
    plan = applier.plan(*objects)
    assert actions(plan) == [
        (Action.CREATE, "CustomResourceDefinition gadgets.first.example"),
        (Action.CREATE, "Namespace made-here"),
        (Action.LATER, "Secret made-here/app"),
        (Action.LATER, "Gadget.first.example made-here/g"),
    ]
    done = applier.apply(*objects)
    assert {step.action for step in done.steps} == {Action.CREATE}
    found = cluster.request("GET", "/apis/first.example/v1/namespaces/made-here/gadgets/g")
    assert (found.status, data_of(cluster, "made-here", "app")) == (200, {"a": encoded("b")})
    assert {step.action for step in applier.plan(*objects).steps} == {Action.SAME}


def test_lists_and_quantities_settle_after_one_run(applier: Applier) -> None:
    limits = {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}, "ports": [{"containerPort": 80}]}
    labels = {"app": "web"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.org/web:1", **limits}]},
            },
        },
    }
    applier.apply(deployment)
    assert actions(applier.plan(deployment)) == [(Action.SAME, f"Deployment {applier.namespace}/web")]
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/web:2"  # type: ignore[index]
    (step,) = applier.plan(deployment).steps
    assert [str(change) for change in step.changes] == [
        "~ spec.template.spec.containers[0].image: example.org/web:1 -> example.org/web:2"
    ]


# --- refusals


def test_what_is_still_encrypted_is_refused_before_any_request(through_proxy: Applier, proxy: Proxy) -> None:
    with pytest.raises(RefusedError, match="is still encrypted"):
        through_proxy.plan(secret("one", a="b"), secret("two", a="ENC[AES256_GCM,data:x]"))
    assert proxy.exchanges == ()


def test_a_conflict_names_its_owner_and_nothing_is_applied(applier: Applier, cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/two"
    cluster.apply(path, config_map("two", a="theirs", b="theirs"), manager="kubectl")
    with pytest.raises(RefusedPlanError) as caught:
        applier.apply(config_map("one", a="ours"), config_map("two", a="ours", b="ours"))
    assert refused(caught) == [f"ConfigMap {namespace}/two: kubectl owns fields of it: .data.a, .data.b"]
    assert str(caught.value) == "1 object is refused, so nothing was applied"
    assert names_in(cluster, namespace, "configmaps") == ["two"]
    assert data_of(cluster, namespace, "two", "configmaps") == {"a": "theirs", "b": "theirs"}


def test_a_right_that_is_missing_and_nothing_is_applied(
    as_user: Callable[[str], Applier], cluster: Cluster, namespace: str
) -> None:
    cluster.allow("deployer", namespace, ["configmaps"])
    with pytest.raises(RefusedPlanError) as caught:
        as_user("deployer").apply(config_map("one", a="b"), secret("two", a="canary"))
    why = f"the API server forbids it (Forbidden): deployer may not get secrets in {namespace}"
    assert refused(caught) == [f"Secret {namespace}/two: {why}"]
    assert names_in(cluster, namespace, "configmaps") == []


def test_a_right_for_what_cannot_be_tried_is_asked_for(as_user: Callable[[str], Applier], cluster: Cluster) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"]}
    cluster.request("POST", f"{rbac}/clusterroles", {"metadata": {"name": "makes-namespaces"}, "rules": [rule]})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "makes-namespaces"}
    subjects = [{"kind": "User", "name": "reader"}]
    binding = {"metadata": {"name": "makes-namespaces"}, "roleRef": role, "subjects": subjects}
    cluster.request("POST", f"{rbac}/clusterrolebindings", binding)
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "not-made"}}
    inside = secret("app", a="b")
    inside["metadata"]["namespace"] = "not-made"
    applier = as_user("reader")
    for _ in range(50):  # the authorizer hears of new roles a moment later
        with pytest.raises(RefusedPlanError) as caught:
            applier.apply(made, inside)
        if "Namespace" not in refused(caught)[0]:
            break
    assert set(refused(caught)) <= {
        "Secret not-made/app: the API server forbids to create secrets there",
        "Secret not-made/app: the API server forbids to patch secrets there",
    }
    assert cluster.request("GET", "/api/v1/namespaces/not-made").status == 404


def test_an_immutable_secret_is_refused_by_its_field(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply({**secret("app", a="canary-one"), "immutable": True})
    with pytest.raises(RefusedPlanError) as caught:
        applier.apply({**secret("app", a="canary-two"), "immutable": True}, config_map("one", a="b"))
    assert refused(caught) == [f"Secret {namespace}/app: the API server finds it invalid (Invalid): data"]
    assert "deleted and created anew with --recreate" in str(caught.value.hint)
    assert names_in(cluster, namespace, "configmaps") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({**secret("x"), "spec": {"a": "canary"}}, ".spec"),
        ({**config_map("x"), "immutable": {"canary": "b"}}, ".immutable"),
        ({**config_map("x"), "data": {"a b": "canary"}}, "data"),
    ],
)
def test_the_servers_text_is_not_passed_on(
    applier: Applier, content: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(RefusedPlanError) as caught:
        applier.plan(content)
    ((_, error),) = caught.value.refusals
    assert isinstance(error, RefusalError)
    assert "canary" not in f"{error} {error!r} {error.hint} {caplog.text}"
    assert error.fields == (told,)


def test_a_kind_that_the_cluster_has_not_is_refused(applier: Applier) -> None:
    with pytest.raises(RefusedPlanError) as caught:
        applier.plan({"apiVersion": "nowhere.example/v1", "kind": "Thing", "metadata": {"name": "a"}})
    assert refused(caught) == ["Thing.nowhere.example a: the cluster has no kind Thing in nowhere.example/v1"]


def test_a_namespace_that_is_not_there_is_refused(applier: Applier) -> None:
    with pytest.raises(RefusedPlanError) as caught:
        applier.plan({**secret("a"), "metadata": {"name": "a", "namespace": "nowhere"}})
    assert refused(caught) == ["Secret nowhere/a: the API server does not have it, or not its namespace (NotFound)"]


def test_an_object_that_is_there_twice_is_refused(applier: Applier, namespace: str) -> None:
    named = {**secret("a"), "metadata": {"name": "a", "namespace": namespace}}
    with pytest.raises(RefusedPlanError) as caught:
        applier.plan(secret("a"), named)
    assert refused(caught) == [f"Secret {namespace}/a: is there twice"]


def test_an_object_of_another_inventory_is_left_alone(applier: Applier, namespace: str) -> None:
    applier.apply(secret("app", a="b"), name="theirs")
    for name in ("ours", ""):
        with pytest.raises(RefusedPlanError) as caught:
            applier.apply(secret("app", a="c"), name=name)
        assert refused(caught) == [f"Secret {namespace}/app: is in the inventory theirs"]


# --- what is shown


def test_a_diff_names_keys_and_never_values(applier: Applier) -> None:
    applier.apply(secret("app", keep="canary-0", change="canary-1", remove="canary-2"))
    (step,) = applier.plan(secret("app", keep="canary-0", change="canary-3", add="canary-4")).steps
    assert [str(change) for change in step.changes] == [
        "+ data.add: <redacted>",
        "~ data.change: <redacted>",
        "- data.remove: <redacted>",
    ]
    assert "canary" not in repr(step)


# --- readiness


def test_waiting_ends_when_the_status_says_so(applier: Applier, cluster: Cluster, namespace: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "disk"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    done = applier.apply(claim, secret("app", a="b"))
    unready = wait_until_ready(applier.connection, done.steps, 0.3)
    assert [(str(id), why) for id, why in unready] == [
        (f"PersistentVolumeClaim {namespace}/disk", "not ready yet (it is not bound)")
    ]
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/disk/status"
    cluster.request("PATCH", path, {"status": {"phase": "Bound"}}, content_type=MERGE)
    assert wait_until_ready(applier.connection, done.steps, 5) == []


def test_a_definition_that_refuses_its_objects_stops_the_run(applier: Applier, cluster: Cluster) -> None:
    kind = definition("Strict", "stricts", group="strict.example")
    kind["apiVersion"] = "apiextensions.k8s.io/v1"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "required": ["must"]}}}
    kind["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": schema}
    bad = {"apiVersion": "strict.example/v1", "kind": "Strict", "metadata": {"name": "s"}, "spec": {}}
    with pytest.raises(StoppedError) as caught:
        applier.apply(kind, bad, secret("app", a="b"))
    assert "spec.must" in str(caught.value)
    assert "stopped after 1 object of this run had been applied" in str(caught.value)
    assert names_in(cluster, applier.namespace) == []
