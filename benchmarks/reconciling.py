"""What the reconciler costs beside Flux's controller: both at one real API server, with the same encrypted Secrets."""

from __future__ import annotations

import statistics
import subprocess
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import samples
from benchmarks.gitops import START
from benchmarks.replica import PATIENCE, Ours, Place, wait
from benchmarks.sealed import KEYS, Person, Sealer
from benchmarks.tasks import Limit, Result, Target
from sopskit.deploy.reconcile.source import SourceId
from tests.cluster.apiserver import MERGE
from tests.cluster.flux import KUSTOMIZATIONS
from tests.cluster.reconciler import Sources
from tests.testbed.install import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.flux import Flux

CONTROLLER = "kustomize-controller"
# without it Flux sends no more than 50 requests a second, with it as many as the API server takes
UNFAIR = ("--enable-priority-and-fairness=false",)
LIMITED = "Flux, 50 requests/s:"
TOKEN = "test-only-token"
SYNC = 3.0  # seconds after which sopskit lists its sources anew
OFTEN, SELDOM = 15, 600  # seconds between rounds


class Size(NamedTuple):
    """How much is measured: Secrets of one folder; teams with so many folders of so many objects each; rounds."""

    secrets: int
    teams: int
    folders: int
    objects: int
    rounds: int

    @property
    def sources(self) -> int:
        """All folders of all teams."""
        return self.teams * self.folders


FULL, QUICK = Size(1_000, 10, 10, 10, 3), Size(4, 2, 2, 2, 1)


class Repository(NamedTuple):
    """A work tree and the bare repository that it was pushed to."""

    tree: Path
    url: str
    commit: str


# --- what there is to reconcile


def write_folder(folder: Path, numbers: Sequence[int], seal: Callable[[str, str], bytes]) -> None:
    """Secrets of five values, each a file of its own, and a kustomization that names them."""
    folder.mkdir(parents=True)
    names = [f"secret{number:05d}.yaml" for number in numbers]
    for number, name in zip(numbers, names, strict=True):
        text = samples.secret_manifest(number).replace("  namespace: shop\n", "")
        (folder / name).write_bytes(seal(name, text))
    (folder / "kustomization.yaml").write_text("resources:\n" + "".join(f"  - {name}\n" for name in names))


def repository(place: Place, name: str, folders: Mapping[str, Sequence[int]]) -> Repository:
    """A repository with folders of Secrets, encrypted for alice."""
    alice = Person.read("alice")
    sealer = Sealer([alice], START)
    tree = place.folder / name
    for folder, of_it in folders.items():
        write_folder(tree / folder, of_it, lambda file, text: sealer.seal(file, text.encode(), [alice.recipient]))
    _git(tree, "init", "-q", "-b", "main")
    _git(tree, "add", ".")
    _git(
        tree, "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "-q", "--no-gpg-sign", "-m", "all"
    )
    _git(tree, "clone", "-q", "--bare", ".", str(place.remotes / f"{name}.git"))
    return Repository(tree, place.server.url(f"{name}.git"), _git(tree, "rev-parse", "HEAD"))


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


# --- a namespace of a team


