"""Rounds of one source, in this process: a repository that is pushed over HTTP, and a real API server behind the proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sopskit.deploy.reconcile.access import Access
from sopskit.deploy.reconcile.report import Applied, Report, from_json
from sopskit.deploy.reconcile.round import Order, run_round
from sopskit.deploy.reconcile.source import Source, read_source
from tests.cli.running import sopskit
from tests.cluster.reconciler import Sources
from tests.git.servers import HttpServer
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

TOKEN = "test-only-token"
PATIENCE = 0.3  # seconds for the API server to answer
BEFORE = dict.fromkeys(("s0", "s1", "s2", "s3"), "before")  # what is in the cluster at first


class Told(NamedTuple):
    """What a round says of itself."""

    outcome: str
    reason: str
    message: str
    lines: tuple[str, ...] = ()


class Rounds:
    """A folder of four encrypted Secrets, s0 to s3, in Git; `run` makes a round of it."""

    def __init__(self, cluster: Cluster, proxy: Proxy, folder: Path, key: AgeTestKey, search_path: str) -> None:
        """Push the first version; the key is in the Secret `keys`."""
        self.cluster = cluster
        self.proxy = proxy
        self.namespace = cluster.namespace()
        self.key = key
        self.sources = Sources(cluster, self.namespace)
        self.remotes = folder / "remotes"
        self.remote = self.remotes / "config.git"
        self.remotes.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.remote)], check=True)
        self.git = init(folder / "work")
        self.server = HttpServer(self.remotes, token=TOKEN)
        self.scratch = folder / "scratch"
        self.scratch.mkdir(mode=0o700)
        self.applied: Applied | None = None
        self.search_path = search_path
        self.access = Access((str(cluster.kubeconfig(folder / "kubeconfig", server=proxy.url)),), patience=PATIENCE)
        self._rounds = 0
        self.sources.secret("git", {"username": "git", "password": TOKEN})
        self.give(key)
        for number in range(4):
            self.write(f"s{number}", a="before")
        self.first = self.push("the first version")

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.close()

    # --- what is in Git

    @property
    def dev(self) -> Path:
        """The folder that is applied."""
        return self.git.folder / "dev"

    def plain(self, name: str, text: str) -> Path:
        """Write a file of the repository."""
        return self.git.write(name, text.encode())

    def write(self, name: str, *, key: AgeTestKey | None = None, pgp: str = "", **entries: str) -> Path:
        """Write an encrypted Secret in the folder, for another key if one is named."""
        lines = "".join(f"    {key}: {value}\n" for key, value in entries.items())
        text = f"apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n{lines}"
        path = self.plain(f"dev/{name}.yaml", text)
        recipients = ("--pgp", pgp) if pgp else ("--age", (key or self.key).recipient)
        done = sopskit("encrypt", *recipients, "--encrypted-regex", "^(data|stringData)$", "--in-place", path)
        assert done.code == 0, done.err
        return path

    def push(self, message: str = "change", *, signing_key: Path | None = None) -> str:
        """Commit everything there is, and make it the branch, whatever that was before; the commit's id."""
        commit = self.git.commit({}, message)
        if signing_key is not None:
            words = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={signing_key}")
            self.git(*words, "commit", "-q", "--amend", "--allow-empty", "--no-edit", "-S")
            commit = self.git("rev-parse", "HEAD")
        self.git("push", "-q", "--force", str(self.remote), "HEAD:refs/heads/main")
        return commit

    def back(self) -> None:
        """All that a test may have changed is as at first, but for the objects in the cluster."""
        self.git("checkout", "-q", "--force", "-B", "main", self.first)
        self.git("clean", "-qdfx")
        self.git("push", "-q", "--force", str(self.remote), "HEAD:refs/heads/main")
        self.give(self.key)
        self.server.token, self.server.status, self.server.garbage = TOKEN, 0, b""
        self.proxy.clear()

    # --- what is in the cluster

    def give(self, key: AgeTestKey) -> None:
        """The cluster has this key and no other."""
        self.secret("keys", {"test-only.agekey": f"{key.identity}\n"})

    def secret(self, name: str, data: Mapping[str, str]) -> None:
        """Write a Secret in place of the one that is there."""
        self.cluster.request("DELETE", f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
        self.sources.secret(name, data)

    def values(self) -> dict[str, str]:
        """The Secrets of the folder that are in the cluster, and their only value."""
        from base64 import b64decode

        items = self.cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets").json["items"]
        return {
            item["metadata"]["name"]: b64decode(item["data"]["a"]).decode()
            for item in items
            if "a" in (item.get("data") or {})
        }

    # --- rounds

    def spec(self, **spec: object) -> dict[str, Any]:
        """What the source says."""
        usual: dict[str, Any] = {
            "repository": self.server.url("config.git"),
            "path": "dev",
            "credentials": {"secretRef": {"name": "git"}},
            "keys": {"secretRef": {"name": "keys"}},
        }
        return usual | spec

    def source(self, name: str = "dev", **spec: object) -> Source:
        """The source."""
        metadata = {"namespace": self.namespace, "name": name}
        found = read_source({"metadata": metadata, "spec": self.spec(**spec)})
        assert isinstance(found, Source)
        return found

    def run(self, source: Source | None = None) -> Report:
        """Make a round; it leaves nothing but perhaps the encrypted files, which the supervisor removes."""
        source = source or self.source()
        self._rounds += 1
        folder = self.scratch / f"round-{self._rounds}"
        before = tempfile.tempdir
        try:
            report = from_json(
                run_round(
                    Order(source, self.access, str(self.scratch), str(folder), self.search_path, "", self.applied)
                )
            )
        finally:
            tempfile.tempdir = before
        assert {path.name for path in folder.iterdir()} <= {"tree"}
        shutil.rmtree(folder)
        if report.applied:
            self.applied = Applied(report.revision, source.generation, report.key_version)
        return report

    def told(self, source: Source | None = None) -> Told:
        """Make a round; what it says, in texts without names that differ from run to run."""
        report = self.run(source)
        lines = tuple(self._named(line) for line in report.lines)
        return Told(report.outcome.value, report.reason, self._named(report.message), lines)

    def written(self) -> list[str]:
        """The requests since the proxy was cleared that would change something, dry runs left out."""
        return [
            f"{item.method} {item.path.partition('?')[0]}"
            for item in self.proxy.exchanges
            if item.method != "GET" and "dryRun=All" not in item.path
        ]

    def _named(self, text: str) -> str:
        for value, name in ((self.namespace, "NS"), (self.server.url("config.git"), "URL"), (self.proxy.url, "API")):
            text = text.replace(value, name)
        for commit in self._commits():
            text = text.replace(commit, "COMMIT").replace(commit[:12], "COMMIT")
        return text

    def _commits(self) -> Iterator[str]:
        yield from self.git("rev-list", "--all", "--reflog").split()


def search_path(*programs: str) -> str:
    """A PATH on which these programs come first."""
    folders = dict.fromkeys(str(Path(program).parent) for program in programs)
    return os.pathsep.join([*folders, os.environ["PATH"]])
