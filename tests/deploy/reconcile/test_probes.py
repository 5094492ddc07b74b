from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile import probes as module
from sopskit.deploy.reconcile.metrics import CONTENT_TYPE
from sopskit.deploy.reconcile.probes import METRICS_TYPE, Probes
from sopskit.errors import ConfigError
from tests.deploy.notify.receivers import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


class World:
    """What the probes ask of a supervisor."""

    now = 100.0
    ticked = 100.0
    ready = True


@contextmanager
def probing(world: World, address: str = "127.0.0.1:0") -> Iterator[Probes]:
    probes = Probes(
        address,
        metrics=lambda: b"sopskit_is_leader 1.0\n",
        last_tick=lambda: world.ticked,
        ready=lambda: world.ready,
        clock=lambda: world.now,
    )
    probes.start()
    try:
        yield probes
    finally:
        probes.close()


def ask(probes: Probes, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(host, probes.port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_health_and_readiness_and_metrics() -> None:
    with probing(World()) as probes:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": "3", "Connection": "close"}
        assert ask(probes, "/healthz") == (200, headers, b"ok\n")
        assert ask(probes, "/readyz?verbose") == (200, headers, b"ok\n")
        assert ask(probes, "/metrics") == (
            200,
            {"Content-Type": METRICS_TYPE, "Content-Length": "22", "Connection": "close"},
            b"sopskit_is_leader 1.0\n",
        )


def test_the_type_of_the_metrics_is_the_librarys() -> None:
    assert METRICS_TYPE == CONTENT_TYPE


def test_a_loop_that_does_not_turn_is_not_healthy() -> None:
    world = World()
    with probing(world) as probes:
        world.now = world.ticked + module.STALE - 1
        assert ask(probes, "/healthz")[0] == 200
        world.now = world.ticked + module.STALE
        status, _, text = ask(probes, "/healthz")
        assert (status, text) == (503, b"the loop does not turn\n")


def test_who_is_not_ready_says_so() -> None:
    world = World()
    world.ready = False
    with probing(world) as probes:
        status, _, text = ask(probes, "/readyz")
        assert (status, text) == (503, b"not ready\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/Metrics", "/debug", "/healthz/../metrics", "*"])
def test_there_is_no_other_path(path: str) -> None:
    with probing(World()) as probes:
        status, _, text = ask(probes, path)
        assert (status, text) == (404, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "test-canary"])
def test_nothing_can_be_sent(method: str) -> None:
    with probing(World()) as probes:
        headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": "0", "Connection": "close"}
        assert ask(probes, "/metrics", method) == (501, headers, b"")


def test_head_has_no_body() -> None:
    with probing(World()) as probes:
        assert ask(probes, "/healthz", "HEAD")[2] == b""


def raw(probes: Probes, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", probes.port), 10) as line:
        line.sendall(data)
        answer = b""
        while part := line.recv(65536):
            answer += part
        return answer


@pytest.mark.parametrize(
    "data", [b"test-canary\r\n\r\n", b"GET /" + b"x" * 66000, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_what_is_no_request_is_not_quoted(data: bytes) -> None:
    with probing(World()) as probes:
        try:
            answer = raw(probes, data)
        except ConnectionResetError:
            answer = b""
        assert b"canary" not in answer
        assert b"xxx" not in answer
        assert ask(probes, "/healthz")[0] == 200


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.2)
    with probing(World()) as probes, socket.create_connection(("127.0.0.1", probes.port), 20) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        assert line.recv(100) == b""


def test_only_so_many_are_heard_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 2)
    with probing(World()) as probes:
        lines = [socket.create_connection(("127.0.0.1", probes.port), 20) for _ in range(3)]
        assert lines[2].recv(100) == b""
        for line in lines:
            line.close()
        assert eventually(lambda: is_answered(probes))


def is_answered(probes: Probes) -> bool:
    try:
        return ask(probes, "/healthz")[0] == 200
    except OSError:
        return False


def test_nothing_is_written_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with probing(World()) as probes:
        ask(probes, "/healthz")
        ask(probes, "/nowhere")
        with socket.create_connection(("127.0.0.1", probes.port)) as line:
            line.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        ask(probes, "/healthz")
    assert capfd.readouterr() == ("", "")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("[::1]:0", ["::1"]),
        ("[::]:0", ["::1", "127.0.0.1"]),
        (":0", ["::1", "127.0.0.1"]),
        ("0.0.0.0:0", ["127.0.0.1"]),
    ],
)
def test_addresses_of_both_kinds(address: str, hosts: list[str]) -> None:
    if "::1" in hosts and not has_ipv6():
        pytest.skip("no IPv6 here")
    with probing(World(), address) as probes:
        assert [ask(probes, "/healthz", host=host)[0] for host in hosts] == [200] * len(hosts)


@pytest.mark.parametrize(
    "address", ["", "8080", "127.0.0.1", "127.0.0.1:70000", "::1:80", "a b:80", "nobody.invalid:80"]
)
def test_an_address_that_cannot_be_listened_at(address: str) -> None:
    with pytest.raises(ConfigError):
        Probes(address, metrics=lambda: b"", last_tick=lambda: 0.0, ready=lambda: True)


def test_a_port_that_is_taken() -> None:
    with probing(World()) as probes, pytest.raises(ConfigError, match="probes cannot listen: address already in use"):
        Probes(f"127.0.0.1:{probes.port}", metrics=lambda: b"", last_tick=lambda: 0.0, ready=lambda: True)


def test_a_port_is_free_after_the_end() -> None:
    with probing(World()) as probes:
        url = f"http://127.0.0.1:{probes.port}/healthz"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=5)
