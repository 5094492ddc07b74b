"""Two replicas with one lease, killed at random while the branch moves on: one of them works at a time, and all converges.

A minute of it by default; with SOPSKIT_LONG=1 in the environment that pytest is started with, four minutes.
"""

from __future__ import annotations

import base64
import itertools
import os
import random
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile.forked import children_of
from sopskit.deploy.reconcile.lease import DURATION
from sopskit.deploy.reconcile.source import API_VERSION, KIND, SourceId
from tests.cluster.accounts import Account
from tests.cluster.audited import AuditedCluster, Event, audited_cluster
from tests.cluster.numbered import FOLDER, Numbered
from tests.cluster.reconciler import Reconciler, Sources, condition, define, until
from tests.cluster.tenures import intrusions, numbers, tenures
from tests.conftest import STARTED_WITH
from tests.deploy.apply.applying import data_of, names_in
from tests.git.servers import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import AgeTestKey

LONG = STARTED_WITH.get("SOPSKIT_LONG") == "1"
SECONDS = 240 if LONG else 35
OTHERS = 20  # objects, so that some are killed when a part of them is written
LEASE = "reconcile"
TOKEN = "test-only-token"


@pytest.fixture(scope="module")
def started_cluster(tool: Callable[[str], str], short_folder: Path) -> Iterator[AuditedCluster]:
    yield from audited_cluster(tool, short_folder)


class Replica:
    """A replica that has a new token, and so a name of its own in the audit log, each time it is started."""

    def __init__(self, account: Account, folder: Path, path: str) -> None:
        self.account = account
        self.folder = folder
        folder.mkdir()
        self.path = path
        self.process: Reconciler | None = None
        self.killed = 0

    def start(self) -> None:
        if self.process is not None:
            return
        cluster = self.account.cluster
        cluster.tokens[self.account.user] = self.account.token()
        config = cluster.kubeconfig(self.folder / "kubeconfig", user=self.account.user)
        words = ("--namespace", self.account.namespace, "--lease-namespace", self.account.namespace)
        self.process = Reconciler(config, self.folder, *words, "--lease-name", LEASE, path=self.path)
        self.process.start()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.killed += 1

    def stop(self) -> None:
        if self.process is not None:
            # that of the signal if it had not begun yet
            assert self.process.stop() in {0, -signal.SIGTERM}
            self.process = None

    def said(self) -> str:
        return (self.folder / "reconcile.log").read_text()


@pytest.fixture
def replicas(cluster: AuditedCluster, namespace: str, tmp_path: Path, builders: str) -> Iterator[list[Replica]]:
    """Two, not started; service accounts may do everything here."""
    define(cluster)
    admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    everybody = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:serviceaccounts"}
    content = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "test-everything"},
        "roleRef": admin,
        "subjects": [everybody],
    }
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/test-everything"
    assert cluster.apply(path, content, manager="test").status in {200, 201}
    found = [Replica(Account(cluster, namespace, name), tmp_path / name, builders) for name in ("one", "two")]
    yield found
    for replica in found:
        replica.kill()


@pytest.fixture
def tree(tmp_path: Path, alice: AgeTestKey) -> Numbered:
    return Numbered(tmp_path / "git", alice, others=OTHERS)


@pytest.fixture
def sources(cluster: AuditedCluster, namespace: str, alice: AgeTestKey, tree: Numbered) -> Iterator[Sources]:
    """The source `dev`, with its Secrets."""
    with HttpServer(tree.remotes, token=TOKEN) as server:
        sources = Sources(cluster, namespace)
        define(cluster)
        sources.secret("keys", {"team.agekey": alice.identity})
        sources.secret("git", {"username": "git", "password": TOKEN})
        sources.write(
            "dev",
            repository=server.url("config.git"),
            path=FOLDER,
            credentials={"secretRef": {"name": "git"}},
            keys={"secretRef": {"name": "keys"}},
            interval="5s",
            retryInterval="5s",
        )
        yield sources


def holder(replicas: list[Replica], events: list[Event]) -> Replica:
    """Who has the lease now, as far as is known."""
    held = tenures(events)
    user = next((event.user for event in reversed(events) if held and event.credential == held[-1].credential), "")
    return next((replica for replica in replicas if replica.account.user == user), replicas[0])


