"""Hundreds of rounds of one process: full and idle ones, good and failing ones, and nothing piles up.

Two hundred by default; with SOPSKIT_LONG=1 in the environment that pytest is started with, a thousand.
"""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from sopskit.git.store import MOST_PACKS
from tests.cluster.apiserver import MERGE, free_ports
from tests.cluster.numbered import FOLDER, Numbered
from tests.cluster.reconciler import Reconciler, Sources, condition, define, until
from tests.conftest import STARTED_WITH
from tests.git.servers import HttpServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.deploy.reconcile.source import SourceId
    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

ROUNDS = 1000 if STARTED_WITH.get("SOPSKIT_LONG") == "1" else 200
FIRST = 50  # rounds after which is measured what must not grow
SOURCES = 24
TOKEN = "test-only-token"
RBAC = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
MOST_SOCKETS = 12  # six to the API server are kept, the probes listen


class Resources(NamedTuple):
    """What a process has: descriptors by what they are (sockets come and go), children, kibibytes of memory."""

    descriptors: tuple[str, ...]
    children: frozenset[int]
    memory: int


def children_of(pid: int) -> frozenset[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return frozenset(int(word) for file in files for word in file.read_text().split())


def forkserver_of(pid: int) -> int:
    (found,) = (child for child in children_of(pid) if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes())
    return found


def descriptors_of(pid: int) -> list[str]:
    links = Path(f"/proc/{pid}/fd").iterdir()
    found = []
    for link in links:
        try:
            found.append(re.sub(r"\d+", "N", str(link.readlink())))
        except FileNotFoundError:
            continue
    return sorted(found)


def resources_of(pid: int) -> Resources:
    descriptors = descriptors_of(pid)
    assert len([name for name in descriptors if name.startswith("socket:")]) <= MOST_SOCKETS
    status = Path(f"/proc/{pid}/status").read_text()
    memory = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert memory is not None
    lasting = tuple(name for name in descriptors if not name.startswith("socket:"))
    return Resources(lasting, children_of(pid), int(memory[1]))


class Endured:
    """The process, its sources, and what it is like when it rests."""

    def __init__(self, replica: Reconciler, sources: Sources, tree: Numbered, port: int) -> None:
        self.replica = replica
        self.sources = sources
        self.tree = tree
        self.port = port
        self.ids: list[SourceId] = []

    def rounds(self) -> int:
        """How many there were, by the metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return round(
            sum(float(value) for value in re.findall(r"^sopskit_rounds_total\{.*\} (\S+)$", text, re.MULTILINE))
        )

    def change(self, **spec: object) -> None:
        """Change all sources, so that each has a round at once; returns when these are over."""
        for id in self.ids:
            answer = self.sources.cluster.request("PATCH", id.path, {"spec": spec}, content_type=MERGE)
            assert answer.status == 200
            generation = answer.json["metadata"]["generation"]
        until(lambda: [id for id in self.ids if not self._is_over(id, generation)], lambda late: not late, str(spec))

    def _is_over(self, id: SourceId, generation: int) -> bool:
        status = self.sources.status(id)
        running = condition(status, "Reconciling")["status"] == "True"
        return status.get("observedGeneration") == generation and not running

    def at_rest(self) -> tuple[Resources, Resources]:
        """The supervisor and the forkserver while no round runs."""
        server = forkserver_of(self.replica.pid)
        until(lambda: children_of(server) or list(self.folder.glob("round-*")), lambda found: not found, "rest")
        return resources_of(self.replica.pid), resources_of(server)

    @property
    def folder(self) -> Path:
        return self.replica.folder / "scratch"


@pytest.fixture
def endured(cluster: Cluster, namespace: str, tmp_path: Path, alice: AgeTestKey, builders: str) -> Iterator[Endured]:
    define(cluster)
    tree = Numbered(tmp_path / "git", alice)
    sources = Sources(cluster, namespace)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"test-{namespace}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    assert cluster.apply(f"{RBAC}/test-{namespace}", binding, manager="test").status == 201
    sources.secret("keys", {"team.agekey": alice.identity})
    sources.secret("git", {"username": "git", "password": TOKEN})
    (port,) = free_ports(1)
    words = ("--namespace", namespace, "--listen", f"127.0.0.1:{port}")
    replica = Reconciler(cluster.kubeconfig(tmp_path / "kubeconfig"), tmp_path / "replica", *words, path=builders)
    with HttpServer(tree.remotes, token=TOKEN) as server, replica:
        endured = Endured(replica, sources, tree, port)
        for number in range(SOURCES):
            id = sources.write(
                f"source-{number}",
                repository=server.url("config.git"),
                path=FOLDER,
                credentials={"secretRef": {"name": "git"}},
                keys={"secretRef": {"name": "keys"}},
                targetNamespace=cluster.namespace(),
                interval="5s",
                retryInterval="5s",
            )
            endured.ids.append(id)
        yield endured


@pytest.mark.slow
def test_hundreds_of_rounds_leave_nothing_and_need_no_more_memory(endured: Endured) -> None:
    endured.change(suspend=False)
    turn, before = 0, None
    while (rounds := endured.rounds()) < ROUNDS:
        if before is None and rounds >= FIRST:
            before = endured.at_rest()
        turn += 1
        endured.change(path="not-there" if turn % 3 == 0 else FOLDER, retryInterval=f"{10 + turn}s")
        if turn % 2 == 0:
            endured.tree.push()
    last = endured.tree.push()
    endured.change(path=FOLDER, retryInterval="5s")
    for id in endured.ids:
        endured.sources.wait_ready(id, last)
    assert before is not None
    after = endured.at_rest()
    print(endured.rounds(), [(first.memory, then.memory) for first, then in zip(before, after, strict=True)])
    for first, then in zip(before, after, strict=True):
        assert (then.descriptors, then.children) == (first.descriptors, first.children)
        assert then.memory < 1.1 * first.memory
    # one store for all of a branch, in few files, and nothing of a round
    (store,) = endured.folder.glob("stores/*/")
    assert sorted(path.name for path in endured.folder.iterdir()) == ["stores"]
    assert len(list(store.glob("objects/pack/*.pack"))) <= MOST_PACKS + 1
    assert list(store.glob("objects/pack/tmp_*")) == []
    server = forkserver_of(endured.replica.pid)
    assert endured.replica.stop() == 0
    until(lambda: Path(f"/proc/{server}").exists(), lambda there: not there, "the forkserver's end")
