"""The reconciler while sources, servers and processes fail: nothing is deleted, the others go on, and all recover."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml

from sopskit.deploy.reconcile.source import API_VERSION, KIND
from tests.cluster.builders import held_kustomize, lives, wait_for_builds
from tests.cluster.faults import FOREVER, Call, Refuse
from tests.cluster.fleet import Fleet, secret
from tests.cluster.reconciler import PATIENCE, Reconciler, condition, until
from tests.deploy.notify.receivers import Reply, serving
from tests.git.servers import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

    Change = Callable[[Fleet, str], object]

BOMB = "\n".join(
    f"{name}: &{name} [{', '.join(['1' if name == 'a' else f'*{before}'] * 9)}]"
    for before, name in zip("_abcdefgh", "abcdefghi", strict=True)
)
NOWHERE = "http://127.0.0.1:9/config.git"  # the port of the discard service, where nobody listens

# the clock on the wall goes a day forward and a day back each time that it is looked at
LEAPING = """\
import itertools, runpy, time
now, leaps = time.time, itertools.cycle((0, 86400, -86400))
time.time = lambda: now() + next(leaps)
runpy.run_module("sopskit", run_name="__main__", alter_sys=True)
"""


class Poison(NamedTuple):
    """What goes wrong with a source, the reason that it gives, and how it is healed beside pushing the first files."""

    happen: Change
    reason: str
    heal: Change = lambda fleet, name: fleet.source(name)


def empty(fleet: Fleet, name: str) -> None:
    for number in (1, 2):
        fleet.file(name, number).unlink()


def no_manifest(fleet: Fleet, name: str) -> None:
    empty(fleet, name)
    fleet.plain(f"{name}/README.md", "text\n")


def half_for_another_key(fleet: Fleet, name: str) -> None:
    fleet.encrypt(fleet.plain(f"{name}/1.yaml", secret(f"{name}-1", "after")), key=fleet.other)


def by_hand(fleet: Fleet, name: str) -> None:
    path = fleet.file(name)
    path.write_text(path.read_text().replace(f"name: {name}-1", f"name: {name}-x"))


def cut_off(fleet: Fleet, name: str) -> None:
    path = fleet.file(name)
    path.write_bytes(path.read_bytes()[:-200])


def also(text: str) -> Change:
    return lambda fleet, name: fleet.plain(f"{name}/3.yaml", text)


def spec(**fields: object) -> Change:
    return lambda fleet, name: fleet.sources.write(name, **fleet.spec(name, **fields))


def kind(name: str, more: str = "") -> str:
    return f"apiVersion: v1\nkind: {name}\nmetadata: {{name: thing}}\n{more}"


def delete_branch(fleet: Fleet, name: str) -> None:
    fleet.git("-C", str(fleet.remote), "update-ref", "-d", f"refs/heads/{name}")


def force_empty_tree(fleet: Fleet, name: str) -> None:
    fleet.publish(name, fleet.git("commit-tree", "-m", "nothing", fleet.git("mktree", input=b"")))


def publish(fleet: Fleet, name: str) -> None:
    fleet.publish(name)


OWN_BRANCH = ("deleted", "forced")  # each has a branch of its own name
POISONS = {
    "deleted": Poison(delete_branch, "FetchFailed", publish),
    "forced": Poison(force_empty_tree, "SourceRefused", publish),
    "empty": Poison(empty, "SourceRefused"),
    "no-manifest": Poison(no_manifest, "SourceRefused"),
    "another-key": Poison(lambda fleet, name: fleet.give(name, fleet.other), "KeyMissing"),
    "half": Poison(half_for_another_key, "KeyMissing"),
    "no-key": Poison(lambda fleet, name: fleet.gone("secrets", f"keys-{name}"), "KeyUnavailable"),
    "by-hand": Poison(by_hand, "IntegrityFailed"),
    "cut-off": Poison(cut_off, "SourceRefused"),
    "broken": Poison(also("a: [\n"), "BuildFailed"),
    "bomb": Poison(also(BOMB), "SourceRefused"),
    "deep": Poison(also("a: " + "[" * 20_000), "SourceRefused"),
    "no-such-kind": Poison(also(kind("Nothing")), "ApplyRefused"),
    "invalid": Poison(also(kind("ConfigMap", "data: {'a/b': c}\n")), "ApplyRefused"),
    "claims": Poison(also(secret("good-1")), "ApplyRefused"),
    "no-branch": Poison(spec(branch="nowhere"), "FetchFailed"),
    "no-server": Poison(spec(repository=NOWHERE), "FetchFailed"),
    "token": Poison(lambda fleet, name: fleet.allow(name, "expired"), "FetchFailed"),
    "unsigned": Poison(spec(signedBy=["ssh-ed25519 AAAA nobody"]), "FetchFailed"),
    "policy": Poison(spec(policy=[{"kinds": ["ConfigMap"]}]), "ApplyRefused"),
    "no-rights": Poison(spec(serviceAccountName="nobody"), "ApplyRefused"),
    "not-valid": Poison(spec(interval="9999h"), "Invalid"),
    "check": Poison(spec(checks=[{"name": "a", "tcp": {"address": "127.0.0.1:9"}, "retries": 0}]), "CheckFailed"),
}


@pytest.fixture
def fleet(cluster: Cluster, namespace: str, tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey) -> Iterator[Fleet]:
    fleet = Fleet(cluster, namespace, tmp_path, alice, bob)
    with fleet.server:
        yield fleet


@pytest.fixture
def replica(cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path, builders: str) -> Iterator[Reconciler]:
    """A reconciler behind the proxy, not started."""
    config = cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url)
    found = Reconciler(config, tmp_path / "reconciler", "--namespace", namespace, path=builders)
    yield found
    found.kill()


def deletions(proxy: Proxy) -> list[str]:
    """What was deleted, dry runs left out."""
    return [item.partition("?")[0] for item in proxy.requests("DELETE", r"^(?!.*dryRun)")]


def test_twenty_and_more_poisoned_sources_stop_no_other_one_delete_nothing_and_recover(
    fleet: Fleet, proxy: Proxy, replica: Reconciler
) -> None:
    with replica, HttpServer(fleet.remotes) as endless:
        endless.trickle = 0.2
        poisons = POISONS | {"slow": Poison(spec(timeout="1s", repository=endless.url("config.git")), "CutOff")}
        fleet.add([*poisons, "good"])
        first = fleet.push()
        ids = {name: fleet.source(name) for name in [*poisons, "good"] if name not in OWN_BRANCH}
        for name in OWN_BRANCH:
            fleet.publish(name)
            ids[name] = fleet.source(name, branch=name)
        for id in ids.values():
            fleet.sources.wait_ready(id, first)
        there = fleet.applied()
        assert len(there) == 2 * len(ids)

        for name, poison in poisons.items():
            poison.happen(fleet, name)
        fleet.encrypt(fleet.plain("good/1.yaml", secret("good-1", "after")))
        poisoned = fleet.push()
        fleet.sources.wait_ready(ids["good"], poisoned)
        told = {name: fleet.sources.wait_failed(ids[name], poison.reason) for name, poison in poisons.items()}
        missing = f"half/1.yaml: no private key at hand opens this file; encrypted for {fleet.other.recipient}"
        assert told["half"] == f"{missing} (encrypt it for a key in keys-half, or put its key there)"
        assert (deletions(proxy), fleet.applied()) == ([], there)

        fleet.git("revert", "--no-edit", "HEAD")
        healed = fleet.push()
        for name, poison in poisons.items():
            poison.heal(fleet, name)
        for id in ids.values():
            fleet.sources.wait_ready(id, healed)
        assert (deletions(proxy), fleet.applied()) == ([], there)
    assert replica.stop() == 0


def test_servers_that_go_away_and_a_clock_that_leaps_delete_nothing_and_need_no_restart(
    fleet: Fleet, proxy: Proxy, replica: Reconciler
) -> None:
    replica.command[1:3] = ["-c", LEAPING]
    fleet.add(["app"])
    fleet.push()
    busy = Reply(503)
    with serving(busy, busy, busy, Reply(200)) as receiver, replica:
        fleet.sources.secret("hook", {"address": receiver.url()})
        fleet.sources.secret("closed", {"address": "http://127.0.0.1:9/"})
        notify = [{"type": "webhook", "secretRef": {"name": name}} for name in ("hook", "closed")]
        id = fleet.source("app", notify=notify)
        fleet.sources.wait_ready(id, fleet.git("rev-parse", "HEAD"))

        # the API server knows the token no more
        proxy.inject(Refuse(401), times=FOREVER)
        fleet.file("app", 2).unlink()
        fleet.encrypt(fleet.plain("app/1.yaml", secret("app-1", "after")))
        changed = fleet.push()
        until(replica.said, lambda said: "Unauthorized" in said, "a refused token")
        assert (deletions(proxy), fleet.applied()) == ([], ["app-1", "app-2"])
        proxy.clear()
        fleet.sources.wait_ready(id, changed)
        until(fleet.applied, lambda found: found == ["app-1"], "deleted after all")
        assert len(deletions(proxy)) == 1

        # the API server goes away, and comes back
        proxy.clear()
        fleet.git("mv", "app/1.yaml", "app/3.yaml")
        fleet.encrypt(fleet.plain("app/3.yaml", secret("app-3")))
        fleet.cluster.kill()
        moved = fleet.push()
        until(lambda: len(proxy.exchanges), lambda count: count > 5, "an API server that does not answer")
        assert deletions(proxy) == []
        fleet.cluster.start()
        fleet.sources.wait_ready(id, moved)
        assert fleet.applied() == ["app-3"]
        until(lambda: len(receiver.seen), lambda count: count > 3, "a notice at the fourth attempt")
    assert replica.stop() == 0


def descendants(pid: int) -> set[int]:
    """A process's children and theirs."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(word) for file in files for word in file.read_text().split()}
    return children.union(*(descendants(child) for child in children))


