"""The real Flux reconciles what sopskit encrypted, and what sopskit renders of it is the same in the cluster."""

from __future__ import annotations

import http
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.objects import read_objects
from tests.cli.running import sopskit
from tests.cluster.apiserver import definition
from tests.cluster.environments import Reader, write
from tests.cluster.flux import condition
from tests.cluster.snapshots import owners, snapshot
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cluster.apiserver import Cluster
    from tests.cluster.flux import Flux

HELM_RELEASE = definition("HelmRelease", "helmreleases", group="helm.toolkit.fluxcd.io", version="v2")
FLUX = ROOT / "fixtures" / "flux"
FLUX_KEYS = {"age.agekey": "age.txt", "age-pq.agekey": "age-pq.txt", "pgp.asc": "pgp.asc"}


class Renders:
    """`render --keys`, with the keys that Flux has as well, and `kubectl apply --server-side -f -`."""

    def __init__(self, folder: Path, kustomize: str, kubectl: str, kubeconfig: Path) -> None:
        self.keys = folder / "keys"
        self.environ = {"PATH": os.pathsep.join([str(Path(kustomize).parent), os.environ["PATH"]]), "GNUPGHOME": ""}
        self.kubeconfig = kubeconfig
        self.command = [kubectl, "--kubeconfig", str(kubeconfig), "apply", "--server-side", "-f", "-"]

    def __call__(self, folder: Path, reader: Reader) -> bytes:
        """The stream."""
        done = sopskit("render", folder, "--keys", reader.mounted(self.keys), environ=self.environ)
        assert (done.code, done.err) == (0, "")
        return done.out

    def apply(self, stream: bytes, *options: str) -> None:
        """Bring a stream into the cluster."""
        done = subprocess.run([*self.command, *options], input=stream, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def renders(tmp_path: Path, tool: Callable[[str], str], cluster: Cluster) -> Renders:
    return Renders(tmp_path, tool("kustomize"), tool("kubectl"), cluster.kubeconfig(tmp_path / "kubeconfig"))


@pytest.fixture
def target(cluster: Cluster, namespace: str) -> Callable[[str], str]:
    """Makes a namespace beside the one that holds Flux's own objects."""

    def make(name: str) -> str:
        made = cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": f"{namespace}-{name}"}})
        assert made.status == http.HTTPStatus.CREATED
        return f"{namespace}-{name}"

    return make


@pytest.mark.parametrize("environment", ["dev", "qa", "prod"])
def test_an_environment_is_the_same_by_flux_and_by_render(
    cluster: Cluster,
    flux: Flux,
    namespace: str,
    tmp_path: Path,
    renders: Renders,
    readers: Mapping[str, Reader],
    environment: str,
) -> None:
    cluster.define(HELM_RELEASE)
    tree = write(tmp_path / "flux", readers, prefix=f"{namespace}-flux-")
    flux.keep_key(namespace, "sops", readers[environment].private)
    done = flux.reconcile(namespace, tree.git.folder, key="sops", path=f"./k8s/gitops/{environment}")
    assert condition(done)["status"] == "True", done["status"]
    copy = tree.copied(tmp_path / "render", f"{namespace}-render-")
    stream = renders(copy.folder(environment), readers[environment])
    renders.apply(stream)
    by_flux, by_render = snapshot(cluster, tree.prefix), snapshot(cluster, copy.prefix)
    assert by_render == by_flux
    assert len(by_flux) == len(read_objects(stream)) == 13


def test_what_flux_has_applied_is_taken_over_as_it_is(
    cluster: Cluster, flux: Flux, namespace: str, tmp_path: Path, renders: Renders, readers: Mapping[str, Reader]
) -> None:
    cluster.define(HELM_RELEASE)
    tree = write(tmp_path / "tree", readers, prefix=f"{namespace}-flux-")
    flux.keep_key(namespace, "sops", readers["dev"].private)
    flux.reconcile(namespace, tree.git.folder, key="sops", path="./k8s/gitops/dev")
    before = snapshot(cluster, tree.prefix)
    assert owners(cluster, tree.prefix) == {"kustomize-controller"}
    options: list[str | Path] = ["--keys", readers["dev"].mounted(renders.keys), "--kubeconfig", renders.kubeconfig]
    first = sopskit("apply", tree.folder("dev"), *options, "--adopt", "flux", environ=renders.environ)
    assert (first.code, first.err) == (0, "")
    assert (snapshot(cluster, tree.prefix), owners(cluster, tree.prefix)) == (before, {"sopskit"})
    again = sopskit("apply", tree.folder("dev"), *options, environ=renders.environ)
    assert (again.code, again.out) == (0, b"13 unchanged\n")


@pytest.fixture
def flux_tree(tmp_path: Path) -> Path:
    """Flux's own test tree, without the one entry that needs the network."""
    tree = tmp_path / "tree"
    shutil.copytree(FLUX, tree, ignore=shutil.ignore_patterns("keys"))
    path = tree / "kustomization.yaml"
    path.write_text(path.read_text().replace("  - remote\n", ""))
    return tree


def test_flux_s_own_test_tree_is_the_same_by_flux_and_by_render(
    cluster: Cluster, flux: Flux, namespace: str, target: Callable[[str], str], flux_tree: Path, renders: Renders
) -> None:
    reader = Reader(private={name: (FLUX / "keys" / file).read_text() for name, file in FLUX_KEYS.items()})
    flux.keep_key(namespace, "sops", reader.private)
    done = flux.reconcile(namespace, flux_tree, key="sops", targetNamespace=target("flux"))
    assert condition(done)["status"] == "True", done["status"]
    renders.apply(renders(flux_tree, reader), "--namespace", target("render"))
    by_flux, by_render = snapshot(cluster, f"{namespace}-flux"), snapshot(cluster, f"{namespace}-render")
    assert by_render == by_flux
    assert len(by_flux) == 12
