"""What a controller asks of a connection: another's rights, replacing, another field manager, a status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.errors import ConfigError, RefusalError, RefusedError
from tests.cluster.accounts import Account
from tests.cluster.apiserver import definition
from tests.cluster.faults import Cut

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy


def connect(
    cluster: Cluster, folder: Path, *, user: str = "admin", server: str = "", impersonate: str = ""
) -> Connection:
    path = cluster.kubeconfig(folder / f"kubeconfig-{user}", user=user, server=server)
    return Connection(read_kubeconfig([str(path)]), patience=Patience(total=5), impersonate=impersonate)


def config_map(name: str = "one", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def body(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode()


def managers(content: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((entry["manager"], entry.get("subresource", "")) for entry in content["metadata"]["managedFields"])


# --- impersonation


def test_with_impersonation_the_rights_are_the_others(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    account = Account(cluster, namespace, "deployer")
    account.allow(["configmaps"], ["create", "patch", "get"])
    connection = connect(cluster, tmp_path, impersonate=account.user)
    maps, secrets = f"/api/v1/namespaces/{namespace}/configmaps/one", f"/api/v1/namespaces/{namespace}/secrets/one"
    assert connection.apply(maps, body(config_map(a="b"))).created
    for call in (
        lambda: connection.get(secrets),
        lambda: connection.get("/api/v1/namespaces/default/configmaps/one"),
        lambda: connection.delete(maps, "uid"),
    ):
        with pytest.raises(RefusalError) as caught:
            call()
        assert caught.value.status == 403
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = connection.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review).content["status"]["userInfo"]
    assert (who["username"], sorted(who["groups"])) == (
        account.user,
        ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}"],
    )


def test_who_may_not_impersonate_gets_nothing_of_its_own_either(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.allow("reader", namespace, ["configmaps"], ["get"])
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    assert connect(cluster, tmp_path, user="reader").get(path) is None
    with pytest.raises(RefusalError) as caught:
        connect(cluster, tmp_path, user="reader", impersonate="system:serviceaccount:x:y").get(path)
    assert caught.value.status == 403


def test_a_user_that_would_be_another_header_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be sent"):
        connect(cluster, tmp_path, impersonate="a\r\nImpersonate-Group: system:masters")


def test_a_token_that_cannot_be_sent_is_not_quoted(cluster: Cluster, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "kubeconfig")
    content = json.loads(path.read_text())
    content["users"][0]["user"]["token"] = "canary\nX: y"
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError) as caught:
        Connection(read_kubeconfig([str(path)])).get("/api/v1")
    assert ("canary" in str(caught.value), caught.value.__context__) == (False, None)


# --- replacing


def lease(holder: str, version: str = "") -> dict[str, Any]:
    metadata = {"name": "one"} | ({"resourceVersion": version} if version else {})
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {"holderIdentity": holder},
    }


def test_a_lease_is_replaced_only_as_it_was_read(
    cluster: Cluster, namespace: str, tmp_path: Path, proxy: Proxy
) -> None:
    connection = connect(cluster, tmp_path, server=proxy.url)
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    made = connection.create(leases, lease("a")).content
    version = made["metadata"]["resourceVersion"]
    replaced = connection.replace(f"{leases}/one", lease("b", version)).content
    assert (replaced["spec"], managers(replaced)) == ({"holderIdentity": "b"}, [("sopskit", "")])
    proxy.clear()
    with pytest.raises(RefusalError) as caught:
        connection.replace(f"{leases}/one", lease("c", version))
    assert (caught.value.status, [exchange.status for exchange in proxy.exchanges]) == (409, [409])


def test_what_was_replaced_unheard_is_not_replaced_twice(
    cluster: Cluster, namespace: str, tmp_path: Path, proxy: Proxy
) -> None:
    connection = connect(cluster, tmp_path, server=proxy.url)
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    version = connection.create(leases, lease("a")).content["metadata"]["resourceVersion"]
    proxy.inject(Cut.AFTER, method="PUT")
    with pytest.raises(RefusalError) as caught:
        connection.replace(f"{leases}/one", lease("b", version))
    found = connection.get(f"{leases}/one")
    assert (caught.value.status, found and found["spec"]["holderIdentity"]) == (409, "b")


# --- field managers


def test_an_object_is_applied_as_the_manager_that_is_named(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    connection = connect(cluster, tmp_path)
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    connection.apply(path, body(config_map(a="b")))
    applied = connection.apply(path, body(config_map(c="d")), manager="sopskit-reconcile").content
    assert (applied["data"], managers(applied)) == ({"a": "b", "c": "d"}, [("sopskit", ""), ("sopskit-reconcile", "")])
    with pytest.raises(RefusalError) as caught:
        connection.apply(path, body(config_map(a="x")), manager="sopskit-reconcile")
    assert (caught.value.managers, caught.value.fields) == (("sopskit",), (".data.a",))


def test_a_status_is_applied_by_its_path(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.define(definition("Part", "parts"))
    connection = connect(cluster, tmp_path)
    path = f"/apis/example.org/v1/namespaces/{namespace}/parts/one"
    part = {"apiVersion": "example.org/v1", "kind": "Part", "metadata": {"name": "one"}}
    connection.apply(path, body({**part, "spec": {"a": "b"}}))
    first = {**part, "status": {"phase": "one"}}
    applied = connection.apply(f"{path}/status", body(first), manager="controller").content
    assert (applied["spec"], applied["status"], managers(applied)) == (
        {"a": "b"},
        {"phase": "one"},
        [("controller", "status"), ("sopskit", "")],
    )
    second = body({**part, "status": {"phase": "two"}})
    with pytest.raises(RefusalError):
        connection.apply(f"{path}/status", second, manager="other")
    forced = connection.apply(f"{path}/status", second, manager="other", force=True).content
    assert forced["status"] == {"phase": "two"}


# --- what is only tried, or done only to what was seen


def test_acting_as_another_leaves_the_connection_as_it_was(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    connection = connect(cluster, tmp_path)
    other = connection.acting_as(f"system:serviceaccount:{namespace}:nobody")
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    with pytest.raises(RefusalError) as caught:
        other.get(path)
    assert (caught.value.status, connection.get(path), connection.acting_as("") is connection) == (403, None, True)


def test_a_trial_of_creating_and_patching_changes_nothing(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    connection = connect(cluster, tmp_path)
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    tried = connection.create(maps, config_map(a="b"), dry_run=True)
    assert (tried.created, connection.get(f"{maps}/one")) == (True, None)
    connection.create(maps, config_map(a="b"))
    operations = [{"op": "replace", "path": "/data/a", "value": "c"}]
    tried = connection.patch(f"{maps}/one", operations, dry_run=True)
    found = connection.get(f"{maps}/one")
    assert (tried.content["data"], found and found["data"]) == ({"a": "c"}, {"a": "b"})


def test_what_was_changed_since_it_was_seen_is_not_deleted(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    connection = connect(cluster, tmp_path)
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    seen = connection.apply(path, body(config_map(a="b"))).content["metadata"]
    now = connection.apply(path, body(config_map(a="c"))).content["metadata"]
    with pytest.raises(RefusalError) as caught:
        connection.delete(path, seen["uid"], version=seen["resourceVersion"])
    assert caught.value.status == 409
    assert connection.delete(path, now["uid"], version=now["resourceVersion"])


def test_metadata_comes_without_the_content(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    connection = connect(cluster, tmp_path)
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    connection.apply(f"{maps}/one", body(config_map(a="b")))
    (listed,) = connection.metadata(maps, "", dict)
    found = connection.metadata_of(f"{maps}/one")
    assert (
        listed["metadata"]["name"],
        "data" in listed,
        found and found["metadata"]["name"],
        "data" in (found or {}),
    ) == (
        "one",
        False,
        "one",
        False,
    )
    assert connection.metadata_of(f"{maps}/missing") is None


def test_metadata_is_kept_page_by_page(
    cluster: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sopskit.cluster.connection.SMALL_PAGE", 2)
    connection = connect(cluster, tmp_path)
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(5):
        connection.apply(f"{maps}/m{number}", body({**config_map(a="b"), "metadata": {"name": f"m{number}"}}))
    before = connection.requests
    assert connection.metadata(maps, "", lambda item: item["metadata"]["name"]) == ["m0", "m1", "m2", "m3", "m4"]
    assert connection.requests == before + 3


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_does_not_lead_to_another_object(cluster: Cluster, namespace: str, tmp_path: Path, name: str) -> None:
    connection = connect(cluster, tmp_path)
    path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
    for call in (
        lambda: connection.get(path),
        lambda: connection.delete(path, "uid"),
        lambda: connection.apply(path, body(config_map())),
    ):
        with pytest.raises(RefusedError, match="cannot be named"):
            call()
    assert connection.requests == 0
