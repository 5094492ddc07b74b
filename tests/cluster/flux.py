"""Flux's real kustomize-controller at a cluster, fed without a source-controller.

A source-controller would fetch a repository, serve it as a `tar.gz` and write that into a GitRepository's status.
Here a folder is packed and served by the test itself, and the status is patched, so nothing but the loopback is used.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import os
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.apiserver import MERGE
from tests.cluster.processes import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.cluster.apiserver import Cluster, Object

NAMESPACE = "flux-system"
SOURCES = "/apis/source.toolkit.fluxcd.io/v1"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1"
NEVER = "24h"  # a reconciliation is started by a new revision, not by the clock
PATIENCE = 90  # seconds for one reconciliation
MANAGER = "source-controller"


class Flux:
    """One controller for all namespaces of a cluster."""

    def __init__(self, cluster: Cluster, program: str, resources: Path, folder: Path) -> None:
        """`resources` has the custom resource definitions, `folder` gets the log and the controller's own folders."""
        self.cluster = cluster
        self.temporary = folder / "temporary"
        self._resources = resources
        self._artifacts = _Artifacts()
        config = cluster.kubeconfig(folder / "flux.kubeconfig")
        command = [
            program,
            "--enable-leader-election=false",
            "--metrics-addr=127.0.0.1:0",
            "--health-addr=127.0.0.1:0",
            "--events-addr=",
            "--no-remote-bases",
        ]
        # gpg is looked for on the PATH; decrypted sources lie in the folder for temporary files
        environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}
        environ |= {"TMPDIR": str(self.temporary), "RUNTIME_NAMESPACE": NAMESPACE, "KUBECONFIG": str(config)}
        self._controller = Server(command, folder / "kustomize-controller.log", environ=environ, removes=self.temporary)

    def start(self) -> None:
        """Make the custom resources known and start the controller, if it does not run. Raises `ServerError`."""
        if self._controller.running:
            return
        for path in sorted(self._resources.glob("*.toolkit.fluxcd.io_*.yaml")):
            self.cluster.define(yaml.load(path.read_bytes(), yaml.CSafeLoader))
        self._wait_until_told()
        self.cluster.apply(f"/api/v1/namespaces/{NAMESPACE}", _object("v1", "Namespace", NAMESPACE), manager="test")
        self.temporary.mkdir(exist_ok=True)
        said = self.log.stat().st_size if self.log.exists() else 0
        self._controller.start(lambda: b"Starting workers" in self.log.read_bytes()[said:])

    def _wait_until_told(self) -> None:
        """Until discovery tells of the kinds, by both ways that clients ask: the controller does not start without."""
        deadline = time.monotonic() + PATIENCE
        for path in (KUSTOMIZATIONS, SOURCES):
            while self.cluster.request("GET", path).status != 200:
                assert time.monotonic() < deadline, f"{path} is not served"
                time.sleep(0.1)
        time.sleep(1)  # the list of all groups follows a little later

    def close(self) -> None:
        """End the controller and what serves its sources."""
        self._controller.stop()
        self._artifacts.close()

    @property
    def log(self) -> Path:
        """What the controller printed."""
        return self._controller.log

    def keep_key(self, namespace: str, name: str, files: Mapping[str, str]) -> None:
        """A Secret with private keys; Flux takes `*.agekey` and `*.asc`."""
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        secret = {**_object("v1", "Secret", name), "stringData": dict(files)}
        _done(self.cluster.apply(path, secret, manager="test", force=True))

    def publish(self, namespace: str, name: str, folder: Path) -> str:
        """Let a GitRepository have the folder's files, as they are now; gives the revision."""
        data = packed(folder)
        digest = hashlib.sha256(data).hexdigest()
        file = f"gitrepository/{namespace}/{name}/{digest}.tar.gz"
        path = f"{SOURCES}/namespaces/{namespace}/gitrepositories/{name}"
        revision = f"main@sha1:{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spec = {"url": "https://git.example.org/repository.git", "interval": NEVER}
        source = {**_object("source.toolkit.fluxcd.io/v1", "GitRepository", name), "spec": spec}
        artifact = {"digest": f"sha256:{digest}", "lastUpdateTime": now, "path": file, "revision": revision}
        artifact["url"] = self._artifacts.add(file, data)
        ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": now}
        made = _done(self.cluster.apply(path, source, manager=MANAGER))
        ready["observedGeneration"] = made["metadata"]["generation"]
        status = {"status": {"artifact": artifact, "conditions": [ready]}}
        _done(self.cluster.request("PATCH", f"{path}/status", status, content_type=MERGE))
        return revision

    def reconcile(
        self,
        namespace: str,
        folder: Path,
        *,
        key: str,
        path: str = "./",
        name: str = "app",
        patience: float = PATIENCE,
        **spec: object,
    ) -> Object:
        """Publish a folder and wait until Flux has dealt with it; gives the Kustomization, ready or not.

        `key` is the name of the Secret of `keep_key`; `spec` are further fields of the Kustomization's.
        """
        revision = self.publish(namespace, name, folder)
        wanted = {
            "interval": NEVER,
            "retryInterval": NEVER,
            "timeout": "30s",
            "prune": False,
            "path": path,
            "sourceRef": {"kind": "GitRepository", "name": name},
            "decryption": {"provider": "sops", "secretRef": {"name": key}},
        }
        object = {**_object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name), "spec": wanted | spec}
        place = f"{KUSTOMIZATIONS}/namespaces/{namespace}/kustomizations/{name}"
        generation = _done(self.cluster.apply(place, object, manager="test", force=True))["metadata"]["generation"]
        deadline = time.monotonic() + patience
        while True:
            found: Object = _done(self.cluster.request("GET", place))
            if _is_dealt_with(found, generation, revision):
                return found
            assert time.monotonic() < deadline, f"not reconciled: {found.get('status')}"
            time.sleep(0.1)


def condition(object: Object, type: str = "Ready") -> dict[str, Any]:
    """One condition of an object's status; empty if it has none yet."""
    conditions = object.get("status", {}).get("conditions", [])
    return next((found for found in conditions if found["type"] == type), {})


def packed(folder: Path) -> bytes:
    """A folder as the `tar.gz` that a source-controller would make: its files without owners, times and Git's own."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if ".git" not in relative.parts:
                archive.add(path, relative.as_posix(), recursive=False, filter=_anonymous)
    return buffer.getvalue()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def _is_dealt_with(object: Object, generation: int, revision: str) -> bool:
    ready = condition(object)
    return (
        ready.get("status") in {"True", "False"}
        and ready.get("observedGeneration") == generation
        and object["status"].get("lastAttemptedRevision") == revision
    )


def _object(version: str, kind: str, name: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}


def _done(answer: Any) -> Any:
    assert answer.status in {200, 201}, answer.body
    return answer.json


class _Artifacts:
    """Serves packed folders on loopback."""

    def __init__(self) -> None:
        files: dict[str, bytes] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = files.get(self.path.removeprefix("/"))
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._files = files
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def add(self, path: str, data: bytes) -> str:
        """Gives the URL."""
        self._files[path] = data
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
