"""What others do between the plan and its being carried out, or at the same time."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.apply.carry_out import StoppedError
from sopskit.deploy.apply.plan import RefusedPlanError
from tests.cluster.apiserver import MERGE
from tests.cluster.faults import FOREVER, Call, Refuse
from tests.deploy.apply.applying import Applier, config_map, data_of, names_in, secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy

ONE, TWO, THREE = secret("one", a="b"), secret("two", a="b"), secret("three", a="b")


def stored(cluster: Cluster, namespace: str, name: str = "app") -> list[str]:
    data = data_of(cluster, namespace, f"sopskit-inventory-{name}", "configmaps")
    return [id[-1] for id in json.loads(data["objects"])]


def test_a_field_that_somebody_takes_meanwhile_is_not_overwritten(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(config_map("app", a="1"))
    go_on = applier.begin(config_map("app", a="2"))
    path = f"/api/v1/namespaces/{namespace}/configmaps/app"
    cluster.request("PATCH", f"{path}?fieldManager=somebody", {"data": {"a": "theirs"}}, content_type=MERGE)
    with pytest.raises(StoppedError, match="somebody owns fields of it"):
        go_on()
    assert data_of(cluster, namespace, "app", "configmaps") == {"a": "theirs"}


@pytest.mark.parametrize("label", ["other", None])
def test_an_object_that_leaves_the_inventory_meanwhile_is_not_deleted(
    applier: Applier, cluster: Cluster, namespace: str, label: str | None
) -> None:
    applier.apply(ONE, TWO, name="app")
    go_on = applier.begin(ONE, name="app", prune=True)
    patch = {"metadata": {"labels": {"sopskit/inventory": label}}}
    cluster.request("PATCH", f"/api/v1/namespaces/{namespace}/secrets/two", patch, content_type=MERGE)
    with pytest.raises(StoppedError, match="not the object any more that was to be deleted"):
        go_on()
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one", "two"])
    assert applier.apply(ONE, name="app", prune=True).deleted == ()
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one"])


@pytest.mark.parametrize(("label", "left"), [("app", ["one"]), ("other", ["one", "two"])])
def test_an_object_that_changes_while_it_is_deleted_is_looked_at_again(
    through_proxy: Applier, cluster: Cluster, proxy: Proxy, namespace: str, label: str, left: list[str]
) -> None:
    through_proxy.apply(ONE, TWO, name="app")
    go_on = through_proxy.begin(ONE, name="app", prune=True)
    patch = {"metadata": {"labels": {"sopskit/inventory": label, "changed": "yes"}}}
    path = f"/api/v1/namespaces/{namespace}/secrets/two"
    change = Call(lambda: cluster.request("PATCH", path, patch, content_type=MERGE))
    proxy.inject(change, method="DELETE", path=r"/secrets/two(?!.*dryRun)")
    with contextlib.suppress(StoppedError):
        go_on()
    assert names_in(cluster, namespace) == left


def test_an_object_that_is_gone_meanwhile_need_not_be_deleted(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, TWO, name="app")
    go_on = applier.begin(ONE, name="app", prune=True)
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/two")
    assert go_on().deleted == ()
    assert stored(cluster, namespace) == ["one"]


def test_of_two_first_runs_under_one_name_the_second_stops(applier: Applier, cluster: Cluster, namespace: str) -> None:
    first, second = applier.begin(ONE, name="app"), applier.begin(TWO, name="app")
    first()
    with pytest.raises(StoppedError, match="another run has written the inventory app meanwhile"):
        second()
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one"], ["one"])


def test_of_two_runs_under_one_name_no_object_is_lost_track_of(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, name="app")
    first, second = applier.begin(ONE, TWO, name="app"), applier.begin(ONE, THREE, name="app")
    first()
    with pytest.raises(StoppedError, match="another run has written the inventory app meanwhile"):
        second()
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one", "two"])


def test_a_run_deletes_nothing_after_another_has_written_the_inventory(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, TWO, name="app")
    pruning = applier.begin(ONE, name="app", prune=True)
    applier.apply(ONE, TWO, THREE, name="app")
    with pytest.raises(StoppedError, match="nothing was deleted"):
        pruning()
    assert names_in(cluster, namespace) == ["one", "three", "two"]


def test_the_same_inventory_written_by_another_run_is_no_reason_to_stop(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    first, second = applier.begin(ONE, TWO, name="app"), applier.begin(ONE, TWO, name="app")
    first()
    second()
    assert (names_in(cluster, namespace), stored(cluster, namespace)) == (["one", "two"], ["one", "two"])


def test_a_stop_while_deleting_counts_what_was_deleted(
    through_proxy: Applier, proxy: Proxy, cluster: Cluster, namespace: str
) -> None:
    through_proxy.apply(ONE, TWO, THREE, name="app")
    proxy.inject(Refuse(403), method="DELETE", path=r"/secrets/two(?!.*dryRun)", times=FOREVER)
    with pytest.raises(StoppedError) as caught:
        through_proxy.apply(ONE, name="app", prune=True)
    assert str(caught.value).endswith("stopped after 0 objects of this run had been applied, 1 object deleted")
    assert names_in(cluster, namespace) == ["one", "two"]


# --- one name in two namespaces


def elsewhere(applier: Applier, cluster: Cluster) -> Applier:
    return Applier(applier.connection, cluster.namespace())


def placed(namespace: str) -> dict[str, object]:
    return {**ONE, "metadata": {"name": "one", "namespace": namespace}}


def test_an_object_in_an_inventory_of_that_name_in_another_namespace_is_refused(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, name="app")
    other = elsewhere(applier, cluster)
    for _ in range(2):
        with pytest.raises(RefusedPlanError) as caught:
            other.apply(placed(namespace), TWO, name="app")
        assert [f"{id}: {error.message}" for id, error in caught.value.refusals] == [
            f"Secret {namespace}/one: is in the inventory app of the namespace {namespace}"
        ]
        other.apply(TWO, name="app")  # with an inventory of its own, and without


def test_who_has_rights_in_two_namespaces_only_is_refused_too(
    applier: Applier, as_user: Callable[[str], Applier], cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, name="app")
    other = Applier(as_user("deployer").connection, cluster.namespace())
    for place in (namespace, other.namespace):
        cluster.allow("deployer", place, ["secrets", "configmaps"])
    with pytest.raises(RefusedPlanError) as caught:
        other.apply(placed(namespace), name="app")
    assert [error.message for _, error in caught.value.refusals] == [
        f"is in the inventory app of the namespace {namespace}"
    ]


def test_an_inventory_in_a_third_namespace_does_not_hold_up_a_run(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, TWO, name="app")
    objects = json.dumps([["", "Secret", namespace, name] for name in ("one", "two")])
    claim = config_map("sopskit-inventory-app", objects=objects)
    claim["metadata"]["labels"] = {"sopskit/inventory": "app"}
    cluster.request("POST", f"/api/v1/namespaces/{cluster.namespace()}/configmaps", claim)
    assert [id.name for id in applier.apply(ONE, name="app", prune=True).deleted] == ["two"]


def test_objects_whose_inventory_was_lost_are_taken_into_a_new_one(
    applier: Applier, cluster: Cluster, namespace: str
) -> None:
    applier.apply(ONE, TWO, name="app")
    cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/sopskit-inventory-app")
    applier.apply(ONE, TWO, name="app")
    assert stored(cluster, namespace) == ["one", "two"]


# --- what others have changed


def test_drift_is_a_conflict_unless_it_is_to_be_reclaimed(applier: Applier, cluster: Cluster, namespace: str) -> None:
    applier.apply(config_map("app", a="1"), name="app")
    path = f"/api/v1/namespaces/{namespace}/configmaps/app?fieldManager=kubectl-edit"
    cluster.request("PATCH", path, {"data": {"a": "2", "theirs": "3"}}, content_type=MERGE)
    with pytest.raises(RefusedPlanError):
        applier.plan(config_map("app", a="1"), name="app")
    applier.reclaim = True
    applier.apply(config_map("app", a="1"), name="app")
    assert data_of(cluster, namespace, "app", "configmaps") == {"a": "1", "theirs": "3"}


def test_nothing_is_reclaimed_that_was_never_ours(applier: Applier, cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/app"
    cluster.apply(path, config_map("app", a="theirs"), manager="somebody")
    applier.reclaim = True
    with pytest.raises(RefusedPlanError):
        applier.apply(config_map("app", a="ours"), name="app")
    assert data_of(cluster, namespace, "app", "configmaps") == {"a": "theirs"}
