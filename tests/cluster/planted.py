"""Sources of the reconciler that work, fail and are drifted, and every secret in them is one that only the test knows."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from tests.canary.canaries import Canary, Scanner, token
from tests.cli.running import sopskit
from tests.cluster.accounts import Account
from tests.cluster.apiserver import ALL_VERBS, MERGE, free_ports
from tests.cluster.faults import FOREVER, Refuse
from tests.cluster.proxy import Proxy
from tests.cluster.reconciler import Reconciler, Sources, define, until
from tests.conftest import KEYS
from tests.deploy.apply.applying import data_of
from tests.deploy.checkouts import DATA, make_checkout, secret
from tests.deploy.notify.receivers import Reply, serving
from tests.git.servers import HttpServer, SshServer
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.deploy.reconcile.source import SourceId
    from tests.canary.canaries import Hit
    from tests.cluster.apiserver import Cluster
    from tests.cluster.faults import Exchange, Fault
    from tests.conftest import AgeTestKey

ACCOUNT = "deployer"
PGP_FILE = KEYS / "test-only-pgp.asc"
# where the numbers of the two private keys stand in the published file (gpg --list-packets): lines of its body, bytes
PGP_LINES, PGP_NUMBERS = (12, 52), (420, 2320)
SSH_SEED = slice(216, 256)  # of the base64 of an Ed25519 key in OpenSSH's form, in which nothing is encrypted
METADATA = "PartialObjectMetadata"
KEY_OF_A_SECRET = re.compile(r"/secrets/(?P<name>[^/?]+)$")
PATCH = "- op: remove\n  path: /stringData/{path}\n"
RELEASE = """apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: broken}
spec:
  chart:
    spec: {chart: k8s/helm-charts/broken, sourceRef: {kind: GitRepository, name: repository}}
  valuesFrom: [{kind: Secret, name: broken-values}]
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: typed}}
spec:
  selector: {{matchLabels: {{app: typed}}}}
  template:
    metadata: {{labels: {{app: typed}}}}
    spec:
      containers:
        - name: app
          image: registry.example.org/app
          env: [{{name: TYPED, value: {value}}}]
