"""The proxy is the API server to a client, until a test says otherwise."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.canary.canaries import Canary, Scanner, token
from tests.cluster.faults import Call, Cut, Fault, Refuse, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy


class Client:
    """One connection to the proxy that is kept as long as it lasts."""

    def __init__(self, cluster: Cluster, proxy: Proxy) -> None:
        context = ssl.create_default_context(cadata=cluster.authority.certificate.decode())
        self.connection = http.client.HTTPSConnection(urlsplit(proxy.url).netloc, context=context, timeout=30)
        self.headers = {"Authorization": f"Bearer {cluster.tokens['admin']}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """The status and the object of the answer."""
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, self.headers | headers)
        with self.connection.getresponse() as response:
            return response.status, json.loads(response.read())


@pytest.fixture
def client(cluster: Cluster, proxy: Proxy) -> Iterator[Client]:
    """The administrator at the proxy."""
    made = Client(cluster, proxy)
    yield made
    made.connection.close()


def config_map(name: str) -> dict[str, Any]:
    """A small object."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}


def maps(namespace: str, name: str = "") -> str:
    """The path of ConfigMaps."""
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def names(cluster: Cluster, namespace: str) -> list[str]:
    """The ConfigMaps that are there."""
    return [item["metadata"]["name"] for item in cluster.request("GET", maps(namespace)).json["items"]]


