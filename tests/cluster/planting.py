"""The secrets of a reconciler's sources, which only the test knows, and the folders that they stand in, encrypted."""

from __future__ import annotations

import base64
import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from sopskit.age import bech32
from tests.canary.canaries import Canary, token
from tests.cli.running import sopskit
from tests.cluster.accounts import Account
from tests.cluster.apiserver import ALL_VERBS
from tests.cluster.faults import FOREVER, Refuse
from tests.conftest import KEYS
from tests.deploy.checkouts import DATA, secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey
    from tests.deploy.checkouts import Checkout

PGP_FILE = KEYS / "test-only-pgp.asc"
# where the numbers of the two private keys stand in the published file (gpg --list-packets): lines of its body, bytes
PGP_LINES, PGP_NUMBERS = (12, 52), (420, 2320)
SSH_SEED = slice(216, 256)  # of the base64 of an Ed25519 key in OpenSSH's form, in which nothing is encrypted
VALUES = (
    *("pgp", "mac", "unread", "refused", "midway", "broken chart", "patched", "path in a patch", "checked", "by hand"),
)
CREDENTIALS = ("Git token", "wrong Git token", "bad SSH key")
RECEIVERS = ("webhook", "slack", "gitlab", "hmac", "GitLab token", "refusing")
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


class Ground(NamedTuple):
    """What the tests' fixtures give: `age` and `pgp` are the keys, `path` is where programs are."""

    cluster: Cluster
    namespace: str
    folder: Path  # with a short path: an agent's socket is in it
    tool: Callable[[str], str]
    age: AgeTestKey
    pgp: str
    path: str


def plant(ground: Ground, ssh_key: bytes) -> Iterator[Canary]:
    """A canary for each secret that is no value of the checkout's, and for each private key and token."""
    for slot in (*VALUES, *CREDENTIALS, *RECEIVERS, "answer"):
        yield Canary(slot, token())
    yield Canary("typed", str(secrets.randbelow(9 * 10**17) + 10**17), windows=False)
    yield Canary("age key", ground.age.identity.removeprefix("AGE-SECRET-KEY-"))
    yield Canary("age number", bech32.decode(ground.age.identity)[1].hex().upper())
    yield Canary("bad key", f"BIO{base64.b32encode(secrets.token_bytes(35)).decode()}")  # letters that no age key has
    yield from _of_pgp()
    yield Canary("SSH key", "".join(ssh_key.decode().splitlines()[1:-1])[SSH_SEED])
    yield Canary("API token", ground.cluster.tokens["admin"])


def _of_pgp() -> Iterator[Canary]:
    """Parts of the two private keys: lines of the armor, and numbers as gpg writes them into the files of its home."""
    body = PGP_FILE.read_text().partition("\n\n")[2].splitlines()
    raw = base64.b64decode("".join(line for line in body if line[:1] not in {"=", "-"}))
    for line, place in zip(PGP_LINES, PGP_NUMBERS, strict=True):
        yield Canary("PGP key", body[line])
        yield Canary("PGP number", raw[place : place + 32].hex().upper())


def data_keys(ground: Ground, root: Path, names: Sequence[str]) -> Iterator[Canary]:
    """What opens every value of a file is a secret, too: of one that an age key opens, and one that PGP opens."""
    age = [ground.tool("age"), "-d", "-i", str(ground.age.path)]
    ways = {"whole": ("k8s/gitops/dev/secret.yaml", "age", age), "pgp": ("pgp/pgp.yaml", "pgp", ["gpg", "-qd"])}
    for path, kind, command in (ways[name] for name in ways if name in names):
        sops = yaml.safe_load((root / path).read_bytes())["sops"]
        done = subprocess.run(command, input=sops[kind][0]["enc"].encode(), capture_output=True, check=True)
        yield Canary(f"data key of {kind}", done.stdout.hex().upper())


class Folders:
    """The folders of a repository, one for each source but for the checkout's own, and what makes a source fail."""

    def __init__(self, ground: Ground, checkout: Checkout, proxy: Proxy, text: Callable[[str], str]) -> None:
        """`text` gives the text of a canary by its slot."""
        self.ground = ground
        self.checkout = checkout
        self.proxy = proxy
        self.text = text

    def write(self, name: str) -> None:
        """Write the folder of a source."""
        WRITERS[name](self)

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
        Account(self.ground.cluster, self.ground.namespace, "typed").allow(["deployments"], ALL_VERBS, group="apps")

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


WRITERS: Mapping[str, Callable[[Folders], object]] = {
    "whole": lambda folders: None,
    "pgp": Folders.write_pgp,
    "mac": Folders.write_mac,
    "refused": Folders.write_refused,
    "midway": Folders.write_midway,
    "typed": Folders.write_typed,
    "chart": Folders.write_chart,
    "build": Folders.write_build,
    "answer": lambda folders: folders.write_secret("answer", "checked"),
    "login": lambda folders: folders.write_secret("login", "unread"),
    "bad-login": lambda folders: folders.write_secret("bad-login", "unread"),
    "bad-key": lambda folders: folders.write_secret("bad-key", "unread"),
}
