"""Two teams with a namespace each and one reconciler: what one of them writes into a source does not reach what is the other's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.running import sopskit
from tests.cluster.accounts import Account
from tests.cluster.reconciler import Reconciler, Sources, condition, define
from tests.git.servers import HttpServer
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

TOKEN = "test-only-token"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeting}\ndata: {a: b}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: app\nstringData:\n    a: test-only-value-of-ours\n"
VERBS = ("get", "list", "create", "patch", "delete")


class Teams:
    """`ours` has a token for Git, alice's key and an account `deployer`; `theirs` has bob's key and one of the same name."""

    def __init__(self, cluster: Cluster, folder: Path, alice: AgeTestKey, bob: AgeTestKey) -> None:
        define(cluster)
        self.cluster = cluster
        self.ours, self.theirs = (Sources(cluster, cluster.namespace()) for _ in range(2))
        for team in (self.ours, self.theirs):
            Account(cluster, team.namespace, "deployer").allow(["secrets", "configmaps"], VERBS)
        self.ours.secret("ours", {"key.agekey": alice.identity})
        self.theirs.secret("theirs", {"key.agekey": bob.identity})
        self.ours.secret("git", {"password": TOKEN})
        self.remotes = folder / "remotes"
        self.remotes.mkdir()
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.remotes / "config.git")], check=True)
        git = init(folder / "work")
        path = git.write("ours/secret.yaml", SECRET.encode())
        assert sopskit("encrypt", "--age", alice.recipient, "--in-place", path).code == 0
        foreign = CONFIG_MAP.replace("{name: greeting}", f"{{name: greeting, namespace: {self.ours.namespace}}}")
        git.write("foreign/greeting.yaml", foreign.encode())
        git.write("theirs/greeting.yaml", CONFIG_MAP.encode())
        self.commit = git.commit({}, "first")
        git("push", "-q", str(self.remotes / "config.git"), "HEAD:refs/heads/main")

    def names(self, team: Sources, kind: str) -> set[str]:
        """The names of a namespace's objects."""
        items = self.cluster.request("GET", f"/api/v1/namespaces/{team.namespace}/{kind}").json["items"]
        return {item["metadata"]["name"] for item in items}


@pytest.fixture
def teams(cluster: Cluster, tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey) -> Teams:
    return Teams(cluster, tmp_path, alice, bob)


@pytest.fixture
def url(teams: Teams) -> Iterator[str]:
    with HttpServer(teams.remotes, token=TOKEN) as server:
        yield server.url("config.git")


def test_a_source_uses_keys_tokens_and_accounts_of_its_own_namespace_only(
    teams: Teams, url: str, cluster: Cluster, tmp_path: Path, builders: str
) -> None:
    ours, theirs = teams.ours, teams.theirs
    usual: dict[str, Any] = {
        "repository": url,
        "interval": "5s",
        "retryInterval": "5s",
        "serviceAccountName": "deployer",
    }

    def refs(keys: str, token: str = "git") -> dict[str, Any]:
        return {"keys": {"secretRef": {"name": keys}}, "credentials": {"secretRef": {"name": token}}, **usual}

    options = [word for team in (ours, theirs) for word in ("--namespace", team.namespace)]
    config = cluster.kubeconfig(tmp_path / "kubeconfig")
    with Reconciler(config, tmp_path / "reconciler", *options, path=builders) as reconciler:
        good = ours.write("good", path="ours", **refs("ours"))
        without_token = theirs.write("without-token", path="theirs", **refs("theirs"))
        assert "git" in theirs.wait_failed(without_token, "FetchFailed")

        theirs.secret("git", {"password": TOKEN})
        tried = {
            "their-key": theirs.write("their-key", path="ours", **refs("ours")),
            "other-key": theirs.write("other-key", path="ours", **refs("theirs")),
            "target": theirs.write("target", path="theirs", targetNamespace=ours.namespace, **refs("theirs")),
            "manifest": theirs.write("manifest", path="foreign", **refs("theirs")),
        }
        reasons = {
            name: condition(theirs.wait(id, lambda status: bool(condition(status)["reason"])))["reason"]
            for name, id in tried.items()
        }
        assert reasons == {
            "their-key": "KeyUnavailable",
            "other-key": "KeyMissing",
            "target": "ApplyRefused",
            "manifest": "ApplyRefused",
        }
        theirs.wait_ready(without_token, teams.commit)
        ours.wait_ready(good, teams.commit)
    assert teams.names(theirs, "secrets") == {"git", "theirs"}
    assert "app" in teams.names(ours, "secrets")
    assert "greeting" not in teams.names(ours, "configmaps")
    assert "test-only-value" not in reconciler.said()
