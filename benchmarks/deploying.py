"""What the way into the cluster costs: folders rendered, and Secrets applied to a real API server."""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import samples
from benchmarks.gitops import START
from benchmarks.measure import Command, in_turn
from benchmarks.sealed import Person, Sealer
from benchmarks.tasks import Limit, Result, Target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.tasks import Bench
    from tests.cluster.apiserver import Cluster

RENDERED = 1_000
APPLIED = 500
RENDER_ROUNDS = 9
APPLY_ROUNDS = 3
VALUES = ("DB_PASSWORD", "API_TOKEN", "SESSION_KEY")


class Folders(NamedTuple):
    """The same Secrets twice: plain for the peer, encrypted for sopskit."""

    plain: Path
    encrypted: Path


def small_secret(number: int, seed: int = 20240506) -> str:
    """A Kubernetes Secret with three values, in whatever namespace it is applied to."""
    dice = random.Random(seed + number)
    values = "".join(f"  {key}: {_data(dice)}\n" for key in VALUES)
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: service-{number:05d}\ntype: Opaque\ndata:\n{values}"


def _data(dice: random.Random) -> str:
    return base64.b64encode(samples.token(dice, 24).encode()).decode()


def write_folders(parent: Path, texts: Sequence[str]) -> Folders:
    """A file for each manifest, and the same encrypted for alice."""
    folders = Folders(parent / "plain", parent / "encrypted")
    alice = Person.read("alice")
    sealer = Sealer([alice], START)
    for folder in folders:
        folder.mkdir(parents=True)
    for number, text in enumerate(texts):
        name = f"secret{number:05d}.yaml"
        (folders.plain / name).write_text(text)
        (folders.encrypted / name).write_bytes(sealer.seal(name, text.encode(), [alice.recipient]))
    return folders


def renders(bench: Bench, kustomize: str, count: int, rounds: int) -> list[Result]:
    """A folder of Secrets as they are, and under a kustomization that names them all.

    kustomize alone builds the encrypted files: as many objects, and no value of them is of use.
    """
    parent = bench.runner.folder / "rendered"
    folder = write_folders(parent, [samples.secret_manifest(number) for number in range(count)]).encrypted
    plain = in_turn(_ours(bench, "render", str(folder)), rounds, bench.runner.seconds)
    kustomized = parent / "kustomized"
    shutil.copytree(folder, kustomized)
    names = "".join(f"  - {path.name}\n" for path in sorted(folder.iterdir()))
    (kustomized / "kustomization.yaml").write_text(f"resources:\n{names}")
    commands = [
        Command("kustomize", [kustomize, "build", str(kustomized)]),
        *_ours(bench, "render", str(kustomized)),
    ]
    built = in_turn(commands, rounds, bench.runner.seconds)
    return [
        Result(f"render {count:,} Secrets of a folder", "s", plain, Limit(0.6)),
        Result(f"render {count:,} Secrets of a kustomization", "s", built, Limit(1.2), peer="kustomize"),
    ]


def applies(bench: Bench, kubectl: str, cluster: Cluster, count: int, rounds: int) -> list[Result]:
    """New Secrets, in a namespace of their own each time, then the same again, which changes nothing."""
    parent = bench.runner.folder / "applied"
    folders = write_folders(parent, [small_secret(number) for number in range(count)])
    commands = [
        Command("kubectl", [kubectl, "apply", "--server-side", "-f", str(folders.plain)]),
        *_ours(bench, "apply", "--name", "services", str(folders.encrypted)),
    ]
    commands = [_at_cluster(command, parent / f"{command.contestant}.kubeconfig", cluster) for command in commands]
    first = in_turn(commands, rounds, bench.runner.seconds)
    same = in_turn([command._replace(prepare=None) for command in commands], rounds, bench.runner.seconds)
    return [
        Result(f"apply {count:,} new Secrets", "s", first, Target(0.2), peer="kubectl"),
        Result(f"apply {count:,} Secrets that are there", "s", same, Target(0.1), peer="kubectl"),
    ]


def _at_cluster(command: Command, kubeconfig: Path, cluster: Cluster) -> Command:
    """A contestant with a kubeconfig of its own, whose context gets a new namespace before each run."""

    def prepare() -> None:
        cluster.kubeconfig(kubeconfig, context=command.contestant, namespace=cluster.namespace())

    return Command(command.contestant, [*command.argv, f"--kubeconfig={kubeconfig}"], prepare)


def _ours(bench: Bench, *arguments: str) -> list[Command]:
    return [Command("sopskit", [*bench.programs["sopskit"], *arguments])] if "sopskit" in bench.programs else []


def versions(kustomize: str, kubectl: str, cluster: Cluster) -> str:
    """The peers, and the server that both apply to."""
    builder = subprocess.run([kustomize, "version"], capture_output=True, text=True, check=True).stdout.strip()
    client = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, check=True).stdout
    server = cluster.request("GET", "/version").json["gitVersion"]
    return f"kustomize {builder}, kubectl {_after(client, 'Client Version:')} and kube-apiserver {server}"


def _after(text: str, words: str) -> str:
    return next(line.removeprefix(words).strip() for line in text.splitlines() if line.startswith(words))


def all_deploying(bench: Bench, kustomize: str, kubectl: str, cluster: Cluster, *, quick: bool) -> list[Result]:
    """Everything; `quick` with sizes that only prove that it runs."""
    if quick:
        return [*renders(bench, kustomize, 4, 1), *applies(bench, kubectl, cluster, 4, 1)]
    return [
        *renders(bench, kustomize, RENDERED, RENDER_ROUNDS),
        *applies(bench, kubectl, cluster, APPLIED, APPLY_ROUNDS),
    ]
