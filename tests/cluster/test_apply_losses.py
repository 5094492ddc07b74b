"""Whatever is lost at whatever request: nothing is deleted too early, no object is lost track of, the next run converges."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.cluster import Connection, Patience
from sopskit.cluster.kubeconfig import read_kubeconfig
from sopskit.deploy.apply.carry_out import StoppedError
from sopskit.errors import ClusterError
from tests.cluster.apiserver import definition
from tests.cluster.faults import FOREVER, Call, Cut, Fault, Refuse
from tests.deploy.apply.applying import Applier, config_map, data_of, names_in, secret

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy

NAME = "app"
AT_ONCE = Patience(total=0)
NUMBERS = itertools.count(1)


class World:
    """A folder's objects before and after a change: a namespace, a definition and what needs them are new, two are gone."""

    def __init__(self, cluster: Cluster, proxy: Proxy, config: Path) -> None:
        self._cluster = cluster
        self._proxy = proxy
        self._config = config
        self.namespace = cluster.namespace()
        self.new = f"{self.namespace}-new"
        self.group = f"losses{next(NUMBERS)}.example"
        self.applier(AT_ONCE).apply(*self.before(), name=NAME)
        proxy.clear()

    def applier(self, patience: Patience) -> Applier:
        return Applier(Connection(read_kubeconfig([str(self._config)]), patience=patience), self.namespace)

    def before(self) -> list[dict[str, Any]]:
        return [secret("old-1", a="b"), secret("old-2", a="b"), secret("s0", a="before"), config_map("same", a="b")]

    def after(self) -> list[dict[str, Any]]:
        place = {"metadata": {"name": "g", "namespace": self.new}}
        inside = secret("inside", a="b")
        inside["metadata"]["namespace"] = self.new
        return [
            {**definition("Gadget", "gadgets", group=self.group), "apiVersion": "apiextensions.k8s.io/v1"},
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.new}},
            {"apiVersion": f"{self.group}/v1", "kind": "Gadget", **place},
            inside,
            *(secret(f"s{number}", a="after") for number in range(5)),
            config_map("same", a="b"),
        ]

    def run(self, patience: Patience) -> None:
        self.applier(patience).apply(*self.after(), name=NAME, prune=True)

    # --- what is there

    def state(self) -> dict[str, Any]:
        """The cluster as far as the run has to do with it; names of this world's own replaced."""
        gadget = self._cluster.request("GET", f"/apis/{self.group}/v1/namespaces/{self.new}/gadgets/g").status
        ids = json.dumps(self.stored()).replace(self.namespace, "NAMESPACE").replace(self.group, "GROUP")
        return {
            "secrets": {name: data_of(self._cluster, self.namespace, name) for name in self.secrets()},
            "inside": data_of(self._cluster, self.new, "inside"),
            "maps": names_in(self._cluster, self.namespace, "configmaps"),
            "gadget": gadget,
            "inventory": sorted(json.loads(ids)),
        }

    def secrets(self) -> list[str]:
        return names_in(self._cluster, self.namespace)

    def stored(self) -> list[list[str]]:
        data = data_of(self._cluster, self.namespace, f"sopskit-inventory-{NAME}", "configmaps")
        found: list[list[str]] = json.loads(data["objects"])
        return found

    # --- what was asked for

    def writes(self) -> list[str]:
        """The requests that write, in their order: the verb, and whether the server did it."""
        asked = [item for item in self._proxy.exchanges if item.method != "GET" and "dryRun" not in item.path]
        return [str(item) for item in asked if "accessreviews" not in item.path]

    def check(self, error: ClusterError) -> None:
        """What holds after a run that was cut off, wherever it was."""
        writes = self.writes()
        assert isinstance(error, StoppedError) is bool(writes), (error, writes)
        deletions = [number for number, line in enumerate(writes) if line.startswith("DELETE")]
        objects = [number for number, line in enumerate(writes) if "sopskit-inventory" not in line]
        if deletions:
            assert self.state() | {"secrets": None, "inventory": None} == EXPECTED | {
                "secrets": None,
                "inventory": None,
            }
            assert [number for number in objects if number > deletions[0]] == deletions[1:]
        else:
            assert {"old-1", "old-2"} <= set(self.secrets())
        stored = {tuple(id) for id in self.stored()}
        assert {("", "Secret", self.namespace, name) for name in self.secrets()} <= stored
        if data_of(self._cluster, self.new, "inside") is not None:
            assert ("", "Secret", self.new, "inside") in stored


EXPECTED: dict[str, Any] = {
    "secrets": {f"s{number}": {"a": "YWZ0ZXI="} for number in range(5)},
    "inside": {"a": "Yg=="},
    "maps": ["same", "sopskit-inventory-app"],
    "gadget": 200,
    "inventory": [
        ["", "ConfigMap", "NAMESPACE", "same"],
        ["", "Namespace", "", "NAMESPACE-new"],
        *(["", "Secret", "NAMESPACE", f"s{number}"] for number in range(5)),
        ["", "Secret", "NAMESPACE-new", "inside"],
        ["GROUP", "Gadget", "NAMESPACE-new", "g"],
        ["apiextensions.k8s.io", "CustomResourceDefinition", "", "gadgets.GROUP"],
    ],
}


@pytest.fixture
def config(cluster: Cluster, proxy: Proxy, tmp_path: Path) -> Path:
    """A kubeconfig that leads through the proxy."""
    return cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url)


