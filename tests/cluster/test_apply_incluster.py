"""The service account of a pod: its folder, and tokens that are replaced and revoked while we run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sopskit.cluster import Connection, Patience
from sopskit.cluster.access import TOKEN_AGE, TokenFile
from sopskit.cluster.incluster import InCluster, in_cluster
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.errors import ConfigError, FileAccessError, RefusalError, SopskitError
from tests.cluster.accounts import Account
from tests.cluster.faults import Call, Refuse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy

ADDRESS = "127.0.0.1"


@pytest.fixture
def account(cluster: Cluster, namespace: str) -> Account:
    """May read Secrets."""
    account = Account(cluster, namespace, "reconciler")
    account.allow(["secrets"], ["get"])
    return account


def access(folder: Path, url: str) -> InCluster:
    return in_cluster(ADDRESS, url.rpartition(":")[2], str(folder))


def secret_in(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/app"


def test_the_folder_says_who_we_are_and_where(account: Account, cluster: Cluster, tmp_path: Path) -> None:
    found = access(account.mount(tmp_path / "account"), cluster.url)
    assert (found.context, found.server, found.namespace, found.exposed()) == (
        "in-cluster",
        cluster.url,
        account.namespace,
        "",
    )
    assert account.token() not in repr(found)


def test_a_pod_finds_its_api_server_by_name(account: Account, tmp_path: Path) -> None:
    folder = str(account.mount(tmp_path / "account"))
    assert in_cluster(folder=folder).server == "https://kubernetes.default.svc:443"
    assert in_cluster("fd00::1", "6443", folder).server == "https://[fd00::1]:6443"


def test_the_rights_are_those_of_the_account(account: Account, cluster: Cluster, tmp_path: Path) -> None:
    connection = Connection(access(account.mount(tmp_path / "account"), cluster.url))
    assert connection.get(secret_in(account.namespace)) is None
    with pytest.raises(RefusalError) as caught:
        connection.collection(f"/api/v1/namespaces/{account.namespace}/secrets")
    assert caught.value.status == 403


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_without_an_account_there_is_a_hint(account: Account, tmp_path: Path, missing: str) -> None:
    folder = account.mount(tmp_path / "account")
    (folder / missing).unlink()
    with pytest.raises(FileAccessError, match="there is no service account to use"):
        in_cluster(folder=str(folder))


def test_a_revoked_token_is_read_again_and_the_request_repeated(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    folder = account.mount(tmp_path / "account")
    account.revoke()
    proxy.inject(Call(lambda: account.mount(folder)))  # after the old one was read, before it is refused
    connection = Connection(access(folder, proxy.url))
    assert connection.get(secret_in(account.namespace)) is None
    assert [exchange.status for exchange in proxy.exchanges] == [401, 404]


def test_a_token_that_stays_refused_is_tried_twice_and_no_more(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    folder = account.mount(tmp_path / "account")
    account.revoke()
    connection = Connection(access(folder, proxy.url), patience=Patience(total=60))
    with pytest.raises(RefusalError, match="does not know who you are"):
        connection.get(secret_in(account.namespace))
    assert [exchange.status for exchange in proxy.exchanges] == [401, 401]


def test_a_token_in_the_kubeconfig_itself_is_not_tried_again(cluster: Cluster, proxy: Proxy, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url)
    content = json.loads(path.read_text())
    content["users"][0]["user"]["token"] = "test-only-unknown"
    path.write_text(json.dumps(content))
    with pytest.raises(RefusalError):
        Connection(read_kubeconfig([str(path)])).get("/api/v1")
    assert [exchange.status for exchange in proxy.exchanges] == [401]


def test_a_token_file_of_a_kubeconfig_is_read_again(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    folder = account.mount(tmp_path / "account")
    account.revoke()
    path = account.cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url)
    content = json.loads(path.read_text())
    content["users"][0]["user"] = {"tokenFile": "account/token"}
    path.write_text(json.dumps(content))
    proxy.inject(Call(lambda: account.mount(folder)))
    connection = Connection(read_kubeconfig([str(path)]))
    assert connection.get(secret_in(account.namespace)) is None
    assert [exchange.status for exchange in proxy.exchanges] == [401, 404]


def test_a_token_file_is_taken_rather_than_a_token_or_a_program(account: Account, tmp_path: Path) -> None:
    token = account.mount(tmp_path / "account") / "token"
    path = account.cluster.kubeconfig(tmp_path / "kubeconfig")
    content = json.loads(path.read_text())
    exec = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/false", "interactiveMode": "Never"}
    content["users"][0]["user"] = {"tokenFile": str(token), "token": "test-only-unknown", "exec": exec}
    path.write_text(json.dumps(content))
    connection = Connection(read_kubeconfig([str(path)]))
    assert connection.get(secret_in(account.namespace)) is None
    token.unlink()
    with pytest.raises(FileAccessError) as caught:
        Connection(read_kubeconfig([str(path)])).get(secret_in(account.namespace))
    assert str(caught.value) == f"{token}: the token cannot be read: no such file or directory"


def test_a_busy_server_after_a_renewed_token_is_waited_for(account: Account, proxy: Proxy, tmp_path: Path) -> None:
    folder = account.mount(tmp_path / "account")
    account.revoke()
    proxy.inject(Call(lambda: account.mount(folder)))
    proxy.inject(Refuse(503))
    connection = Connection(access(folder, proxy.url))
    assert connection.get(secret_in(account.namespace)) is None
    assert [exchange.status for exchange in proxy.exchanges] == [401, 503, 404]


# --- the file


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_kept_for_a_minute(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", Clock()
    path.write_text("test-only-one\n")
    file = TokenFile(str(path), clock=clock)
    assert file.token() == "test-only-one"
    path.write_text("test-only-two")
    clock.now = TOKEN_AGE - 1
    assert file.token() == "test-only-one"
    clock.now = TOKEN_AGE
    assert file.token() == "test-only-two"


@pytest.mark.parametrize("state", ["gone", "empty"])
def test_a_token_is_kept_while_its_file_is_replaced(tmp_path: Path, state: str) -> None:
    path = tmp_path / "token"
    path.write_text("test-only-one")
    file = TokenFile(str(path))
    assert file.token() == "test-only-one"
    path.unlink() if state == "gone" else path.write_text("")
    file.expire()
    assert file.token() == "test-only-one"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(None, FileAccessError), (b"", ConfigError), (b"canary\r\nX: y", ConfigError), (b"canary\xff", ConfigError)],
)
def test_a_file_without_a_token_is_not_quoted(tmp_path: Path, data: bytes | None, kind: type[SopskitError]) -> None:
    path = tmp_path / "token"
    if data is not None:
        path.write_bytes(data)
    file = TokenFile(str(path))
    with pytest.raises(kind) as caught:
        file.token()
    assert ("canary" in str(caught.value), "canary" in repr(file), caught.value.__cause__) == (False, False, None)
