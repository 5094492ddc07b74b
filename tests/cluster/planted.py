"""Sources of the reconciler that work, fail and are drifted, and every secret in them is one that only the test knows."""

from __future__ import annotations

import base64
import re
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.canary.canaries import Canary, Scanner, token
from tests.cli.running import sopskit
from tests.cluster.accounts import Account
from tests.cluster.apiserver import ALL_VERBS, MERGE, free_ports
from tests.cluster.faults import FOREVER, Refuse
from tests.cluster.proxy import Proxy
from tests.cluster.reconciler import Reconciler, Sources, define, until
from tests.conftest import KEYS
from tests.deploy.checkouts import DATA, make_checkout, secret
from tests.deploy.notify.receivers import Reply, serving
from tests.git.servers import HttpServer, SshServer
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
VALUES = (*("mac", "refused", "midway", "typed", "broken chart", "path in a patch", "answer", "pgp", "by hand"),)
KEYS_OF_FILES = ("age key", "PGP key 1", "PGP key 2", "PGP number 1", "PGP number 2", "bad key")
CREDENTIALS = ("Git token", "wrong Git token", "SSH key", "API token")
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
        self.canaries = self._plant()
        self.scanner = Scanner(list(self.canaries.values()))
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
        return self.canaries[slot].text

    def _plant(self) -> dict[str, Canary]:
        planted = [Canary(slot, token()) for slot in (*VALUES, *CREDENTIALS[:2], *RECEIVERS)]
        age = self.ground.age.identity.removeprefix("AGE-SECRET-KEY-")
        planted += [Canary("age key", age), Canary("bad key", token(58).upper())]
        planted += [Canary("API token", self.cluster.tokens["admin"])]
        ssh = "".join(self.ssh.identity.decode().splitlines()[1:-1])
        planted += [Canary("SSH key", ssh[SSH_SEED], windows=False)]
        body = PGP_FILE.read_text().partition("\n\n")[2].splitlines()
        raw = base64.b64decode("".join(body[: body.index(next(line for line in body if line.startswith("=")))]))
        for number, (line, place) in enumerate(zip(PGP_LINES, PGP_NUMBERS, strict=True), 1):
            planted += [Canary(f"PGP key {number}", body[line], windows=False)]
            planted += [Canary(f"PGP number {number}", raw[place : place + 32].hex().upper(), windows=False)]
        planted += [Canary("typed", str(int.from_bytes(token(7).encode()) | 1 << 55), windows=False)]
        return self.checkout.canaries | {canary.slot: canary for canary in planted}

    def _reconciler(self) -> Reconciler:
        ground = self.ground
        config = ground.cluster.kubeconfig(ground.folder / "kubeconfig", server=self.proxy.url)
        self.port = free_ports(1)[0]
        options = ["--namespace", ground.namespace, "--listen", f"127.0.0.1:{self.port}"]
        made = Reconciler(config, ground.folder / "reconciler", *options, path=ground.path)
        made.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        return made

    def change(self, program: str) -> None:
        """Python that every process of the reconciler runs when it starts (the module `sitecustomize` of its library)."""
        folder = self.ground.folder / "changed"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(program)
        self.reconciler.environ["PYTHONPATH"] = str(folder)

    # --- what is in Git

    def push(self, names: Sequence[str]) -> str:
        """Write the folders of some sources, commit, and push; the commit's id."""
        for name in names:
            if name != "whole":
                getattr(self, f"_write_{name.replace('-', '_')}")()
        remote = self.remotes / "config.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
        git = Git(self.checkout.tree.folder)
        commit = git.commit({})
        git("push", "-q", str(remote), "HEAD:refs/heads/main")
        return commit

    def _plain(self, name: str, text: str) -> Path:
        return self.checkout.tree.plain(name, text)

    def _secret(self, source: str, slot: str, name: str = "") -> Path:
        text = secret(name or source, value=self.text(slot))
        return self.checkout.tree.encrypted(f"{source}/{name or source}.yaml", text, *DATA)

    def _write_pgp(self) -> None:
        path = self._plain("pgp/pgp.yaml", secret("pgp", value=self.text("pgp")))
        self._plain("pgp/kustomization.yaml", "resources: [pgp.yaml]\n")
        done = sopskit("encrypt", "--pgp", self.ground.pgp, "--encrypted-regex", "^stringData$", "--in-place", path)
        assert done.code == 0, done.err

    def _write_mac(self) -> None:
        path = self._secret("mac", "mac")
        path.write_text(path.read_text().replace("name: mac", "name: other"))

    def _write_refused(self) -> None:
        self._secret("refused", "refused")
        fault = Refuse(422, f"invalid: {self.text('refused')}")
        self.proxy.inject(fault, method="PATCH", path=r"/secrets/refused\?", times=FOREVER)

    def _write_midway(self) -> None:
        self._secret("midway", "midway")
        self._secret("midway", "midway", "midway-2")
        fault = Refuse(422, f"invalid: {self.text('midway')}")
        self.proxy.inject(fault, method="PATCH", path=r"/secrets/midway-2\?(?!.*dryRun)", times=FOREVER)

    def _write_typed(self) -> None:
        """The API server itself refuses a number where it wants a text, and quotes it."""
        self.checkout.tree.encrypted(
            "typed/typed.yaml", DEPLOYMENT.format(value=self.text("typed")), "--encrypted-regex", "^value$"
        )
        Account(self.cluster, self.namespace, "typed").allow(["deployments"], ALL_VERBS, group="apps")

    def _write_chart(self) -> None:
        values = f"stringData:\n  values.yaml: |\n    password: {self.text('broken chart')}\n"
        self.checkout.tree.encrypted("chart/values.yaml", f"{secret('broken-values')}{values}", *DATA)
        self._plain("chart/release.yaml", RELEASE)
        self._plain("k8s/helm-charts/broken/Chart.yaml", "apiVersion: v2\nname: broken\nversion: 1.2.3\n")
        self._plain("k8s/helm-charts/broken/templates/x.yaml", "{{ fail .Values.password }}")

    def _write_build(self) -> None:
        self._secret("build", "mac")
        patch = PATCH.format(path=self.text("path in a patch"))
        self.checkout.tree.encrypted("build/patch.txt", patch)
        target = "target: {kind: Secret}"
        self._plain("build/kustomization.yaml", f"resources: [build.yaml]\npatches: [{{path: patch.txt, {target}}}]\n")

    def _write_answer(self) -> None:
        self._secret("answer", "answer")

    def _write_login(self) -> None:
        self._secret("login", "mac")

    def _write_bad_key(self) -> None:
        self._secret("bad-key", "mac")

    # --- what is in the cluster

    def follow(self, name: str) -> None:
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
        refs = {field: {"secretRef": {"name": f"{field}-{name}"}} for field in ("keys",)}
        refs["credentials"] = {"secretRef": {"name": f"git-{name}"}}
        spec = {"repository": url, "serviceAccountName": ACCOUNT, "notify": self._channels(), **refs, **more}
        self.ids[name] = self.sources.write(name, **spec)

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

    def wait_idle(self, times: int = 2) -> None:
        """Wait until the good sources have been found unchanged so often."""

        def counts() -> list[float]:
            found = re.findall(r'^sopskit_rounds_total\{outcome="unchanged",[^}]*\} (\S+)', self.metrics(), re.MULTILINE)
            return [float(count) for count in found]

        before = counts()
        until(counts, lambda found: len(found) == 2 and sum(found) - sum(before) >= 2 * times, "idle rounds")

    def drift(self, name: str) -> None:
        """Change the value of a Secret by hand."""
        value = base64.b64encode(self.text("by hand").encode()).decode()
        path = f"/api/v1/namespaces/{self.namespace}/secrets/{name}"
        changed = self.cluster.request("PATCH", path, {"data": {"value": value}}, content_type=MERGE)
        assert changed.status == 200, changed.body

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