"""
FAILING = {
    "mac": "IntegrityFailed",
    "refused": "ApplyRefused",
    "midway": "StoppedMidway",
    "typed": "ApplyRefused",
    "chart": "BuildFailed",
    "build": "BuildFailed",
    "answer": "CheckFailed",
    "login": "FetchFailed",
    "bad-key": "KeyUnavailable",
}
GOOD = ("whole", "pgp")
VALUES = (
    *("pgp", "mac", "unread", "refused", "midway", "broken chart", "patched", "path in a patch", "checked", "by hand"),
)
CREDENTIALS = ("Git token", "wrong Git token")
RECEIVERS = ("webhook", "slack", "gitlab", "hmac", "GitLab token", "refusing")


class NotingProxy(Proxy):
    """Also notes which Secrets were read whole, and of which only the metadata."""

    read: set[tuple[str, str]]

    def arrived(self, exchange: Exchange, headers: Mapping[str, str], body: bytes) -> Fault | None:
        """Note the Secret."""
        found = KEY_OF_A_SECRET.search(exchange.path.partition("?")[0])
        if found is not None and exchange.method == "GET":
            self.read.add((found["name"], "metadata" if METADATA in headers.get("Accept", "") else "whole"))
        return super().arrived(exchange, headers, body)


class Ground(NamedTuple):
    """What the tests' fixtures give."""

    cluster: Cluster
    namespace: str
    folder: Path  # with a short path: an agent's socket is in it
    tool: Callable[[str], str]
    age: AgeTestKey
    pgp: str
    path: str


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
        self.canaries = [*self.checkout.canaries.values(), *self._plant()]
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

    def _plant(self) -> Iterator[Canary]:
        for slot in (*VALUES, *CREDENTIALS, *RECEIVERS, "answer"):
            yield Canary(slot, token())
        yield Canary("typed", str(secrets.randbelow(9 * 10**17) + 10**17), windows=False)
        yield Canary("age key", self.ground.age.identity.removeprefix("AGE-SECRET-KEY-"))
        yield Canary("bad key", token(58).upper())
        yield from _pgp_canaries()
        yield Canary("SSH key", "".join(self.ssh.identity.decode().splitlines()[1:-1])[SSH_SEED])
        yield Canary("API token", self.cluster.tokens["admin"])

    def _reconciler(self) -> Reconciler:
        ground = self.ground
        config = ground.cluster.kubeconfig(ground.folder / "kubeconfig", server=self.proxy.url)
        self.port = free_ports(1)[0]
        options = ["--namespace", ground.namespace, "--listen", f"127.0.0.1:{self.port}"]
        made = Reconciler(config, ground.folder / "reconciler", *options, path=ground.path)
        made.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        return made

    def alter(self, program: str) -> None:
        """Python that every process of the reconciler runs when it starts (the module `sitecustomize` of its library)."""
        folder = self.ground.folder / "changed"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(program)
        self.reconciler.environ["PYTHONPATH"] = str(folder)

    # --- what is in Git

    def push(self, names: Sequence[str]) -> str:
        """Write the folders of some sources, commit, and push; the commit's id."""
        for name in names:
            WRITERS[name](self)
        remote = self.remotes / "config.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
        git = Git(self.checkout.tree.folder)
        commit = git.commit({})
        git("push", "-q", str(remote), "HEAD:refs/heads/main")
        return commit

    def _plain(self, name: str, text: str) -> Path:
        return self.checkout.tree.plain(name, text)

    def write_secret(self, source: str, slot: str, name: str = "") -> Path:
        text = secret(name or source, value=self.text(slot))
        return self.checkout.tree.encrypted(f"{source}/{name or source}.yaml", text, *DATA)

    def write_pgp(self) -> None:
        path = self._plain("pgp/pgp.yaml", secret("pgp", value=self.text("pgp")))
        self._plain("pgp/kustomization.yaml", "resources: [pgp.yaml]\n")
        done = sopskit("encrypt", "--pgp", self.ground.pgp, "--encrypted-regex", "^stringData$", "--in-place", path)
        assert done.code == 0, done.err

    def write_mac(self) -> None:
        path = self.write_secret("mac", "mac")
        path.write_text(path.read_text().replace("name: mac", "name: other"))

    def write_refused(self) -> None:
        self.write_secret("refused", "refused")
        fault = Refuse(422, f"invalid: {self.text('refused')}")
        self.proxy.inject(fault, method="PATCH", path=r"/secrets/refused\?", times=FOREVER)

    def write_midway(self) -> None:
        self.write_secret("midway", "midway")
        self.write_secret("midway", "midway", "midway-2")
        fault = Refuse(422, f"invalid: {self.text('midway')}")
        self.proxy.inject(fault, method="PATCH", path=r"/secrets/midway-2\?(?!.*dryRun)", times=FOREVER)

    def write_typed(self) -> None:
        """The API server itself refuses a number where it wants a text, and quotes it."""
        self.checkout.tree.encrypted(
            "typed/typed.yaml", DEPLOYMENT.format(value=self.text("typed")), "--encrypted-regex", "^value$"
        )
        Account(self.cluster, self.namespace, "typed").allow(["deployments"], ALL_VERBS, group="apps")

    def write_chart(self) -> None:
        values = f"stringData:\n  values.yaml: |\n    password: {self.text('broken chart')}\n"
        self.checkout.tree.encrypted("chart/values.yaml", f"{secret('broken-values')}{values}", *DATA)
        self._plain("chart/release.yaml", RELEASE)
        self._plain("k8s/helm-charts/broken/Chart.yaml", "apiVersion: v2\nname: broken\nversion: 1.2.3\n")
        self._plain("k8s/helm-charts/broken/templates/x.yaml", "{{ fail .Values.password }}")

    def write_build(self) -> None:
        self.write_secret("build", "patched")
        patch = PATCH.format(path=self.text("path in a patch"))
        self.checkout.tree.encrypted("build/patch.txt", patch)
        target = "target: {kind: Secret}"
        self._plain("build/kustomization.yaml", f"resources: [build.yaml]\npatches: [{{path: patch.txt, {target}}}]\n")

    # --- what is in the cluster

    def follow(self, name: str, **spec: object) -> None:
        """Write a source and its Secrets."""
        keys = {"test-only.agekey": f"{self.ground.age.identity}\n"}
        login = {"username": "git", "password": self.text("Git token")}
        more: dict[str, object] = {"path": name, "retryInterval": "1h", "interval": "5s"}
        url = self.http.url("config.git")
        if name == "whole":
            more |= {"path": "k8s/gitops/dev", "helm": True, "checks": [self._check("ok")]}
        elif name == "pgp":
            keys, url = {"test-only.asc": PGP_FILE.read_text()}, self.ssh.url("config.git")
            login = {"identity": self.ssh.identity.decode(), "known_hosts": self.ssh.known_hosts.decode()}
        elif name == "bad-key":
            keys = {"test-only.agekey": f"AGE-SECRET-KEY-1{self.text('bad key')}\n"}
        elif name == "login":
            login["password"] = self.text("wrong Git token")
        elif name == "answer":
            more["checks"] = [self._check("expected")]
        elif name == "chart":
            more["helm"] = True
        elif name == "typed":
            more["serviceAccountName"] = "typed"
        self.sources.secret(f"keys-{name}", keys)
        self.sources.secret(f"git-{name}", login)
        refs = {"keys": {"secretRef": {"name": f"keys-{name}"}}, "credentials": {"secretRef": {"name": f"git-{name}"}}}
        fields: dict[str, Any] = {"repository": url, "serviceAccountName": ACCOUNT, "notify": self._channels(), **refs, **more, **spec}
        self.ids[name] = self.sources.write(name, **fields)

    def _check(self, contains: str) -> dict[str, object]:
        """A check whose answer holds a secret; `ok` asks for nothing in it."""
        wanted = {} if contains == "ok" else {"contains": contains}
        http = {"url": self.answering.url("/health"), **wanted}
        return {"name": "answers", "http": http, "retries": 1, "every": "1s"}

    def _channels(self) -> list[dict[str, object]]:
        hooks = {
            "webhook": {"hmac": self.text("hmac")},
            "slack": {},
            "gitlab": {"token": self.text("GitLab token")},
        }
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
        return {
            name: self.sources.wait_failed(id, FAILING[name]) for name, id in self.ids.items() if name not in GOOD
        }

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


def _pgp_canaries() -> Iterator[Canary]:
    """Parts of the two private keys: lines of the armor, and numbers as gpg writes them into the files of its home."""
    body = PGP_FILE.read_text().partition("\n\n")[2].splitlines()
    raw = base64.b64decode("".join(line for line in body if line[:1] not in {"=", "-"}))
    for line, place in zip(PGP_LINES, PGP_NUMBERS, strict=True):
        yield Canary("PGP key", body[line])
        yield Canary("PGP number", raw[place : place + 32].hex().upper())


WRITERS: Mapping[str, Callable[[Planted], object]] = {
    "whole": lambda planted: None,
    "pgp": Planted.write_pgp,
    "mac": Planted.write_mac,
    "refused": Planted.write_refused,
    "midway": Planted.write_midway,
    "typed": Planted.write_typed,
    "chart": Planted.write_chart,
    "build": Planted.write_build,
    "answer": lambda planted: planted.write_secret("answer", "checked"),
    "login": lambda planted: planted.write_secret("login", "unread"),
    "bad-key": lambda planted: planted.write_secret("bad-key", "unread"),
}
