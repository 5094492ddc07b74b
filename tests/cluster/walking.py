"""A GitOps repository that is pushed to a remote, and the reconciler that follows it: fixtures."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.environments import write
from tests.cluster.reconciler import Reconciler, Sources, define
from tests.deploy.apply.applying import data_of
from tests.git.servers import HttpServer, SshServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sopskit.deploy.reconcile.source import SourceId
    from tests.cluster.apiserver import Cluster
    from tests.cluster.environments import Reader

FAST = {"interval": "5s", "retryInterval": "5s"}


class Walk:
    """A repository that is pushed to a bare remote, its servers, and sources for its environments."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path, readers: Mapping[str, Reader]) -> None:
        self.cluster = cluster
        self.sources = Sources(cluster, namespace)
        self.remotes = folder / "remotes"
        self.remotes.mkdir()
        self.tree = write(folder / "work", readers, prefix=f"{namespace}-")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.remotes / "config.git")], check=True)
        for name, reader in readers.items():
            self.sources.secret(f"keys-{name}", reader.private)

    def push(self, *options: str) -> None:
        """Push the work tree's branch."""
        self.git("push", "-q", *options, str(self.remotes / "config.git"), "HEAD:refs/heads/main")

    def git(self, *words: str) -> str:
        """Run git in the work tree."""
        command = ["git", "-C", str(self.tree.git.folder), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def source(self, environment: str, url: str, *, name: str = "", **spec: object) -> SourceId:
        """A source for an environment, called after it or by another name."""
        usual: dict[str, Any] = {
            "repository": url,
            "path": f"k8s/gitops/{environment}",
            "credentials": {"secretRef": {"name": "git"}},
            "keys": {"secretRef": {"name": f"keys-{environment}"}},
        }
        return self.sources.write(name or environment, **(usual | FAST | spec))


@pytest.fixture
def walk(cluster: Cluster, namespace: str, tmp_path: Path, readers: Mapping[str, Reader]) -> Walk:
    """The first version, pushed."""
    define(cluster)
    walk = Walk(cluster, namespace, tmp_path, readers)
    walk.push()
    return walk


@pytest.fixture
def builders(tool: Callable[[str], str]) -> str:
    """A PATH with the programs that a round starts."""
    folders = dict.fromkeys(str(Path(tool(name)).parent) for name in ("kustomize", "helm", "git", "gpg"))
    return os.pathsep.join([*folders, os.environ["PATH"]])


@pytest.fixture
def reconciler(cluster: Cluster, namespace: str, tmp_path: Path, short_folder: Path, builders: str) -> Reconciler:
    """One replica for the sources of the test's namespace, not started. Its sockets need a short path (unix(7))."""
    config = cluster.kubeconfig(tmp_path / "kubeconfig")
    return Reconciler(
        config, Path(tempfile.mkdtemp(prefix="reconcile-", dir=short_folder)), "--namespace", namespace, path=builders
    )


@pytest.fixture
def http(walk: Walk) -> Iterator[HttpServer]:
    with HttpServer(walk.remotes, token="test-only-token") as server:
        walk.sources.secret("git", {"username": "git", "password": "test-only-token"})
        yield server


@pytest.fixture
def accounts(walk: Walk) -> None:
    """The service account of the namespace may do everything: these tests are not about rights."""
    for namespace in [walk.sources.namespace]:
        user = f"system:serviceaccount:{namespace}:default"
        content = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"test-{namespace}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        path = f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/test-{namespace}"
        assert walk.cluster.apply(path, content, manager="test").status in {200, 201}


@pytest.fixture
def ssh(walk: Walk, tmp_path: Path) -> Iterator[SshServer]:
    folder = tmp_path / "ssh"
    folder.mkdir()
    with SshServer(walk.remotes, folder) as server:
        credentials = server.credentials
        walk.sources.secret("git", {"identity": credentials.identity.reveal(), "known_hosts": credentials.known_hosts})
        yield server


def names(walk: Walk, environment: str, kind: str = "secrets") -> set[str]:
    """The names of what is in an environment's namespace."""
    path = f"/api/v1/namespaces/{walk.tree.namespace(environment)}/{kind}"
    return {item["metadata"]["name"] for item in walk.cluster.request("GET", path).json["items"]}


def password(walk: Walk, environment: str) -> str:
    """One of the values that the tree's writer chose."""
    data = data_of(walk.cluster, walk.tree.namespace(environment), "service1")
    return base64.b64decode(data["DB_PASSWORD"]).decode() if data else ""