def test_a_run_that_nothing_disturbs(cluster: Cluster, proxy: Proxy, config: Path) -> None:
    world = World(cluster, proxy, config)
    world.run(AT_ONCE)
    assert world.state() == EXPECTED
    deletions = [line.partition(" ")[0] for line in world.writes()]
    assert deletions[-3:] == ["DELETE", "DELETE", "PATCH"]  # the last is the inventory


@pytest.mark.parametrize(("fault", "stride"), [(Cut.BEFORE, 1), (Refuse(401), 3)], ids=["away", "token expired"])
def test_the_server_is_lost_for_good_at_any_request(
    cluster: Cluster, proxy: Proxy, config: Path, fault: Fault, stride: int
) -> None:
    world, counts = World(cluster, proxy, config), {True: 0, False: 0}
    for passing in itertools.count(0, stride):
        proxy.clear()
        proxy.inject(fault, skip=passing, times=FOREVER)
        try:
            world.run(AT_ONCE)
        except ClusterError as error:
            world.check(error)
        else:
            break
        has_written = bool(world.writes())
        counts[has_written] += 1
        if has_written:
            proxy.clear()
            world.run(AT_ONCE)
            assert world.state() == EXPECTED
            world = World(cluster, proxy, config)
    assert world.state() == EXPECTED
    assert min(counts.values()) >= 15 // stride


@pytest.mark.parametrize(
    ("fault", "method", "path"),
    [
        (Refuse(429, retry_after=0), "", ""),
        (Refuse(503), "", ""),
        (Refuse(409), "PATCH", ""),
        (Refuse(410), "GET", "limit="),
        (Cut.BEFORE, "", ""),
        (Cut.MIDDLE, "", ""),
        (Cut.AFTER, "", ""),
    ],
    ids=str,
)
def test_every_second_request_fails_and_the_run_does_not(
    cluster: Cluster, proxy: Proxy, config: Path, fault: Fault, method: str, path: str
) -> None:
    world = World(cluster, proxy, config)
    for number in range(60):
        proxy.inject(fault, method=method, path=path, skip=2 * number)
    world.run(Patience(total=30, sleep=lambda seconds: time.sleep(seconds / 20)))
    assert world.state() == EXPECTED
    deletions = [line for line in world.writes() if line.startswith("DELETE")]
    assert {line.partition("?")[0].rpartition("/")[2].partition(":")[0] for line in deletions} == {"old-1", "old-2"}


@pytest.mark.parametrize("path", [r"/secrets/s3\?(?!.*dryRun)", r"/secrets/old-2(?!.*dryRun)"], ids=["apply", "prune"])
def test_the_api_server_is_killed_and_restarted(cluster: Cluster, proxy: Proxy, config: Path, path: str) -> None:
    def restart() -> None:
        cluster.kill()
        cluster.start()

    world = World(cluster, proxy, config)
    proxy.inject(Call(restart), path=path)
    world.run(Patience(total=60))
    assert world.state() == EXPECTED


def test_lists_that_have_expired_for_good_stop_the_run_before_it_writes(
    cluster: Cluster, proxy: Proxy, config: Path
) -> None:
    world = World(cluster, proxy, config)
    proxy.inject(Refuse(410), path="limit=", times=FOREVER)
    with pytest.raises(ClusterError):
        world.run(AT_ONCE)
    assert world.writes() == []


# --- what is made anew


def test_the_server_is_lost_for_good_while_an_object_is_made_anew(
    cluster: Cluster, proxy: Proxy, config: Path, namespace: str
) -> None:
    applier = Applier(Connection(read_kubeconfig([str(config)]), patience=AT_ONCE), namespace)
    applier.recreate = True
    missing = 0
    for passing in itertools.count():
        versions = [{**secret("app", a=f"{passing}-{part}"), "immutable": True} for part in ("old", "new")]
        proxy.clear()
        applier.apply(versions[0], name=NAME)
        proxy.clear()
        proxy.inject(Cut.BEFORE, skip=passing, times=FOREVER)
        try:
            applier.apply(versions[1], name=NAME)
        except ClusterError as error:
            there = names_in(cluster, namespace) == ["app"]
            assert ("so it is missing" in str(error)) is not there
            missing += not there
        else:
            break
        proxy.clear()
        applier.apply(versions[1], name=NAME)
        assert data_of(cluster, namespace, "app") == {"a": base64.b64encode(f"{passing}-new".encode()).decode()}
    assert (passing > 8, missing) == (True, 1)


# --- at the same time


def test_runs_at_the_same_time_lose_track_of_nothing(cluster: Cluster, config: Path, namespace: str) -> None:
    connection = Connection(read_kubeconfig([str(config)]), patience=Patience(total=20))
    barrier = threading.Barrier(4)

    def run(number: int) -> bool:
        barrier.wait()
        try:
            Applier(connection, namespace).apply(secret("app", a="b"), secret(f"own-{number}", a="b"), name=NAME)
        except StoppedError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(run, range(4)))
    there = names_in(cluster, namespace)
    data = data_of(cluster, namespace, f"sopskit-inventory-{NAME}", "configmaps")
    assert [id[-1] for id in json.loads(data["objects"])] == there
    assert [f"own-{number}" in there for number in range(4)] == outcomes
    assert any(outcomes)
