"""`sopskit reconcile` as a process of its own at a real API server, with sources that are objects there."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import yaml

from sopskit.deploy.reconcile.manifests import manifests
from sopskit.deploy.reconcile.source import API_VERSION, KIND, SourceId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.cluster.apiserver import Cluster, Object

PATIENCE = 60.0  # seconds for anything to come about


class Reconciler:
    """One replica."""

    def __init__(self, kubeconfig: Path, folder: Path, *options: str, path: str = os.environ["PATH"]) -> None:
        """`folder` gets the log and the scratch folder."""
        self.folder = folder
        self.log = folder / "reconcile.log"
        folder.mkdir(exist_ok=True)
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700, exist_ok=True)
        self.command = [sys.executable, "-m", "sopskit", "reconcile", "--kubeconfig", str(kubeconfig)]
        self.command += ["--scratch", str(scratch), *options]
        self.environ = {"PATH": path, "HOME": str(folder), "PYTHONWARNINGS": "error::ResourceWarning"}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *before: str) -> None:
        """Start it, `before` being a program that runs it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*before, *self.command], env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(60)
        self._process = None
        return status

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def said(self) -> str:
        """Its log."""
        return self.log.read_text()


def define(cluster: Cluster) -> None:
    """Make `SopsSource` known."""
    cluster.define(next(yaml.load_all(manifests(), yaml.CSafeLoader)))


class Sources:
    """The sources of one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def secret(self, name: str, data: Mapping[str, str | bytes]) -> None:
        """Write a Secret."""
        encoded = {
            key: base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
            for key, value in data.items()
        }
        content = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
        answer = self.cluster.apply(f"/api/v1/namespaces/{self.namespace}/secrets/{name}", content, manager="test")
        assert answer.status in {200, 201}, answer.body

    def write(self, name: str, *, labels: Mapping[str, str] | None = None, **spec: object) -> SourceId:
        """Write a source."""
        metadata = {"name": name, "labels": dict(labels or {})}
        content = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}
        id = SourceId(self.namespace, name)
        answer = self.cluster.apply(id.path, content, manager="test", force=True)
        assert answer.status in {200, 201}, answer.body
        return id

    def status(self, id: SourceId) -> Object:
        """What a source's object says of itself."""
        answer = self.cluster.request("GET", id.path)
        found: Object = answer.json.get("status", {}) if answer.status == 200 else {}
        return found

    def wait(self, id: SourceId, wanted: Callable[[Object], bool], why: str = "") -> Object:
        """The status as soon as it is as wanted."""
        found: Object = until(lambda: self.status(id), wanted, why)
        return found

    def wait_ready(self, id: SourceId, revision: str) -> Object:
        """Wait until a revision is in the cluster."""
        found: Object = self.wait(
            id,
            lambda status: status.get("lastAppliedRevision") == revision and condition(status)["status"] == "True",
            f"{revision} ready",
        )
        return found

    def wait_failed(self, id: SourceId, reason: str) -> str:
        """Wait until a source has failed for a reason; the message."""
        found = self.wait(id, lambda status: condition(status)["reason"] == reason, reason)
        assert condition(found)["status"] == "False"
        return str(condition(found)["message"])


def condition(status: Object, type: str = "Ready") -> dict[str, Any]:
    """One condition; all unknown if it is not there."""
    unknown = {"type": type, "status": "Unknown", "reason": "", "message": ""}
    return next((found for found in status.get("conditions", []) if found["type"] == type), unknown)


def until(look: Callable[[], Any], wanted: Callable[[Any], bool], why: str = "") -> Any:
    """What is seen, as soon as it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(found := look()):
        assert time.monotonic() < deadline, f"{why}: {json.dumps(found, default=str)[:2000]}"
        time.sleep(0.1)
    return found
