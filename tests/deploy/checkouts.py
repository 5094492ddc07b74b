"""A repository whose overlay, chart and values hold secrets of every kind that only the test knows."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import leaks_in_folders
from tests.deploy.conftest import Tree
from tests.deploy.tracing import Traced, trace
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.canary.canaries import Hit
    from tests.conftest import AgeTestKey

DATA = ("--encrypted-regex", "^(data|stringData)$")
SLOTS = ("resource", "patch", "variable", "file", "nested", "ConfigMap")
CHART_SLOTS = ("chart value", "values file")
CHART = "k8s/helm-charts/web"
VALUES = "k8s/helm-values/web/dev-config.yaml"
RELEASE = """apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  chart:
    spec: {chart: k8s/helm-charts/web, sourceRef: {kind: GitRepository, name: repository}}
  valuesFrom: [{kind: Secret, name: web-values}]
"""
TEMPLATE = """apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}"}
stringData:
  password: {{ .Values.password | quote }}
  host: {{ .Values.host | quote }}
"""


class Checkout:
    """The repository, a temporary folder of its own, and the environment of a run."""

    def __init__(self, tree: Tree, environ: Mapping[str, str], temporary: Path, namespace: str = "dev") -> None:
        self.tree = tree
        self.temporary = temporary
        self.environ = {**environ, "TMPDIR": str(temporary)}
        self.namespace = namespace
        self.canaries = {slot: Canary(slot, token()) for slot in (*SLOTS, *CHART_SLOTS)}
        identity = Canary("identity", tree.key.identity.removeprefix("AGE-SECRET-KEY-"))
        self.scanner = Scanner([*self.canaries.values(), identity])

    @property
    def overlay(self) -> Path:
        """What is built."""
        return self.tree.folder / "k8s" / "gitops" / "dev"

    def text(self, slot: str) -> str:
        """A canary's text."""
        return self.canaries[slot].text

    def plain(self, name: str, text: str) -> Path:
        """Write a file of the overlay."""
        return self.tree.plain(f"k8s/gitops/dev/{name}", text)

    def encrypted(self, name: str, text: str, *options: str) -> Path:
        """Write and encrypt a file of the overlay."""
        return self.tree.encrypted(f"k8s/gitops/dev/{name}", text, *options)

    def fill(self) -> None:
        """Write and encrypt an overlay with a base, a patch, generators, and a SOPS file inside of a Secret."""
        nested = self.tree.encrypted("nested.txt", self.text("nested")).read_text()
        (self.tree.folder / "nested.txt").unlink()
        inner = base64.b64encode(nested.encode()).decode()
        self.encrypted("../base/secret.yaml", secret("one", resource=self.text("resource")), *DATA)
        self.plain("../base/nested.yaml", f"{secret('two')}data: {{file: {inner}}}\n")
        self.plain("../base/kustomization.yaml", "resources: [secret.yaml, nested.yaml]\n")
        self.plain(
            "kustomization.yaml",
            f"namespace: {self.namespace}\nresources: [../base, secret.yaml]\npatches: [{{path: patch.yaml}}]\n"
            "secretGenerator: [{name: gen, envs: [app.env], files: [key.pem]}]\n"
            "configMapGenerator: [{name: config, files: [settings.yaml]}]\n",
        )
        self.encrypted("secret.yaml", secret("three", resource=self.text("resource")), *DATA)
        self.encrypted("patch.yaml", secret("one", patch=self.text("patch")), *DATA)
        self.encrypted("app.env", f"VARIABLE={self.text('variable')}\n")
        self.encrypted("key.pem", f"{self.text('file')}\n" * 4_000)  # more than a pipe holds
        self.encrypted("settings.yaml", f"a: {self.text('ConfigMap')}\n")

    def add_release(self) -> None:
        """Add a HelmRelease with values of a Secret and of an encrypted file, and its chart."""
        values = f"values.yaml: |\n    password: {self.text('chart value')}\n"
        self.encrypted("values.yaml", f"{secret('web-values')}stringData:\n  {values}", *DATA)
        self.plain("release.yaml", RELEASE)
        path = self.overlay / "kustomization.yaml"
        path.write_text(path.read_text().replace("secret.yaml]", "secret.yaml, values.yaml, release.yaml]"))
        self.tree.encrypted(VALUES, f"host: {self.text('values file')}\n")
        self.tree.plain(f"{CHART}/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n")
        self.tree.plain(f"{CHART}/templates/secret.yaml", TEMPLATE)

    def run(self, strace: str, *words: str, path: str | None = None, change: str = "", stdin: bytes = b"") -> Traced:
        """Run a command line in the repository, under strace."""
        return trace(
            strace,
            list(words),
            cwd=self.tree.folder,
            environ={**self.environ, "PATH": path or self.environ["PATH"]},
            record=self.temporary.parent / "trace",
            change=change,
            stdin=stdin,
        )

    def left(self) -> set[Hit]:
        """Hits in what lies in the temporary folder and in the repository."""
        return leaks_in_folders(self.scanner, [self.temporary, self.tree.folder])

    def stand_in(self, name: str, text: str) -> str:
        """A PATH whose first folder has a shell script in the place of a program."""
        folder = self.temporary.parent / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        return f"{folder}:{self.environ['PATH']}"


def secret(name: str, **entries: str) -> str:
    """The manifest of a Secret."""
    lines = "".join(f"  {key}: {value}\n" for key, value in entries.items())
    head = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n"
    return f"{head}stringData:\n{lines}" if entries else head


def make_checkout(
    folder: Path, tool: Callable[[str], str], key: AgeTestKey, *, namespace: str = "dev", release: bool = False
) -> Checkout:
    """A filled repository below `folder`."""
    git = init(folder / "repository")
    temporary = folder / "tmp"
    temporary.mkdir()
    environ = {
        "PATH": str(Path(tool("kustomize")).parent),
        "HOME": str(folder / "home"),
        "SOPS_AGE_KEY_FILE": str(key.path),
    }
    checkout = Checkout(Tree(git.folder.resolve(), tool("sops"), key), environ, temporary, namespace)
    checkout.fill()
    if release:
        checkout.add_release()
    return checkout
