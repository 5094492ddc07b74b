"""A Kubernetes cluster without nodes: the real etcd and the real kube-apiserver on loopback.

There is no controller manager. A namespace that is deleted stays in deletion, owners' children are not collected,
a Deployment gets no pods: use a namespace per test, and patch the status of an object that should get ready.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import random
import secrets
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cluster.certificates import Authority
from tests.cluster.processes import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from email.message import Message
    from pathlib import Path

    from tests.cluster.certificates import KeyPair

ADMIN = "admin"
# every user has a token; only the first has rights before a test gives some
USERS: Mapping[str, Sequence[str]] = {
    ADMIN: ("system:masters",),
    "deployer": ("deployers",),
    "reader": ("readers",),
    "stranger": (),
}
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
# below the ports that the kernel gives out: nobody takes one while the server is away
PORTS = range(20000, 32000)
READ_ONLY_VERBS = ("get", "list", "watch")
ALL_VERBS = (*READ_ONLY_VERBS, "create", "update", "patch", "delete", "deletecollection")

Object = dict[str, Any]


class Answer(NamedTuple):
    """What the API server said."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body's object."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The machine-readable reason of a refusal: `Conflict`, `Forbidden`, `Expired`."""
        return str(self.json.get("reason", ""))


class Cluster:
    """One etcd, one API server. `close` ends both; so does the end of the test process."""

    def __init__(self, etcd: str, apiserver: str, folder: Path, *options: str) -> None:
        """Nothing is started yet. `folder` gets certificates, tokens, logs and etcd's data; `options` are the server's."""
        self.folder = folder
        self.authority = Authority()
        self.tokens = {user: secrets.token_urlsafe(24) for user in USERS}
        self.ports = free_ports(3)
        self.url = f"https://127.0.0.1:{self.ports[2]}"
        self._context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        self._names = itertools.count(1)
        data = folder / "etcd"
        self._etcd = Server(self._etcd_command(etcd, data), folder / "etcd.log", removes=data)
        self._apiserver = Server([*self._apiserver_command(apiserver), *options], folder / "kube-apiserver.log")
        self._write_files()

    # --- its life

    def start(self) -> None:
        """Start what does not run, and wait until the API server serves. Raises `ServerError`."""
        self._etcd.start(self._etcd_ready)
        self._apiserver.start(self._ready)

    def stop(self) -> None:
        """The API server goes away in good order; `start` brings it back with all objects."""
        self._apiserver.stop()

    def kill(self) -> None:
        """The API server is gone at once, requests under way included."""
        self._apiserver.kill()

    def close(self) -> None:
        """End both servers."""
        self._apiserver.kill()
        self._etcd.kill()

    @property
    def running(self) -> bool:
        """Whether the API server is there."""
        return self._apiserver.running

    @property
    def log(self) -> Path:
        """What the API server printed."""
        return self._apiserver.log

    # --- its objects

    def request(
        self,
        method: str,
        path: str,
        body: Object | bytes | None = None,
        *,
        user: str = ADMIN,
        content_type: str = "application/json",
        timeout: float = 30,
    ) -> Answer:
        """One request on a connection of its own. Raises `OSError` when the server is away."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[2], context=self._context, timeout=timeout)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.tokens[user]}", "Content-Type": content_type}
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def apply(self, path: str, object: Object, *, manager: str, user: str = ADMIN, force: bool = False) -> Answer:
        """Server-side apply under a field manager."""
        query = f"?fieldManager={manager}" + ("&force=true" if force else "")
        return self.request("PATCH", path + query, object, user=user, content_type=APPLY)

    def namespace(self) -> str:
        """Make a namespace that no other test has; gives its name."""
        name = f"test-{next(self._names)}"
        made = self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert made.status == http.HTTPStatus.CREATED, made.body
        return name

    def allow(
        self,
        user: str,
        namespace: str,
        resources: Sequence[str],
        verbs: Sequence[str] = ALL_VERBS,
        *,
        groups: Sequence[str] = ("",),
    ) -> None:
        """Let a user do `verbs` to `resources` (plural, lower case) in one namespace. Returns when that holds."""
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        name = f"{user}-{secrets.token_hex(4)}"
        rule = {"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [{"kind": "User", "name": user}]}
        for kind, object in (("roles", {"metadata": {"name": name}, "rules": [rule]}), ("rolebindings", binding)):
            made = self.request("POST", f"{rbac}/{kind}", object)
            assert made.status == http.HTTPStatus.CREATED, made.body
        asked = {"namespace": namespace, "verb": verbs[0], "group": groups[0], "resource": resources[0]}
        deadline = time.monotonic() + 20
        # the authorizer hears of new roles a moment later
        while not self._is_allowed(user, asked):
            assert time.monotonic() < deadline, f"{user} never got its rights"
            time.sleep(0.02)

    def _is_allowed(self, user: str, asked: Mapping[str, str]) -> bool:
        review = {"spec": {"user": user, "groups": list(USERS[user]), "resourceAttributes": dict(asked)}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self.request("POST", path, review).json["status"]["allowed"])

    def define(self, definition: Object) -> None:
        """Apply a CustomResourceDefinition; returns when its objects can be made."""
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
        applied = self.apply(path, definition, manager="testbed", force=True)
        assert applied.status in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}, applied.body
        spec = definition["spec"]
        objects = [f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}" for version in spec["versions"]]
        deadline = time.monotonic() + 20
        while any(self.request("GET", path).status != http.HTTPStatus.OK for path in objects):
            assert time.monotonic() < deadline, f"{path} is not served"
            time.sleep(0.05)

    def compact(self) -> None:
        """Forget all past versions: a list that is continued from before is answered by a real 410."""
        revision = self._ask_etcd("range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"]
        self._ask_etcd("compaction", {"revision": revision, "physical": True})

    def kubeconfig(
        self,
        path: Path,
        *,
        user: str = ADMIN,
        server: str = "",
        context: str = "testbed",
        namespace: str = "",
        certificate: bool = False,
    ) -> Path:
        """Write a kubeconfig that only its owner can read. `server` is a proxy's URL; a proxy needs the token."""
        cluster = {"server": server or self.url, "certificate-authority-data": _text(self.authority.certificate)}
        chosen = {"cluster": "testbed", "user": user} | ({"namespace": namespace} if namespace else {})
        object = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": cluster}],
            "users": [{"name": user, "user": self._credentials(user, certificate=certificate)}],
            "contexts": [{"name": context, "context": chosen}],
            "current-context": context,
        }
        path.touch(0o600)
        path.write_text(json.dumps(object, indent=2) + "\n")
        return path

    def _credentials(self, user: str, *, certificate: bool) -> dict[str, str]:
        if not certificate:
            return {"token": self.tokens[user]}
        pair = self.authority.client(user, USERS[user])
        return {"client-certificate-data": _text(pair.certificate), "client-key-data": _text(pair.key)}

    def server_context(self) -> ssl.SSLContext:
        """For another server on loopback that this cluster's clients shall trust."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.crt", self.folder / "server.key")
        return context

    # --- its servers

    def _etcd_command(self, program: str, data: Path) -> list[str]:
        client, peer = (f"http://127.0.0.1:{port}" for port in self.ports[:2])
        return [
            program,
            f"--data-dir={data}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ]

    def _apiserver_command(self, program: str) -> list[str]:
        return [
            program,
            f"--etcd-servers=http://127.0.0.1:{self.ports[0]}",
            f"--secure-port={self.ports[2]}",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={self.folder / 'server.crt'}",
            f"--tls-private-key-file={self.folder / 'server.key'}",
            f"--client-ca-file={self.folder / 'authority.crt'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'accounts.crt'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            # its controller, which makes the accounts that pods need, is not there
            "--disable-admission-plugins=ServiceAccount",
            # a continued list is etcd's own, as before 1.34, so that it can expire
            "--feature-gates=ListFromCacheSnapshot=false",
        ]

    def _write_files(self) -> None:
        server, accounts = self.authority.server(), self.authority.client("accounts")
        groups = {user: ",".join(names) for user, names in USERS.items()}
        tokens = [f'{self.tokens[user]},{user},{user},"{groups[user]}"\n' for user in USERS]
        self._write("authority.crt", self.authority.certificate)
        self._write_pair("server", server)
        self._write_pair("accounts", accounts)
        self._write("tokens.csv", "".join(tokens).encode())

    def _write_pair(self, name: str, pair: KeyPair) -> None:
        self._write(f"{name}.crt", pair.certificate)
        self._write(f"{name}.key", pair.key)

    def _write(self, name: str, data: bytes) -> None:
        (self.folder / name).touch(0o600)
        (self.folder / name).write_bytes(data)

    def _ready(self) -> bool:
        try:
            return self.request("GET", "/readyz", timeout=5).body == b"ok"
        except (OSError, http.client.HTTPException):
            return False

    def _etcd_ready(self) -> bool:
        try:
            return bool(self._ask_etcd("range", {"key": base64.b64encode(b"/").decode()}))
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def _ask_etcd(self, call: str, body: Object) -> Any:
        """A call of etcd's JSON gateway: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=10)
        try:
            connection.request("POST", f"/v3/kv/{call}", json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def definition(
    kind: str, plural: str, *, group: str = "example.org", version: str = "v1", scope: str = "Namespaced"
) -> Object:
    """A CustomResourceDefinition whose objects may hold anything, with a status of their own."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{**served, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens at."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
