"""Many sources in one namespace, each with a folder of one repository and a key Secret of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from sopskit.deploy.apply.target import OWNER
from tests.cli.running import sopskit
from tests.cluster.accounts import Account
from tests.cluster.apiserver import ALL_VERBS
from tests.cluster.reconciler import Sources, define
from tests.git.servers import HttpServer
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sopskit.deploy.reconcile.source import SourceId
    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

TOKEN = "test-only-token"
ACCOUNT = "deployer"
FAST = {"interval": "5s", "retryInterval": "5s", "timeout": "60s"}


class Fleet:
    """The repository, the server that it is fetched from, and the sources."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path, key: AgeTestKey, other: AgeTestKey) -> None:
        """Nothing is pushed yet. The sources have `key`, and never `other`."""
        define(cluster)
        self.cluster = cluster
        self.namespace = namespace
        self.key = key
        self.other = other
        self.sources = Sources(cluster, namespace)
        self.remotes = folder / "remotes"
        self.remote = self.remotes / "config.git"
        self.remotes.mkdir()
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.remote)], check=True)
        self.git = init(folder / "work")
        self.server = HttpServer(self.remotes, token=TOKEN)
        Account(cluster, namespace, ACCOUNT).allow(["secrets", "configmaps"], ALL_VERBS)

    # --- what is in Git

    def add(self, names: Iterable[str]) -> None:
        """A folder for each, with the encrypted Secrets `NAME-1` and `NAME-2`."""
        paths = [self.plain(f"{name}/{number}.yaml", secret(f"{name}-{number}")) for name in names for number in (1, 2)]
        self.encrypt(*paths)

    def plain(self, name: str, text: str) -> Path:
        """Write a file."""
        return self.git.write(name, text.encode())

    def encrypt(self, *paths: Path, key: AgeTestKey | None = None) -> None:
        """Encrypt files in their places, for another key if one is named."""
        recipient = (key or self.key).recipient
        done = sopskit("encrypt", "--age", recipient, "--encrypted-regex", "^(data|stringData)$", "--in-place", *paths)
        assert done.code == 0, done.err

    def file(self, name: str, number: int = 1) -> Path:
        """A file of a folder."""
        return self.git.folder / name / f"{number}.yaml"

    def push(self) -> str:
        """Commit everything, and make it the branch main, whatever that was before; the commit's id."""
        commit = self.git.commit({})
        self.publish("main")
        return commit

    def publish(self, branch: str, commit: str = "HEAD") -> None:
        """Make a commit a branch, whatever that was before."""
        self.git("push", "-q", "--force", str(self.remote), f"{commit}:refs/heads/{branch}")

    # --- what is in the cluster

    def give(self, name: str, key: AgeTestKey | None = None) -> None:
        """Write the key Secret of a source."""
        self.sources.secret(f"keys-{name}", {"test-only.agekey": f"{(key or self.key).identity}\n"})

    def spec(self, name: str, **spec: object) -> dict[str, Any]:
        """What a source says."""
        usual: dict[str, Any] = {
            "repository": self.server.url("config.git"),
            "path": name,
            "credentials": {"secretRef": {"name": f"git-{name}"}},
            "keys": {"secretRef": {"name": f"keys-{name}"}},
            "serviceAccountName": ACCOUNT,
        }
        return usual | FAST | spec

    def source(self, name: str, **spec: object) -> SourceId:
        """Write a source with its Secrets."""
        self.give(name)
        self.allow(name)
        return self.sources.write(name, **self.spec(name, **spec))

    def allow(self, name: str, token: str = TOKEN) -> None:
        """Write the Secret with a source's Git token."""
        self.sources.secret(f"git-{name}", {"username": "git", "password": token})

    def gone(self, kind: str, name: str) -> None:
        """Delete a Secret or something else of the API's first group."""
        path = f"/api/v1/namespaces/{self.namespace}/{kind}/{name}"
        assert self.cluster.request("DELETE", path).status == 200

    def applied(self) -> list[str]:
        """The Secrets that came from Git."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets?labelSelector={OWNER}"
        return sorted(item["metadata"]["name"] for item in self.cluster.request("GET", path).json["items"])


def secret(name: str, value: str = "before") -> str:
    """A Secret's manifest."""
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n    a: {value}\n"
