"""The inventory, and deleting: only what is ours, only when everything is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.apply.carry_out import StoppedError
from sopskit.deploy.apply.plan import RefusedPlanError
from sopskit.errors import ClusterError, RefusedError, UnreachableError
from tests.cluster.apiserver import MERGE, definition
from tests.cluster.faults import FOREVER, Cut, Refuse
from tests.deploy.apply.applying import Applier, config_map, data_of, names_in, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy

ONE, TWO, THREE = secret("one", a="canary"), secret("two", a="canary"), secret("three", a="canary")


def stored(cluster: Cluster, namespace: str, name: str = "app") -> list[str]:
    data = data_of(cluster, namespace, f"sopskit-inventory-{name}", "configmaps")
    return [id[-1] for id in json.loads(data["objects"])]


def test_the_inventory_holds_ids_only(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(ONE, config_map("map", key="value"), name="app")
    data = data_of(cluster, namespace, "sopskit-inventory-app", "configmaps")
    assert data == {
        "objects": f'[["","ConfigMap","{namespace}","map"],["","Secret","{namespace}","one"]]',
    }


def test_what_is_gone_is_deleted_only_when_asked_for(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(ONE, TWO, name="app")
    applier.apply(ONE, name="app")
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one", "two"])
    done = applier.apply(ONE, name="app", prune=True)
    assert [str(id) for id in done.deleted] == [f"Secret {namespace}/two"]
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one"], ["one"])


def test_a_plan_names_what_would_be_deleted(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(ONE, TWO, name="app")
    plan = applier.plan(ONE, name="app", prune=True)
    assert [str(item.id) for item in plan.doomed] == [f"Secret {namespace}/two"]
    assert names_in(cluster, namespace) == ["one", "two"]


def test_what_has_lost_our_label_is_not_deleted(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(ONE, TWO, name="app")
    patch = {"metadata": {"labels": {"sopskit/inventory": None}}}
    cluster.request("PATCH", f"/api/v1/namespaces/{namespace}/secrets/two", patch, content_type=MERGE)
    assert applier.apply(ONE, name="app", prune=True).deleted == ()
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one"])


def test_an_object_may_opt_out(applier: Applier, cluster: Cluster, namespace: str) -> None:
    kept = {**TWO, "metadata": {"name": "two", "annotations": {"sopskit/prune": "disabled"}}}
    applier.apply(ONE, kept, name="app")
    done = applier.apply(ONE, name="app", prune=True)
    assert (done.deleted, [id.name for id in done.kept]) == ((), ["two"])
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one", "two"])


def test_a_namespace_is_never_deleted(applier: Applier, cluster: Cluster, namespace: str) -> None:
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{namespace}-other"}}
    applier.apply(ONE, made, name="app")
    done = applier.apply(ONE, name="app", prune=True)
    assert (done.deleted, [id.kind for id in done.kept]) == ((), ["Namespace"])
    assert cluster.request("GET", f"/api/v1/namespaces/{namespace}-other").json["status"]["phase"] == "Active"


def test_nothing_at_all_is_no_order_to_delete_all(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(ONE, TWO, name="app")
    with pytest.raises(ClusterError, match="not taken for an order to delete all"):
        applier.apply(name="app", prune=True)
    assert names_in(cluster, namespace) == ["one", "two"]


def test_a_config_map_of_that_name_that_is_not_ours_is_refused(applier: Applier, cluster: Cluster) -> None:
    path = f"/api/v1/namespaces/{applier.namespace}/configmaps"
    theirs = config_map("sopskit-inventory-app", objects="[]")
    cluster.request("POST", path, theirs)
    with pytest.raises(RefusedError, match="not one of sopskit's"):
        applier.apply(ONE, name="app")
    assert names_in(cluster, applier.namespace) == []


def test_a_refused_object_prevents_all_deleting(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(ONE, TWO, name="app")
    foreign = f"/api/v1/namespaces/{namespace}/secrets/three"
    cluster.apply(foreign, {**THREE, "stringData": None, "data": {"a": "eA=="}}, manager="kubectl")
    with pytest.raises(RefusedPlanError):
        applier.apply(ONE, THREE, name="app", prune=True)
    assert names_in(cluster, namespace) == ["one", "three", "two"]


def test_a_kind_that_cannot_be_discovered_prevents_all_deleting(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str
) -> None:
    cluster.define(definition("Known", "knowns", group="known.example"))
    known = {"apiVersion": "known.example/v1", "kind": "Known", "metadata": {"name": "k"}}
    through_proxy.apply(ONE, TWO, known, name="app")
    proxy.clear()
    proxy.inject(Refuse(503), path=r"/apis/known\.example", times=FOREVER)
    with pytest.raises(UnreachableError):
        through_proxy.apply(ONE, name="app", prune=True)
    assert proxy.requests("DELETE") == []
    assert names_in(cluster, namespace) == ["one", "two"]


def test_an_object_that_could_not_be_applied_prevents_all_deleting(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str
) -> None:
    through_proxy.apply(ONE, TWO, name="app")
    proxy.clear()
    # the trial passes, the write does not
    proxy.inject(Refuse(403), method="PATCH", path=r"/secrets/three\?(?!.*dryRun)", times=FOREVER)
    with pytest.raises(StoppedError, match="nothing was deleted"):
        through_proxy.apply(ONE, THREE, name="app", prune=True)
    assert [line for line in proxy.requests("DELETE") if "dryRun" not in line] == []
    assert names_in(cluster, namespace) == ["one", "two"]
    assert stored(cluster, namespace) == ["one", "three", "two"]


def test_a_deletion_that_fails_stays_in_the_inventory(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str
) -> None:
    through_proxy.apply(ONE, TWO, name="app")
    proxy.inject(Refuse(403), method="DELETE", path=r"/secrets/two(?!.*dryRun)", times=FOREVER)
    with pytest.raises(StoppedError):
        through_proxy.apply(ONE, name="app", prune=True)
    assert stored(cluster, namespace) == ["one", "two"]
    proxy.clear()
    through_proxy.apply(ONE, name="app", prune=True)
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one"], ["one"])


def test_an_object_made_anew_meanwhile_is_not_deleted(applier: Applier, cluster: Cluster, namespace: str) -> None:
    from sopskit.deploy.apply.carry_out import carry_out
    from sopskit.deploy.apply.trial import Settings

    applier.apply(ONE, TWO, name="app")
    plan = applier.plan(ONE, name="app", prune=True)
    path = f"/api/v1/namespaces/{namespace}/secrets/two"
    cluster.request("DELETE", path)
    cluster.apply(path, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "two"}}, manager="someone")
    with pytest.raises(StoppedError):
        carry_out(applier.connection, plan, Settings(namespace, "app", prune=True), applier.inventory("app"))
    assert names_in(cluster, namespace) == ["one", "two"]


def test_the_server_going_away_in_the_middle_loses_no_object_from_the_inventory(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str
) -> None:
    objects = [secret(f"s{number:02}", a="b") for number in range(12)]
    proxy.inject(Cut.BEFORE, method="PATCH", path=r"/secrets/s(?!.*dryRun)", skip=5, times=FOREVER)
    with pytest.raises(StoppedError, match="no answer from"):
        through_proxy.apply(*objects, name="app")
    assert len(stored(cluster, namespace)) == 12
    assert 0 < len(names_in(cluster, namespace)) < 12
    proxy.clear()
    through_proxy.apply(*objects, name="app")
    assert len(names_in(cluster, namespace)) == 12


def test_an_object_that_we_may_not_see_prevents_all_deleting(
    applier: Applier, as_user: Callable[[str], Applier], cluster: Cluster, namespace: str
) -> None:
    applier.apply(config_map("one"), config_map("two"), ONE, name="app")
    cluster.allow("deployer", namespace, ["configmaps"])
    with pytest.raises(RefusedPlanError) as caught:
        as_user("deployer").apply(config_map("one"), name="app", prune=True)
    assert [f"{id}: {error.message}" for id, error in caught.value.refusals] == [
        f"Secret {namespace}/one: the API server forbids it (Forbidden): deployer may not get secrets in {namespace}"
    ]
    assert names_in(cluster, namespace, "configmaps") == ["one", "sopskit-inventory-app", "two"]


@pytest.mark.parametrize(
    "entry",
    [
        ["", "Secret", "NS", ".."],
        ["", "Secret", "..", "two"],
        ["", "Secret", "NS", "../configmaps/other"],
        ["", "Secret", "NS", ""],
        ["../../api", "Secret", "NS", "two"],
        ["", "Secret", "NS"],
        ["", "Secret", "NS", 5],
    ],
)
def test_an_edited_inventory_does_not_lead_to_another_object(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str, entry: list[object]
) -> None:
    through_proxy.apply(ONE, TWO, name="app")
    # a namespace of ours, which no prune may delete: `secrets/..` would be its URL
    label = {"metadata": {"labels": {"sopskit/inventory": "app"}}}
    cluster.request("PATCH", f"/api/v1/namespaces/{namespace}", label, content_type=MERGE)
    objects = json.dumps([[namespace if part == "NS" else part for part in entry]])
    path = f"/api/v1/namespaces/{namespace}/configmaps/sopskit-inventory-app"
    cluster.request("PATCH", path, {"data": {"objects": objects}}, content_type=MERGE)
    proxy.clear()
    with pytest.raises(RefusedError, match="cannot be read"):
        through_proxy.apply(ONE, name="app", prune=True)
    assert proxy.requests("DELETE") == []
