"""Sources of the reconciler that work, fail and are drifted, and every secret in them is one that only the test knows."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import urllib.request
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tests.canary.canaries import Scanner
from tests.cluster.accounts import Account
from tests.cluster.apiserver import ALL_VERBS, MERGE, free_ports
from tests.cluster.planting import PGP_FILE, Folders, data_keys, plant
from tests.cluster.proxy import Proxy
from tests.cluster.reconciler import Reconciler, Sources, define, until
from tests.deploy.apply.applying import data_of
from tests.deploy.checkouts import make_checkout
from tests.deploy.notify.receivers import Reply, serving
from tests.git.servers import HttpServer, SshServer
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sopskit.deploy.reconcile.source import SourceId
    from tests.canary.canaries import Hit
    from tests.cluster.faults import Exchange, Fault
    from tests.cluster.planting import Ground

ACCOUNT = "deployer"
# what makes programs tell more than they should, if it reaches them
TALKATIVE = (
    *("PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "SOPSKIT_DEBUG", "HELM_DEBUG"),
    *("GIT_TRACE", "GIT_TRACE_CURL", "GIT_CURL_VERBOSE", "GIT_TRACE_PACKET", "GIT_TRACE_SETUP"),
)
METADATA = "PartialObjectMetadata"
KEY_OF_A_SECRET = re.compile(r"/secrets/(?P<name>[^/?]+)$")
FAILING = {
    "mac": "IntegrityFailed",
    "refused": "ApplyRefused",
    "midway": "StoppedMidway",
    "typed": "ApplyRefused",
    "chart": "BuildFailed",
    "build": "BuildFailed",
    "answer": "CheckFailed",
    "login": "FetchFailed",
    "bad-login": "FetchFailed",
    "bad-key": "KeyUnavailable",
}
GOOD = ("whole", "pgp")
NO_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n"


class NotingProxy(Proxy):
    """Also notes which Secrets were read whole, and of which only the metadata."""

    read: set[tuple[str, str]]

    def arrived(self, exchange: Exchange, headers: Mapping[str, str], body: bytes) -> Fault | None:
        """Note the Secret."""
        found = KEY_OF_A_SECRET.search(exchange.path.partition("?")[0])
        if found is not None and exchange.method == "GET":
            self.read.add((found["name"], "metadata" if METADATA in headers.get("Accept", "") else "whole"))
        return super().arrived(exchange, headers, body)


class Planted:
    """The repository, its servers, the receivers of notices, and a reconciler that is not started. A context manager."""

    def __init__(self, ground: Ground) -> None:
        define(ground.cluster)
        self.cluster, self.namespace = ground.cluster, ground.namespace
        self.ground = ground
        self.ids: dict[str, SourceId] = {}
        self.sources = Sources(ground.cluster, ground.namespace)
        self.checkout = make_checkout(ground.folder, ground.tool, ground.age, namespace=ground.namespace, release=True)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        ground, folder = self.ground, self.ground.folder
        self.remotes = folder / "remotes"
        self.remotes.mkdir()
        (folder / "ssh").mkdir()
        self.proxy = NotingProxy(ground.cluster)
        self.proxy.read = set()
        self._held.callback(self.proxy.close)
        self.ssh = self._held.enter_context(SshServer(self.remotes, folder / "ssh"))
        self.canaries = [*self.checkout.canaries.values(), *plant(ground, self.ssh.identity)]
        self.scanner = Scanner(self.canaries)
        self.http = self._held.enter_context(HttpServer(self.remotes, token=self.text("Git token")))
        body = self.text("answer").encode()
        self.answering = self._held.enter_context(serving(Reply(200, body=body)))
        self.refusing = self._held.enter_context(serving(Reply(404, body=body)))
        self.reconciler = self._reconciler()
        self._held.callback(self.reconciler.kill)
        Account(ground.cluster, ground.namespace, ACCOUNT).allow(["secrets", "configmaps"], ALL_VERBS)
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()

    def text(self, slot: str) -> str:
        """A canary's text."""
        return next(canary.text for canary in self.canaries if canary.slot == slot)

    def _reconciler(self) -> Reconciler:
        ground = self.ground
        config = ground.cluster.kubeconfig(ground.folder / "kubeconfig", server=self.proxy.url)
        self.port = free_ports(1)[0]
        options = ["--namespace", ground.namespace, "--listen", f"127.0.0.1:{self.port}"]
        made = Reconciler(config, ground.folder / "reconciler", *options, path=ground.path)
        made.environ |= dict.fromkeys(TALKATIVE, "1")
        return made

    def alter(self, program: str) -> None:
        """Python that every process of the reconciler runs when it starts (the module `sitecustomize` of its library)."""
        folder = self.ground.folder / "changed"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(program)
        self.reconciler.environ["PYTHONPATH"] = str(folder)

    def stand_in(self, name: str, text: str) -> Path:
        """A script in the place of a program; the folder that it is in, which it knows as `{folder}`."""
        folder = self.ground.folder / "bin"
        folder.mkdir()
        script = folder / name
        script.write_text(f"#!/bin/sh\n{text.format(folder=folder)}\n")
        script.chmod(0o755)
        self.reconciler.environ["PATH"] = f"{folder}{os.pathsep}{self.reconciler.environ['PATH']}"
        return folder

    # --- what is in Git

    def push(self, names: Sequence[str]) -> str:
        """Write the folders of some sources, commit, and push; the commit's id."""
        folders = Folders(self.ground, self.checkout, self.proxy, self.text)
        for name in names:
            folders.write(name)
        self.canaries += data_keys(self.ground, self.checkout.tree.folder, names)
        self.scanner = Scanner(self.canaries)
        remote = self.remotes / "config.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
        git = Git(self.checkout.tree.folder)
        commit = git.commit({})
        git("push", "-q", str(remote), "HEAD:refs/heads/main")
        return commit

    # --- what is in the cluster

    def follow(self, name: str, **spec: object) -> None:
        """Write a source and its Secrets."""
        self.sources.secret(f"keys-{name}", self._keys(name))
        self.sources.secret(f"git-{name}", self._login(name))
        server = self.ssh if name in {"pgp", "bad-login"} else self.http
        fields: dict[str, Any] = {
            "repository": server.url("config.git"),
            "path": "k8s/gitops/dev" if name == "whole" else name,
            "keys": {"secretRef": {"name": f"keys-{name}"}},
            "credentials": {"secretRef": {"name": f"git-{name}"}},
            "serviceAccountName": "typed" if name == "typed" else ACCOUNT,
            "interval": "5s",
            "retryInterval": "1h",
            "helm": name in {"whole", "chart"},
            "checks": self._checks(name),
            "notify": self._channels(),
        }
        self.ids[name] = self.sources.write(name, **fields | spec)

    def _keys(self, name: str) -> dict[str, str]:
        if name == "pgp":
            return {"test-only.asc": PGP_FILE.read_text()}
        if name == "bad-key":
            return {"test-only.agekey": f"AGE-SECRET-KEY-1{self.text('bad key')}\n"}
        return {"test-only.agekey": f"{self.ground.age.identity}\n"}

    def _login(self, name: str) -> dict[str, str]:
        known_hosts = self.ssh.known_hosts.decode()
        if name == "pgp":
            return {"identity": self.ssh.identity.decode(), "known_hosts": known_hosts}
        if name == "bad-login":
            return {"identity": NO_KEY.format(self.text("bad SSH key")), "known_hosts": known_hosts}
        return {"username": "git", "password": self.text("wrong Git token" if name == "login" else "Git token")}

    def _checks(self, name: str) -> list[dict[str, object]]:
        """A check whose answer holds a secret, and what another source wants to find in it and does not."""
        wanted = {"whole": {}, "answer": {"contains": "expected"}}
        http = {"url": self.answering.url("/health"), **wanted.get(name, {})}
        return [{"name": "answers", "http": http, "retries": 1, "every": "1s"}] if name in wanted else []

    def _channels(self) -> list[dict[str, object]]:
        hooks = {"webhook": {"hmac": self.text("hmac")}, "slack": {}, "gitlab": {"token": self.text("GitLab token")}}
        for kind, data in hooks.items():
            self.sources.secret(f"hook-{kind}", {"address": self.answering.url(f"/{self.text(kind)}"), **data})
        self.sources.secret("hook-refusing", {"address": self.refusing.url(f"/{self.text('refusing')}")})
        wanted = [("webhook", "refusing"), *((kind, kind) for kind in hooks)]
        return [{"type": kind, "secretRef": {"name": f"hook-{name}"}} for kind, name in wanted]

    def wait(self, commit: str) -> dict[str, str]:
        """Wait until every source has had its round; the message of each that failed."""
        for name, id in self.ids.items():
            if name in GOOD:
                self.sources.wait_ready(id, commit)
        return {name: self.sources.wait_failed(id, FAILING[name]) for name, id in self.ids.items() if name not in GOOD}

    def wait_idle(self) -> None:
        """Wait until every good source has been looked at and needed no round, and note which Secrets were read for that."""
        for name in GOOD:
            self.follow(name, retryInterval="2h")  # a change of the source: a whole round at once
        for name in GOOD:
            self.sources.wait(self.ids[name], lambda status: status.get("lastAppliedGeneration") == 2, "a whole round")
        self.proxy.read.clear()
        looks = {(f"keys-{name}", "metadata") for name in GOOD} | {(f"git-{name}", "whole") for name in GOOD}
        until(lambda: self.proxy.read, lambda found: looks <= found, "a look at each")

    def drift(self, name: str) -> None:
        """Change the value of a Secret by hand, and wait until it is put right."""
        value = base64.b64encode(self.text("by hand").encode()).decode()
        path = f"/api/v1/namespaces/{self.namespace}/secrets/{name}"
        changed = self.cluster.request("PATCH", path, {"data": {"value": value}}, content_type=MERGE)
        assert changed.status == 200, changed.body
        until(lambda: data_of(self.cluster, self.namespace, name)["value"], lambda found: found != value, "put right")

    # --- what is told

    @property
    def ports(self) -> dict[int, str]:
        """The servers, by their ports."""
        hooks = {int(server.host_and_port.rpartition(":")[2]): "receiver" for server in (self.answering, self.refusing)}
        proxy = int(self.proxy.url.rpartition(":")[2])
        return {self.http.port: "Git server", self.ssh.port: "SSH server", proxy: "API server", **hooks}

    def metrics(self) -> str:
        """What Prometheus reads."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def told(self) -> set[Hit]:
        """Hits in the log, the metrics, and what receivers were sent: all but the address and the header with the token."""
        hits = self.scanner.scan(self.reconciler.log.read_bytes(), "log")
        hits |= self.scanner.scan(self.metrics().encode(), "metrics")
        for server in (self.answering, self.refusing):
            for seen in server.seen:
                hits |= self.scanner.scan(seen.body, f"body to {seen.path[:4]}")
                headers = {name: text for name, text in seen.headers.items() if name != "PRIVATE-TOKEN"}
                hits |= self.scanner.scan(repr(headers).encode(), "headers")
        return hits
