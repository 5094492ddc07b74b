"""Keys from a Secret that a real API server gives."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from sopskit import age
from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.errors import (
    ConfigError,
    IdentityError,
    KeyAccessError,
    RefusalError,
    RefusedError,
    SopskitError,
    UnreachableError,
)
from sopskit.keysources import clustersecret, mounted
from tests.cluster.faults import FOREVER, Cut
from tests.conftest import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

    Connect = Callable[..., Connection]


@pytest.fixture
def connect(cluster: Cluster, tmp_path: Path) -> Connect:
    def connected(user: str = "admin", server: str = "") -> Connection:
        path = cluster.kubeconfig(tmp_path / f"kubeconfig-{user}", user=user, server=server)
        return Connection(read_kubeconfig([str(path)]), patience=Patience(total=0.3))

    return connected


def store(cluster: Cluster, namespace: str, data: Mapping[str, bytes], name: str = "sops-age") -> None:
    content = {"metadata": {"name": name}, "data": {key: base64.b64encode(item).decode() for key, item in data.items()}}
    assert cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", content).status == 201


def test_a_secret_opens_what_its_keys_open(
    cluster: Cluster, namespace: str, connect: Connect, alice: AgeTestKey
) -> None:
    store(cluster, namespace, {"age.agekey": alice.path.read_bytes(), "other": b"canary"})
    sealed = age.encrypt(b"data", [age.parse_recipient(alice.recipient)])
    with clustersecret.load(connect(), namespace, "sops-age") as keyring:
        assert age.decrypt(sealed, keyring.identities("")) == b"data"
        assert [tuple(report) for report in keyring.report()] == [(f"Secret {namespace}/sops-age/age.agekey", 1, None)]


def test_pgp_keys_too(cluster: Cluster, namespace: str, connect: Connect, tool: Callable[[str], str]) -> None:
    tool("gpg")
    store(cluster, namespace, {"key.asc": (KEYS / "test-only-pgp.asc").read_bytes()})
    try:
        keyring = clustersecret.load(connect(), namespace, "sops-age")
    except RefusedError:
        pytest.skip("needs a file system in memory")
    with keyring:
        assert [tuple(report) for report in keyring.report()] == [(f"Secret {namespace}/sops-age/key.asc", 1, None)]


def test_a_secret_that_is_not_there(namespace: str, connect: Connect) -> None:
    with pytest.raises(KeyAccessError) as caught:
        clustersecret.load(connect(), namespace, "sops-age")
    assert str(caught.value) == f"Secret {namespace}/sops-age: there is no such Secret in the cluster"


def test_a_secret_without_a_key_is_an_error(cluster: Cluster, namespace: str, connect: Connect) -> None:
    store(cluster, namespace, {"age.txt": b"canary"})
    with pytest.raises(KeyAccessError) as caught:
        clustersecret.load(connect(), namespace, "sops-age")
    assert str(caught.value) == f"Secret {namespace}/sops-age: there is no private key in it"


def test_one_bad_entry_fails_the_whole_and_is_not_quoted(
    cluster: Cluster, namespace: str, connect: Connect, alice: AgeTestKey
) -> None:
    store(cluster, namespace, {"a.agekey": alice.path.read_bytes(), "b.agekey": b"AGE-SECRET-KEY-1CANARY"})
    with pytest.raises(IdentityError) as caught:
        clustersecret.load(connect(), namespace, "sops-age")
    assert (f"Secret {namespace}/sops-age/b.agekey" in str(caught.value), "CANARY" in str(caught.value)) == (
        True,
        False,
    )


def test_who_may_not_read_it_is_told_which(namespace: str, connect: Connect) -> None:
    with pytest.raises(RefusalError) as caught:
        clustersecret.load(connect("stranger"), namespace, "sops-age")
    why = f"the API server forbids it (Forbidden): stranger may not get secrets in {namespace}"
    assert str(caught.value) == f"Secret {namespace}/sops-age: {why}"


def test_a_server_that_is_away_is_no_missing_secret(namespace: str, connect: Connect, proxy: Proxy) -> None:
    proxy.inject(Cut.BEFORE, times=FOREVER)
    with pytest.raises(UnreachableError):
        clustersecret.load(connect(server=proxy.url), namespace, "sops-age")


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("default", "../configmaps/x"),
        ("default", "a?watch=true"),
        ("default", ""),
        ("a/b", "x"),
        ("", "x"),
        ("a" * 64, "x"),
    ],
)
def test_what_is_no_name_is_not_asked_for(connect: Connect, namespace: str, name: str) -> None:
    connection = connect()
    with pytest.raises(ConfigError):
        clustersecret.load(connection, namespace, name)
    assert connection.requests == 0


@pytest.mark.parametrize("text", ["canary!", "Y2FuYXJ5=", 7, None, ["x"]])
def test_an_answer_that_is_no_secret_is_not_quoted(text: object) -> None:
    with pytest.raises(SopskitError) as caught:
        mounted.from_data({"a.agekey": clustersecret._decoded("a.agekey", text, "Secret a/b")})
    assert ("canary" in str(caught.value), caught.value.__cause__) == (False, None)