def team(place: Place) -> str:
    """A namespace with keys, a token for Git, and an account that may do anything."""
    namespace = place.cluster.namespace()
    sources = Sources(place.cluster, namespace)
    sources.secret("keys", {"alice.agekey": _private()})
    sources.secret("git", {"username": "git", "password": TOKEN})
    group = "rbac.authorization.k8s.io"
    account = {"kind": "User", "name": f"system:serviceaccount:{namespace}:default", "apiGroup": group}
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": group}
    binding = {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": namespace}}
    path = f"/apis/{group}/v1/clusterrolebindings/{namespace}"
    made = place.cluster.apply(path, {**binding, "roleRef": role, "subjects": [account]}, manager="test")
    assert made.status == 201, made.body
    return namespace


def _private() -> str:
    return (KEYS / "test-only-alice.agekey").read_text()


# --- one folder of many Secrets, beside Flux


def one_folder(place: Place, flux: Flux, size: Size, peer: str = "Flux") -> list[Result]:
    """The first round, and rounds in which nothing is to be done, of one source and of one Kustomization.

    `peer` is what Flux is called, where it works under special conditions.
    """
    many = repository(place, "many", {"secrets": range(size.secrets)})
    flux.start()
    first, same = _flux_rounds(place.cluster, flux, many.tree)
    ours_first, ours_whole, ours_same = _our_rounds(place, many, size.rounds)
    of = f"of {size.secrets:,} Secrets"
    return [
        Result(f"first round {of}", "s", {peer: first, "sopskit": ours_first}, Target(0.15), peer),
        Result(f"round {of}, nothing to change", "s", {peer: same, "sopskit": ours_same}, Target(0.05), peer),
        Result(f"round {of}, decrypted and tried again", "s", {peer: same, "sopskit": ours_whole}, None, peer),
    ]


def _flux_rounds(cluster: Cluster, flux: Flux, tree: Path) -> tuple[float, float]:
    """From the Kustomization's creation until it is ready; from a request for a round until it is handled."""
    namespace = cluster.namespace()
    flux.keep_key(namespace, "keys", {"alice.agekey": _private()})
    start = time.perf_counter()
    wanted: dict[str, Any] = {"path": "./secrets", "targetNamespace": namespace, "timeout": "9m", "prune": True}
    found = flux.reconcile(namespace, tree, key="keys", patience=PATIENCE, **wanted)
    first = time.perf_counter() - start
    ready = next(item for item in found["status"]["conditions"] if item["type"] == "Ready")
    assert ready["status"] == "True", ready["message"]
    assert _count(cluster, namespace) == len(list((tree / "secrets").glob("secret*.yaml")))
    path = f"{KUSTOMIZATIONS}/namespaces/{namespace}/kustomizations/app"
    asked = datetime.now(UTC).isoformat()
    start = time.perf_counter()
    request = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": asked}}}
    assert cluster.request("PATCH", path, request, content_type=MERGE).status == 200
    wait(lambda: cluster.request("GET", path).json["status"].get("lastHandledReconcileAt") == asked, 0.1)
    same = time.perf_counter() - start
    # it is not to work while others are measured
    assert cluster.request("PATCH", path, {"spec": {"suspend": True}}, content_type=MERGE).status == 200
    return first, same


def _count(cluster: Cluster, namespace: str) -> int:
    """How many decrypted Secrets are in a namespace."""
    items = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets").json["items"]
    return sum("sops" not in item and item["metadata"]["name"].startswith("service-") for item in items)


def _our_rounds(place: Place, many: Repository, rounds: int) -> tuple[float, float, float]:
    """The same of ours, and rounds that decrypt and try everything again although nothing has changed."""
    namespaces = [team(place) for _ in range(rounds)]
    ours = Ours(place, namespaces)
    first: list[float] = []
    with ours.process:
        wait(ours.is_ready, 0.1)
        for namespace in namespaces:
            start = time.perf_counter()
            ours.write(SourceId(namespace, "many"), many.url, "secrets", SELDOM)
            ours.wait_ready(SourceId(namespace, "many"), many.commit)
            first.append(time.perf_counter() - start)
        id = SourceId(namespaces[0], "many")
        whole: list[float] = []
        following = ours.rounds(id)
        for number in range(rounds):
            ours.write(id, many.url, "secrets", SELDOM + number + 1)
            whole.append(next(following))
        ours.write(id, many.url, "secrets", 5)
        next(following)  # the last of these
        same = [next(following) for _ in range(rounds)]
    return statistics.median(first), statistics.median(whole), statistics.median(same)


# --- many sources


def many_sources(place: Place, size: Size) -> list[Result]:
    """All sources of all teams, due at the same time, with nothing to change in any of them."""
    ids: dict[SourceId, Repository] = {}
    every = iter(range(size.sources * size.objects))
    for number in range(size.teams):
        folders = {f"app{at}": [next(every) for _ in range(size.objects)] for at in range(size.folders)}
        of_team, namespace = repository(place, f"team{number}", folders), team(place)
        ids |= {SourceId(namespace, name): of_team for name in folders}
    ours = Ours(place, list(dict.fromkeys(id.namespace for id in ids)))

    def write(interval: int) -> None:
        for id, of_team in ids.items():
            ours.write(id, of_team.url, id.name, interval)

    write(OFTEN)
    with ours.process:
        for id, of_team in ids.items():
            ours.wait_ready(id, of_team.commit)
        whole = [ours.sweep(list(ids), SYNC, partial(write, OFTEN + number)) for number in range(1, size.rounds + 1)]
        same = [ours.sweep(list(ids), (OFTEN + size.rounds) * 1.1) for _ in range(size.rounds)]
    of = f"{size.sources:,} sources of {size.objects:,} objects"
    return [
        Result(f"{of}, nothing to change", "s", {"sopskit": statistics.median(same)}, Limit(3.0)),
        Result(f"{of}, decrypted and tried again", "s", {"sopskit": statistics.median(whole)}),
    ]


def versions(cluster: Cluster) -> str:
    """The peer, and the server that both apply to."""
    files = next(tool.files for tool in TOOLS if CONTROLLER in tool.programs)
    built = next(file.version for file in files if file.module.endswith(f"/{CONTROLLER}"))
    return f"{CONTROLLER} {built} and kube-apiserver {cluster.request('GET', '/version').json['gitVersion']}"


def all_reconciling(place: Place, flux: Flux, *, quick: bool) -> list[Result]:
    """Everything at an API server as it comes; `quick` with sizes that only prove that it runs."""
    size = QUICK if quick else FULL
    return [*one_folder(place, flux, size), *many_sources(place, size)]


def limited(place: Place, flux: Flux, *, quick: bool) -> list[Result]:
    """One folder at an API server with the options `UNFAIR`, so that Flux keeps its own limits."""
    return one_folder(place, flux, QUICK if quick else FULL, LIMITED)
