"""What a connection does when the API server is busy, breaks off, or is away."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.errors import RefusalError, UnreachableError
from tests.cluster.faults import FOREVER, Call, Cut, Fault, Refuse
from tests.deploy.apply.applying import Applier, names_in, secret

if TYPE_CHECKING:
    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy


def connected(cluster: Cluster, tmp_path: Path, server: str = "", total: float = 1.0) -> Connection:
    config = cluster.kubeconfig(tmp_path / "kubeconfig", server=server)
    return Connection(read_kubeconfig([str(config)]), patience=Patience(total=total))


@pytest.mark.parametrize(
    "fault",
    [Refuse(429, retry_after=0), Refuse(500), Refuse(503), Refuse(504), Cut.BEFORE, Cut.AFTER, Cut.MIDDLE],
    ids=str,
)
def test_a_fault_that_passes_is_not_noticed(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path, fault: Fault
) -> None:
    proxy.inject(fault, method="PATCH", times=3)
    applier = Applier(connected(cluster, tmp_path, proxy.url, total=10), namespace)
    applier.apply(secret("one", a="b"), secret("two", a="b"))
    assert names_in(cluster, namespace) == ["one", "two"]


def test_a_busy_server_is_given_the_time_that_it_asks_for(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path
) -> None:
    slept: list[float] = []
    proxy.inject(Refuse(429, retry_after=7), times=1)
    config = read_kubeconfig([str(cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url))])
    connection = Connection(config, patience=Patience(total=20, sleep=slept.append))
    assert connection.get(f"/api/v1/namespaces/{namespace}") is not None
    assert slept == [7.0]


def test_pauses_grow_to_a_limit_and_are_never_all_the_same() -> None:
    least, most = Patience(jitter=lambda: 0.0), Patience(jitter=lambda: 1.0)
    assert [least.wait(attempt, 0) for attempt in (0, 1, 2, 9)] == [0.05, 0.1, 0.2, 2.5]
    assert [most.wait(attempt, 0) for attempt in (0, 1, 2, 9)] == [0.1, 0.2, 0.4, 5.0]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Refuse(429, "canary"), "is busy (TooManyRequests) for 1 seconds"),
        (Refuse(500, "canary"), "answers with an error of its own (HTTP 500) for 1 seconds"),
    ],
    ids=str,
)
def test_patience_ends_with_a_clear_word(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path, fault: Fault, told: str
) -> None:
    proxy.inject(fault, times=FOREVER)
    with pytest.raises(UnreachableError) as caught:
        Applier(connected(cluster, tmp_path, proxy.url), namespace).plan(secret("one", a="b"))
    assert caught.value.message == f"{proxy.url} {told}"
    assert 2 < len(proxy.exchanges) < 12


def test_a_server_that_is_away(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    applier = Applier(connected(cluster, tmp_path), namespace)
    cluster.stop()
    with pytest.raises(UnreachableError, match=r"no answer from https://127.0.0.1:[0-9]+ within 1 seconds"):
        applier.plan(secret("one", a="b"))


def test_a_server_that_is_not_trusted(cluster: Cluster, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "kubeconfig")
    content = json.loads(path.read_text())
    del content["clusters"][0]["cluster"]["certificate-authority-data"]
    path.write_text(json.dumps(content))
    with pytest.raises(UnreachableError, match="is not trusted or not taken"):
        Connection(read_kubeconfig([str(path)])).get("/api/v1")


def test_many_requests_end_with_the_first_that_cannot_be_made(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path
) -> None:
    proxy.inject(Cut.BEFORE, method="PATCH", times=FOREVER)
    with pytest.raises(UnreachableError):
        Applier(connected(cluster, tmp_path, proxy.url), namespace).plan(
            *(secret(f"s{number}", a="b") for number in range(40))
        )
    tried = {line.partition("?")[0] for line in proxy.requests("PATCH")}
    assert len(tried) < 20


def test_a_token_that_has_expired_is_told(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster.tokens, "admin", "canary")
    with pytest.raises(RefusalError) as caught:
        connected(cluster, tmp_path).get("/api/v1/namespaces")
    assert str(caught.value) == "the API server does not know who you are (Unauthorized)"


def test_a_list_whose_pages_have_expired_is_begun_again(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applier = Applier(connected(cluster, tmp_path, proxy.url), namespace)
    applier.apply(*(secret(f"s{number}", a="b") for number in range(6)))
    monkeypatch.setattr("sopskit.cluster.connection.PAGE", 2)
    proxy.inject(Refuse(410), path="continue=", times=1)
    found = applier.connection.collection(f"/api/v1/namespaces/{namespace}/secrets")
    assert sorted(item["metadata"]["name"] for item in found) == [f"s{number}" for number in range(6)]


def test_a_client_certificate_is_not_written_to_a_file(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("tmp*"))
    config = cluster.kubeconfig(tmp_path / "kubeconfig", certificate=True)
    assert Connection(read_kubeconfig([str(config)])).get(f"/api/v1/namespaces/{namespace}") is not None
    assert set(Path(tempfile.gettempdir()).glob("tmp*")) <= before


def test_a_server_that_is_restarted_in_the_middle(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path
) -> None:
    def restart() -> None:
        cluster.kill()
        cluster.start()

    proxy.inject(Call(restart), method="PATCH", path=r"/secrets/s(?!.*dryRun)", skip=8)
    applier = Applier(connected(cluster, tmp_path, proxy.url, total=60), namespace)
    done = applier.apply(*(secret(f"s{number:02}", a="b") for number in range(30)), name="app")
    assert (len(done.steps), len(names_in(cluster, namespace))) == (30, 30)


def test_an_object_that_somebody_writes_meanwhile_is_tried_again(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path
) -> None:
    proxy.inject(Refuse(409), method="PATCH", times=2)
    applier = Applier(connected(cluster, tmp_path, proxy.url, total=5), namespace)
    applier.apply(secret("one", a="b"))
    assert names_in(cluster, namespace) == ["one"]


def test_a_credential_plugin_of_ones_own_kubeconfig_is_run(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "kubeconfig")
    content = json.loads(path.read_text())
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": cluster.tokens["admin"]}}
    plugin = {"apiVersion": version, "command": "printf", "args": ["%s", json.dumps(credential)]}
    content["users"][0]["user"] = {"exec": {**plugin, "interactiveMode": "Never"}}
    path.write_text(json.dumps(content))
    kubeconfig = read_kubeconfig([str(path)])
    assert kubeconfig.programs() == ("exec",)
    assert Connection(kubeconfig).get(f"/api/v1/namespaces/{namespace}") is not None
