"""The printed manifests in a cluster."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from tests.cli.running import sopskit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.cluster.apiserver import Cluster

    Install = Callable[..., list[Any]]


@contextmanager
def installing(cluster: Cluster, folder: Path, program: str) -> Iterator[Install]:
    """`reconcile --print-manifests OPTIONS | kubectl apply --server-side -f -`; gives the objects. Rights go afterwards."""
    config = cluster.kubeconfig(folder / "admin")
    rights: list[Any] = []

    def install(*options: str) -> list[Any]:
        text = sopskit("reconcile", "--print-manifests", *options).out
        kubectl(program, config, "apply", "--server-side", "-f", "-", input=text)
        objects = list(yaml.load_all(text, yaml.CSafeLoader))
        rights.extend(item for item in objects if item["apiVersion"].startswith("rbac."))
        return objects

    yield install
    kubectl(program, config, "delete", "--ignore-not-found", "-f", "-", input=yaml.safe_dump_all(rights).encode())


def kubectl(program: str, config: Path, *words: str, input: bytes = b"") -> str:
    """Run it; gives its output."""
    command = [program, "--kubeconfig", str(config), *words]
    done = subprocess.run(command, input=input, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def one(objects: Sequence[Any], kind: str) -> Any:
    """The only one of its kind."""
    (found,) = (item for item in objects if item["kind"] == kind)
    return found


def container(objects: Sequence[Any]) -> Any:
    """The Deployment's."""
    (found,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found