@pytest.mark.slow
def test_replicas_that_are_killed_at_random_never_write_at_the_same_time_and_converge(
    cluster: AuditedCluster, namespace: str, replicas: list[Replica], tree: Numbered, sources: Sources
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for replica in replicas:
            if chance.random() < 0.9:
                replica.start()
        tree.push()
        if chance.random() < 0.6:
            wait_for_writing(cluster, namespace, tree.number)
        else:
            time.sleep(chance.uniform(0.0, 6.0))
        act(chance, replicas, mine(cluster, namespace))
        time.sleep(chance.uniform(0.0, 3.0))
    for replica in replicas:
        replica.start()
    last = tree.push()
    sources.wait_ready(SourceId(namespace, "dev"), last)
    assert data_of(cluster, namespace, "settings", "configmaps") == {"number": str(tree.number)}
    there = [name for name in names_in(cluster, namespace, "configmaps") if name.startswith(("only-", "settings"))]
    assert there == sorted([f"only-{tree.number}", "settings", *(f"settings-{number}" for number in range(OTHERS))])
    for replica in replicas:
        replica.stop()
    events, killed = mine(cluster, namespace), sum(replica.killed for replica in replicas)
    written = numbers(events)
    told = f"seed {seed}, {tree.number} commits, {killed} killed, {len(tenures(events))} tenures, written: {Counter(written)}"
    held = tenures(events)
    pauses = [round(following.began - tenure.renewed, 1) for tenure, following in itertools.pairwise(held)]
    print(told, pauses)
    assert intrusions(events) == [], told
    assert written == sorted(written), told
    assert (killed > 0, len(tenures(events)) > 1) == (True, True), told
    assert "bug" not in "".join(replica.said() for replica in replicas)


def wait_for_writing(cluster: AuditedCluster, namespace: str, number: int) -> None:
    """Until the first object of a commit is written: the round is under way. Or for some seconds, if nobody works."""
    end = time.monotonic() + 8
    while time.monotonic() < end and number not in numbers(mine(cluster, namespace)):
        time.sleep(0.05)


def act(chance: random.Random, replicas: list[Replica], events: list[Event]) -> None:
    """Kill the one that works most of the time, else the other, or both; sometimes only ask the first to end."""
    works = holder(replicas, events)
    rests = next(replica for replica in replicas if replica is not works)
    which = chance.random()
    if which < 0.45:
        works.kill()
    elif which < 0.7:
        works.stop()
    elif which < 0.85:
        rests.kill()
    elif which < 0.95:
        works.kill()
        rests.kill()


def test_who_gets_the_lease_back_reads_anew_what_another_has_told(
    cluster: AuditedCluster, namespace: str, replicas: list[Replica], tree: Numbered, sources: Sources
) -> None:
    id, path = SourceId(namespace, "dev"), f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
    replicas[0].start()
    # it has told what it would tell again
    sources.wait(id, lambda status: "objects as in" in condition(status)["message"])

    def give(holder: str) -> None:
        lease = cluster.request("GET", path).json
        lease["spec"] |= {"holderIdentity": holder, "leaseTransitions": 7}
        assert cluster.request("PUT", path, lease).status == 200

    give("another")
    until(replicas[0].said, lambda said: "another replica works" in said)
    failed = {"type": "Ready", "status": "False", "reason": "CheckFailed", "message": "told by another"}
    failed |= {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"conditions": [failed]}
    content = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "dev"}, "status": status}
    answer = cluster.apply(f"{id.path}/status", content, manager="sopskit-status", force=True)
    assert answer.status == 200
    give("")
    sources.wait_ready(id, tree.git("rev-parse", "HEAD"))
    replicas[0].stop()


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="set SOPSKIT_LONG=1 for replicas that are frozen")
def test_a_replica_that_was_frozen_in_mid_round_writes_nothing_after_another_has_begun(
    cluster: AuditedCluster, namespace: str, replicas: list[Replica], tree: Numbered, sources: Sources
) -> None:
    id = SourceId(namespace, "dev")
    replicas[0].start()
    sources.wait_ready(id, tree.git("rev-parse", "HEAD"))
    replicas[1].start()
    tree.push()
    until(lambda: tree.number in numbers(mine(cluster, namespace)), bool, "the round")
    frozen = family_of(replicas[0])
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    sources.wait_ready(id, tree.push())
    for pid in reversed(frozen):  # the children first
        os.kill(pid, signal.SIGCONT)
    until(replicas[0].said, lambda said: "another replica works" in said)
    sources.wait_ready(id, tree.push())
    for replica in replicas:
        replica.stop()
    written = numbers(mine(cluster, namespace))
    assert (intrusions(mine(cluster, namespace)), written) == ([], sorted(written))


def mine(cluster: AuditedCluster, namespace: str) -> list[Event]:
    return [event for event in cluster.events() if event.namespace == namespace]


def family_of(replica: Replica) -> list[int]:
    """A replica's process and all below it, parents first."""
    assert replica.process is not None
    found = [replica.process.pid]
    for pid in found:
        found.extend(children_of(pid))
    return found


# --- what judges them


def event(credential: str, verb: str, resource: str, second: float, body: object = None) -> Event:
    parts = ("", resource, "dev", "a")
    return Event(second, second + 0.1, f"user of {credential}", credential, "", verb, *parts, False, 200, "", body)


def renewal(credential: str, second: float) -> Event:
    return event(credential, "update", "leases", second, {"spec": {"holderIdentity": credential}})


def test_a_write_without_the_lease_is_found() -> None:
    mine = event("one", "patch", "secrets", 12.0)
    assert intrusions([renewal("one", 10.0), mine, renewal("two", 30.0)]) == []
    late, early = event("one", "patch", "secrets", 31.0), event("two", "delete", "configmaps", 29.0)
    assert intrusions([renewal("one", 10.0), early, renewal("two", 30.0), late]) == [str(early), str(late)]
    unrenewed = event("one", "patch", "secrets", 10.1 + DURATION)
    assert intrusions([renewal("one", 10.0), unrenewed]) == [str(unrenewed)]


def test_the_order_of_commits_is_found_in_what_is_written() -> None:
    secret = base64.b64encode(b"test-only-3").decode()
    events = [
        event("one", "patch", "configmaps", 1.0, {"data": {"number": "2"}}),
        event("one", "patch", "secrets", 2.0, {"data": {"number": secret}}),
        event("one", "create", "configmaps", 3.0, {"data": {"objects": "[]"}}),
        event("one", "delete", "configmaps", 4.0, {"kind": "DeleteOptions"}),
    ]
    assert numbers(events) == [2, 3]
