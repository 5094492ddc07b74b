"""The lease at the real API server: one holds it, a clock that is wrong takes it from nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.deploy.reconcile.lease import DURATION, GIVE_UP, RENEW, Lease
from tests.cluster.faults import Refuse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy

PATH = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/reconcile"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wanting(cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path) -> Callable[[str, Clock], Lease]:
    """Somebody who wants the lease, through the proxy."""
    config = cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url)
    connection = Connection(read_kubeconfig([str(config)]), patience=Patience(total=0.0))
    return lambda holder, clock: Lease(connection, namespace, "reconcile", holder, clock)


def spec(cluster: Cluster, namespace: str) -> tuple[str, int]:
    found = cluster.request("GET", PATH.format(namespace)).json["spec"]
    return found["holderIdentity"], found["leaseTransitions"]


def test_the_first_gets_it_and_the_second_does_not(
    cluster: Cluster, namespace: str, wanting: Callable[[str, Clock], Lease]
) -> None:
    clock = Clock()
    one, two = wanting("one", clock), wanting("two", clock)
    assert (one.keep(), two.keep(), one.held, two.held) == (True, False, True, False)
    assert spec(cluster, namespace) == ("one", 0)


def test_who_renews_keeps_it(wanting: Callable[[str, Clock], Lease]) -> None:
    clock = Clock()
    one, two = wanting("one", clock), wanting("two", clock)
    for _ in range(12):
        assert (one.keep(), two.keep()) == (True, False)
        clock.now += RENEW


def test_who_is_silent_stops_before_another_begins(
    cluster: Cluster, namespace: str, wanting: Callable[[str, Clock], Lease]
) -> None:
    clock = Clock()
    one, two = wanting("one", clock), wanting("two", clock)
    assert (one.keep(), two.keep()) == (True, False)
    held = []
    for _ in range(20):
        clock.now += 1.0
        held.append((one.held, two.keep()))
    assert held.count((True, True)) == 0
    assert held[-1] == (False, True)
    assert [one_held for one_held, _ in held].index(False) == GIVE_UP - 1
    assert [two_held for _, two_held in held].index(True) >= DURATION - 1
    assert spec(cluster, namespace) == ("two", 1)


def test_a_wall_clock_that_is_wrong_by_hours_takes_it_from_nobody(
    cluster: Cluster, namespace: str, wanting: Callable[[str, Clock], Lease]
) -> None:
    clock = Clock()
    assert wanting("one", clock).keep()
    path = PATH.format(namespace)
    content = cluster.request("GET", path).json
    content["spec"] |= {"renewTime": "2001-01-01T00:00:00.000000Z"}
    assert cluster.request("PUT", path, content).status == 200
    assert not wanting("two", clock).keep()


def test_of_many_that_want_it_at_once_one_gets_it(wanting: Callable[[str, Clock], Lease]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    clock = Clock()
    leases = [wanting(f"holder-{number}", clock) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(Lease.keep, leases)) == 1


def test_what_is_released_is_free_at_once(wanting: Callable[[str, Clock], Lease]) -> None:
    clock = Clock()
    one, two = wanting("one", clock), wanting("two", clock)
    assert one.keep()
    one.release()
    assert not one.held
    assert two.keep()


def test_it_is_held_for_a_while_when_the_server_is_away(
    cluster: Cluster, wanting: Callable[[str, Clock], Lease]
) -> None:
    clock = Clock()
    one = wanting("one", clock)
    assert one.keep()
    cluster.kill()
    held = []
    for _ in range(4):
        clock.now += RENEW
        held.append(one.keep())
    assert held == [True, True, False, False]
    cluster.start()
    clock.now += RENEW
    assert one.keep()


def test_why_it_cannot_be_asked_for_is_said_until_it_can(
    cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path, wanting: Callable[[str, Clock], Lease]
) -> None:
    connection = Connection(read_kubeconfig([str(cluster.kubeconfig(tmp_path / "direct"))]))
    nowhere = Lease(connection, "no-such-namespace", "reconcile", "me")
    assert (nowhere.keep(), nowhere.problem) == (
        False,
        "the API server does not have it, or not its namespace (NotFound)",
    )
    clock = Clock()
    lease = wanting("me", clock)
    proxy.inject(Refuse(503))
    assert (lease.keep(), lease.problem != "") == (False, True)
    proxy.clear()
    clock.now += RENEW
    assert (lease.keep(), lease.problem) == (True, "")