def rounds_in(replica: Reconciler) -> list[str]:
    """The folders of rounds in the scratch folder."""
    return sorted(path.name for path in (replica.folder / "scratch").glob("round-*"))


def test_rounds_end_with_their_source_and_with_the_process_and_leave_nothing(
    fleet: Fleet, replica: Reconciler, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    held = held_kustomize(tmp_path / "held", tool("kustomize"))
    replica.environ["PATH"] = f"{held}{os.pathsep}{replica.environ['PATH']}"
    fleet.add(["one", "two"])
    for name in ("one", "two"):
        fleet.plain(f"{name}/kustomization.yaml", "resources: [1.yaml, 2.yaml]\n")
    first = fleet.push()
    replica.start()

    # a source that is deleted while its round runs
    one = fleet.source("one")
    build = wait_for_builds(held, 1)
    assert rounds_in(replica) == ["round-1"]
    assert fleet.cluster.request("DELETE", one.path).status == 200
    until(lambda: lives(build), lambda living: not living, "the build's end")
    until(lambda: rounds_in(replica), lambda found: found == [], "the folder's end")
    assert fleet.applied() == []

    # SIGTERM while a round runs: it is finished
    two = fleet.source("two")
    wait_for_builds(held, 2)
    started = descendants(replica.pid)
    os.kill(replica.pid, signal.SIGTERM)
    (held / "hold").unlink()
    assert replica.stop() == 0
    until(lambda: [pid for pid in started if lives(pid)], lambda living: living == [], "the end of all")
    assert rounds_in(replica) == []
    assert fleet.applied() == ["two-1", "two-2"]
    fleet.sources.wait_ready(two, first)

    # SIGKILL while a round runs: nothing of it lives on, and the next process takes away what is left of it
    (held / "hold").touch()
    replica.start()
    fleet.encrypt(fleet.plain("two/1.yaml", secret("two-1", "after")))
    second = fleet.push()
    build = wait_for_builds(held, 3)
    started = descendants(replica.pid)
    assert build in started
    replica.kill()
    until(lambda: [pid for pid in started if lives(pid)], lambda living: living == [], "the end of all")
    (held / "hold").unlink()
    replica.start()
    fleet.sources.wait_ready(two, second)
    assert rounds_in(replica) == []
    assert replica.stop() == 0


def test_a_process_that_is_killed_while_it_applies_loses_track_of_nothing(
    fleet: Fleet, proxy: Proxy, replica: Reconciler
) -> None:
    fleet.add(["app"])
    first = fleet.push()
    replica.start()
    id = fleet.source("app")
    fleet.sources.wait_ready(id, first)
    fleet.encrypt(
        fleet.plain("app/1.yaml", secret("app-1", "after")),
        fleet.plain("app/3.yaml", secret("app-3")),
    )
    fleet.file("app", 2).unlink()
    pid, killed = replica.pid, Event()

    def kill() -> None:
        os.kill(pid, signal.SIGKILL)
        killed.set()

    proxy.inject(Call(kill), method="PATCH", path=r"/secrets/app-1\?(?!.*dryRun)")
    second = fleet.push()
    assert killed.wait(PATIENCE)
    replica.kill()
    replica.start()
    fleet.sources.wait_ready(id, second)
    until(fleet.applied, lambda found: found == ["app-1", "app-3"], "the deletion")
    assert replica.stop() == 0


def test_a_suspended_source_rests_and_drift_is_only_told_where_that_is_asked_for(
    fleet: Fleet, proxy: Proxy, replica: Reconciler
) -> None:
    fleet.add(["rests", "tells"])
    fleet.push()
    with replica:
        rests, tells = fleet.source("rests", suspend=True), fleet.source("tells", drift="report")
        fleet.sources.wait_ready(tells, fleet.git("rev-parse", "HEAD"))
        until(lambda: fleet.sources.status(rests).get("observedGeneration"), lambda found: found == 1, "seen")
        assert fleet.applied() == ["tells-1", "tells-2"]
        ready = condition(fleet.sources.status(rests))
        assert (ready["status"], ready["reason"]) == ("False", "Suspended")

        fleet.gone("secrets", "tells-1")
        message = fleet.sources.wait_failed(tells, "Drifted")
        assert message == f"1 object not as in Git, and left so: + Secret {fleet.namespace}/tells-1"
        assert condition(fleet.sources.status(tells), "Drifted")["status"] == "True"
        assert fleet.applied() == ["tells-2"]

        # what says nothing of the objects makes no new source of it
        fleet.source("tells", drift="report", interval="6s")
        fleet.sources.wait(tells, lambda status: condition(status).get("observedGeneration") == 2, "looked at anew")
        assert condition(fleet.sources.status(tells))["reason"] == "Drifted"
        assert fleet.applied() == ["tells-2"]

        # both are asked for again
        for id in (fleet.source("rests", suspend=False), fleet.source("tells", drift="correct")):
            fleet.sources.wait_ready(id, fleet.git("rev-parse", "HEAD"))
        assert fleet.applied() == ["rests-1", "rests-2", "tells-1", "tells-2"]
        assert condition(fleet.sources.status(tells), "Drifted")["status"] == "Unknown"
        assert deletions(proxy) == []


def config(fleet: Fleet, folder: Path, *names: str, **fields: object) -> Path:
    """A file of sources; they are applied as whoever runs it."""
    path = folder / "sources.yaml"
    specs = {name: fleet.spec(name, **fields) for name in names}
    metadata = {"namespace": fleet.namespace}
    documents = [
        {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata | {"name": name}, "spec": spec}
        for name, spec in specs.items()
    ]
    path.write_text(yaml.safe_dump_all(documents))
    return path


def test_one_round_of_each_source_of_a_file_tells_by_its_exit_status_whether_all_went_well(
    fleet: Fleet, tmp_path: Path, builders: str
) -> None:
    def run(path: Path) -> tuple[int, list[str]]:
        replica = Reconciler(kubeconfig, tmp_path / "once", "--config", str(path), "--once", path=builders)
        done = subprocess.run(replica.command, env=replica.environ, capture_output=True, text=True, check=False)
        assert done.stdout == ""
        lines = done.stderr.replace(str(tmp_path), "TMP").replace(f"{fleet.namespace}/", "NS/").splitlines()
        return done.returncode, sorted(line.partition("Z ")[2] or line for line in lines)

    kubeconfig = fleet.cluster.kubeconfig(tmp_path / "kubeconfig")
    fleet.add(["one", "two"])
    commit = fleet.push()[:12]
    for name in ("one", "two"):
        fleet.give(name)
        fleet.allow(name)
    both = config(fleet, tmp_path, "one", "two")
    created = [f"NS/{name}: applied: 2 created from {commit}" for name in ("one", "two")]
    assert run(both) == (0, created)
    assert run(both) == (0, [f"NS/{name}: unchanged: 2 objects as in {commit}" for name in ("one", "two")])

    fleet.gone("secrets", "keys-two")
    unchanged = f"NS/one: unchanged: 2 objects as in {commit}"
    assert run(both) == (
        1,
        [unchanged, f"NS/two: failed: there is no Secret keys-two in the namespace {fleet.namespace}"],
    )
    assert run(config(fleet, tmp_path, "one", interval="soon")) == (1, ["NS/one: spec.interval is no duration"])
    both.write_text("")
    assert run(both) == (0, ["there is no source"])
    both.write_text("a: [\n")
    assert run(both) == (1, ["sopskit: error: TMP/sources.yaml: is not valid YAML"])
    assert run(tmp_path / "nowhere.yaml") == (1, ["sopskit: error: TMP/nowhere.yaml: no such file or directory"])
    assert fleet.applied() == ["one-1", "one-2", "two-1", "two-2"]