def test_without_faults_it_passes_everything_on_and_notes_it(
    cluster: Cluster, namespace: str, proxy: Proxy, client: Client
) -> None:
    made = client("POST", f"{maps(namespace)}?fieldManager=x", config_map("one"))
    missing = client("GET", maps(namespace, "two"))
    listed = client("GET", maps(namespace))
    gone = client("DELETE", maps(namespace, "one"))
    assert (made[0], made[1]["data"], missing[0], len(listed[1]["items"]), gone[0]) == (201, {"a": "b"}, 404, 1, 200)
    assert proxy.requests() == [
        f"POST {maps(namespace)}?fieldManager=x: 201",
        f"GET {maps(namespace, 'two')}: 404",
        f"GET {maps(namespace)}: 200",
        f"DELETE {maps(namespace, 'one')}: 200",
    ]
    assert proxy.requests(method="GET", path="/two$") == [f"GET {maps(namespace, 'two')}: 404"]
    assert names(cluster, namespace) == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (409, "Conflict"),
        (410, "Expired"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_refusal_never_reaches_the_server(
    cluster: Cluster, namespace: str, proxy: Proxy, client: Client, status: int, reason: str
) -> None:
    proxy.inject(Refuse(status), method="POST")
    refused = client("POST", maps(namespace), config_map("one"))
    assert (refused[0], refused[1]["kind"], refused[1]["reason"], refused[1]["code"]) == (
        status,
        "Status",
        reason,
        status,
    )
    assert names(cluster, namespace) == []
    assert client("POST", maps(namespace), config_map("one"))[0] == 201


def test_too_many_requests_say_when_to_come_again(namespace: str, proxy: Proxy, client: Client) -> None:
    proxy.inject(Refuse(429, retry_after=7))
    client.connection.request("GET", maps(namespace), headers=client.headers)
    with client.connection.getresponse() as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert json.loads(response.read())["details"] == {"retryAfterSeconds": 7}


def test_a_fault_takes_its_turn_among_the_requests_that_match(namespace: str, proxy: Proxy, client: Client) -> None:
    proxy.inject(Refuse(500), method="GET", path="/configmaps", skip=1, times=2)
    statuses = [client("GET", maps(namespace))[0] for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert client("GET", "/version")[0] == 200


def test_faults_follow_each_other(namespace: str, proxy: Proxy, client: Client) -> None:
    proxy.inject(Refuse(429))
    proxy.inject(Refuse(503))
    assert [client("GET", maps(namespace))[0] for _ in range(3)] == [429, 503, 200]


def test_nothing_is_left_after_clearing(namespace: str, proxy: Proxy, client: Client) -> None:
    proxy.inject(Refuse(500), skip=1, times=5)
    client("GET", maps(namespace))
    proxy.clear()
    assert (client("GET", maps(namespace))[0], proxy.requests()) == (200, [f"GET {maps(namespace)}: 200"])


@pytest.mark.parametrize(("fault", "made"), [(Cut.BEFORE, []), (Cut.AFTER, ["one"]), (Cut.MIDDLE, ["one"])], ids=str)
def test_a_cut_connection_is_an_error_and_the_server_did_it_or_not(
    cluster: Cluster, namespace: str, proxy: Proxy, client: Client, fault: Fault, made: list[str]
) -> None:
    proxy.inject(fault, method="POST")
    with pytest.raises((OSError, http.client.HTTPException)):
        client("POST", maps(namespace), config_map("one"))
    assert names(cluster, namespace) == made
    assert proxy.requests() == [f"POST {maps(namespace)}: None"]


def test_an_answer_can_be_late(namespace: str, proxy: Proxy, client: Client) -> None:
    proxy.inject(Wait(0.4))
    started = time.monotonic()
    assert client("GET", maps(namespace))[0] == 200
    assert time.monotonic() - started >= 0.4


def test_it_stops_for_good_after_so_many_requests(
    cluster: Cluster, namespace: str, proxy: Proxy, client: Client
) -> None:
    proxy.stop_after(2)
    for name in ("one", "two"):
        assert client("POST", maps(namespace), config_map(name))[0] == 201
    for _ in range(3):
        with pytest.raises((OSError, http.client.HTTPException)):
            client("POST", maps(namespace), config_map("three"))
    assert names(cluster, namespace) == ["one", "two"]


def test_something_can_be_done_behind_the_clients_back(
    cluster: Cluster, namespace: str, proxy: Proxy, client: Client
) -> None:
    stale = client("POST", maps(namespace), config_map("one"))[1]
    path = maps(namespace, "one")
    proxy.inject(Call(lambda: cluster.apply(path, config_map("one"), manager="someone", force=True)), method="PUT")
    refused = client("PUT", path, stale)
    assert (refused[0], refused[1]["reason"]) == (409, "Conflict")


def test_the_real_server_can_be_lost_while_it_is_asked(
    cluster: Cluster, namespace: str, proxy: Proxy, client: Client
) -> None:
    proxy.inject(Call(cluster.kill), method="POST")
    with pytest.raises((OSError, http.client.HTTPException)):
        client("POST", maps(namespace), config_map("one"))
    cluster.start()
    assert client("POST", maps(namespace), config_map("one"))[0] == 201


def test_a_watch_is_passed_on_as_it_goes(cluster: Cluster, namespace: str, client: Client) -> None:
    client.connection.request("GET", f"{maps(namespace)}?watch=true&timeoutSeconds=20", headers=client.headers)
    with client.connection.getresponse() as response:
        cluster.request("POST", maps(namespace), config_map("one"))
        event = json.loads(response.readline())
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "one")
    client.connection.close()


def test_canaries_are_found_where_they_stand(namespace: str, proxy: Proxy, client: Client) -> None:
    value, where = Canary("value", token()), Canary("where", token())
    proxy.watch_for(Scanner([value, where]))
    encoded = base64.b64encode(value.data).decode()
    metadata = {"name": "app", "annotations": {"last": f"x {where.text}"}}
    client("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": metadata, "data": {"password": encoded}})
    client("POST", maps(namespace), {"metadata": {"name": "app"}, "data": {"password": value.text}})
    client("GET", f"/api/v1/namespaces/{namespace}/secrets?labelSelector=a%3D{value.text}")
    client("GET", "/version", **{"X-Note": where.text})
    request = f"POST /api/v1/namespaces/{namespace}/secrets"
    assert {(hit.slot, hit.place) for hit in proxy.hits()} == {
        ("where", f"{request}: metadata.annotations.last"),
        ("value", f"POST {maps(namespace)}: data.password"),
        ("value", f"GET /api/v1/namespaces/{namespace}/secrets: path"),
        ("where", "GET /version: header X-Note"),
    }
    assert ("value", f"{request}: data.password") in {(hit.slot, hit.place) for hit in proxy.hits(data=True)}


def test_kubectl_takes_it_for_the_server(
    cluster: Cluster, namespace: str, proxy: Proxy, tool: Callable[[str], str], tmp_path: Path
) -> None:
    config = cluster.kubeconfig(tmp_path / "config", server=proxy.url, namespace=namespace)
    command = [tool("kubectl"), "--kubeconfig", str(config), "apply", "--server-side", "-f", "-"]
    for _ in range(2):
        subprocess.run(command, input=json.dumps(config_map("one")).encode(), check=True, capture_output=True)
    assert names(cluster, namespace) == ["one"]
    patches = proxy.requests(method="PATCH")
    assert [patch.split("?")[0] for patch in patches] == [f"PATCH {maps(namespace, 'one')}"] * 2
    assert {patch.split(": ")[-1] for patch in patches} <= {"200", "201"}
