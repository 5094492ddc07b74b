"""The cluster of the tests is a real one: it stores, merges, refuses, and comes back."""

from __future__ import annotations

import base64
import json
import ssl
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.apiserver import definition
from tests.testbed import install

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "data": {"a": "b25l", "b": "dHdv"}}


def secrets_of(namespace: str) -> str:
    """The path of a namespace's Secrets."""
    return f"/api/v1/namespaces/{namespace}/secrets"


def managers(object: dict[str, Any]) -> list[tuple[str, str]]:
    """Who owns fields of an object, and how."""
    return [(entry["manager"], entry["operation"]) for entry in object["metadata"]["managedFields"]]


def test_it_is_the_pinned_version(cluster: Cluster) -> None:
    assert cluster.request("GET", "/version").json["gitVersion"] == install.KUBERNETES


def test_an_object_is_kept(cluster: Cluster, namespace: str) -> None:
    made = cluster.request("POST", secrets_of(namespace), SECRET)
    found = cluster.request("GET", f"{secrets_of(namespace)}/app")
    assert (made.status, found.status, found.json["data"]) == (201, 200, SECRET["data"])


def test_server_side_apply_knows_who_owns_what(cluster: Cluster, namespace: str) -> None:
    path = f"{secrets_of(namespace)}/app"
    made = cluster.apply(path, SECRET, manager="sopskit")
    refused = cluster.apply(path, {**SECRET, "data": {"a": "b3RoZXI="}}, manager="someone")
    forced = cluster.apply(path, {**SECRET, "data": {"a": "b3RoZXI="}}, manager="someone", force=True)
    assert (made.status, managers(made.json)) == (201, [("sopskit", "Apply")])
    assert (refused.status, refused.reason) == (409, "Conflict")
    assert refused.json["details"]["causes"][0]["field"] == ".data.a"
    assert (forced.status, forced.json["data"]) == (200, {"a": "b3RoZXI=", "b": "dHdv"})
    assert sorted(managers(forced.json)) == [("someone", "Apply"), ("sopskit", "Apply")]


def test_a_field_that_is_applied_no_more_goes_away(cluster: Cluster, namespace: str) -> None:
    path = f"{secrets_of(namespace)}/app"
    cluster.apply(path, SECRET, manager="sopskit")
    assert cluster.apply(path, {**SECRET, "data": {"a": "b25l"}}, manager="sopskit").json["data"] == {"a": "b25l"}


def test_a_user_without_rights_is_refused(cluster: Cluster, namespace: str) -> None:
    refused = cluster.request("GET", secrets_of(namespace), user="stranger")
    assert (refused.status, refused.reason) == (403, "Forbidden")


def test_a_users_rights_end_at_the_namespace_and_the_verbs(cluster: Cluster, namespace: str) -> None:
    cluster.allow("reader", namespace, ["secrets"], ["get", "list"])
    other = cluster.namespace()
    answers = (
        cluster.request("GET", secrets_of(namespace), user="reader"),
        cluster.request("POST", secrets_of(namespace), SECRET, user="reader"),
        cluster.request("GET", secrets_of(other), user="reader"),
    )
    assert [answer.status for answer in answers] == [200, 403, 403]


def test_an_unknown_token_is_nobody(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster.tokens, "reader", "unknown")
    assert cluster.request("GET", secrets_of(namespace), user="reader").status == 401


def test_an_immutable_secret_cannot_be_changed(cluster: Cluster, namespace: str) -> None:
    path = f"{secrets_of(namespace)}/app"
    cluster.apply(path, {**SECRET, "immutable": True}, manager="sopskit")
    refused = cluster.apply(path, {**SECRET, "immutable": True, "data": {"a": "b3RoZXI="}}, manager="sopskit")
    assert (refused.status, refused.reason) == (422, "Invalid")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_that_was_away_has_all_objects(cluster: Cluster, namespace: str, end: str) -> None:
    cluster.request("POST", secrets_of(namespace), SECRET)
    getattr(cluster, end)()
    with pytest.raises(ConnectionRefusedError):
        cluster.request("GET", "/readyz")
    cluster.start()
    assert cluster.request("GET", f"{secrets_of(namespace)}/app").json["data"] == SECRET["data"]


def test_a_list_that_is_continued_after_a_compaction_has_expired(cluster: Cluster, namespace: str) -> None:
    for name in ("one", "two"):
        cluster.request("POST", secrets_of(namespace), {**SECRET, "metadata": {"name": name}})
    first = cluster.request("GET", f"{secrets_of(namespace)}?limit=1").json
    cluster.request("POST", secrets_of(namespace), {**SECRET, "metadata": {"name": "three"}})
    cluster.compact()
    gone = cluster.request("GET", f"{secrets_of(namespace)}?limit=1&continue={first['metadata']['continue']}")
    assert (gone.status, gone.reason) == (410, "Expired")


def test_only_its_own_authority_is_trusted(cluster: Cluster) -> None:
    import http.client

    connection = http.client.HTTPSConnection("127.0.0.1", cluster.ports[2], context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/readyz")
    connection.close()


def test_only_their_owner_can_read_the_files(cluster: Cluster, tmp_path: Path) -> None:
    files = [path for path in cluster.folder.iterdir() if path.suffix in {".csv", ".key"}]
    files.append(cluster.kubeconfig(tmp_path / "config"))
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in files} == {
        "tokens.csv": 0o600,
        "server.key": 0o600,
        "accounts.key": 0o600,
        "config": 0o600,
    }


@pytest.mark.parametrize("certificate", [False, True])
def test_kubectl_works_with_the_kubeconfig(
    cluster: Cluster, namespace: str, tool: Callable[[str], str], tmp_path: Path, certificate: bool
) -> None:
    config = cluster.kubeconfig(tmp_path / "config", namespace=namespace, certificate=certificate)
    command = [tool("kubectl"), "--kubeconfig", str(config)]
    subprocess.run(
        [*command, "apply", "--server-side", "-f", "-"],
        input=json.dumps(SECRET).encode(),
        check=True,
        capture_output=True,
    )
    shown = subprocess.run([*command, "get", "secret", "app", "-o", "json"], check=True, capture_output=True).stdout
    assert base64.b64decode(json.loads(shown)["data"]["a"]) == b"one"
    assert managers(cluster.request("GET", f"{secrets_of(namespace)}/app").json) == [("kubectl", "Apply")]


def test_kubectl_of_a_user_without_rights_is_refused(
    cluster: Cluster, namespace: str, tool: Callable[[str], str], tmp_path: Path
) -> None:
    config = cluster.kubeconfig(tmp_path / "config", user="stranger", namespace=namespace, context="production")
    command = [tool("kubectl"), "--kubeconfig", str(config), "--context", "production", "get", "secrets"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, "Forbidden" in done.stderr) == (1, True)


def test_a_custom_resource_can_be_made_as_soon_as_it_is_defined(cluster: Cluster, namespace: str) -> None:
    cluster.define(definition("Widget", "widgets"))
    path = f"/apis/example.org/v1/namespaces/{namespace}/widgets/one"
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"any": ["thing"]}}
    made = cluster.apply(path, widget, manager="sopskit")
    assert (made.status, made.json["spec"]) == (201, {"any": ["thing"]})
