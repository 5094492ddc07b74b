"""Service accounts of the test's cluster: their tokens, their rights, and the folder that a kubelet would mount."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.cluster.apiserver import Cluster

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
LEAST_LIFE = 600  # seconds; the API server makes no token for less


class Account:
    """A service account. `user` is what the API server calls it."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        """Make it."""
        self.cluster = cluster
        self.namespace = namespace
        self.name = name
        self.user = f"system:serviceaccount:{namespace}:{name}"
        self._path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._make()

    def token(self) -> str:
        """A new token, as a kubelet asks for one (TokenRequest)."""
        request = {"spec": {"expirationSeconds": LEAST_LIFE}}
        answer = self.cluster.request("POST", f"{self._path}/{self.name}/token", request)
        assert answer.status == 201, answer.body
        return str(answer.json["status"]["token"])

    def revoke(self) -> None:
        """End the life of all its tokens; it is another account of the same name afterwards."""
        assert self.cluster.request("DELETE", f"{self._path}/{self.name}").status == 200
        self._make()

    def allow(self, resources: Sequence[str], verbs: Sequence[str], *, group: str = "") -> None:
        """Let it do `verbs` to `resources` in its namespace. Returns when that holds."""
        place, name = f"{RBAC}/namespaces/{self.namespace}", f"{self.name}-{resources[0]}"
        rule = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        for plural, content in (
            ("roles", {"metadata": {"name": name}, "rules": [rule]}),
            ("rolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}),
        ):
            made = self.cluster.request("POST", f"{place}/{plural}", content)
            assert made.status == 201, made.body
        asked = {"namespace": self.namespace, "verb": verbs[0], "group": group, "resource": resources[0]}
        deadline = time.monotonic() + 20
        # the authorizer hears of new roles a moment later
        while not self._is_allowed(asked):
            assert time.monotonic() < deadline, f"{self.user} never got its rights"
            time.sleep(0.02)

    def mount(self, folder: Path, token: str = "") -> Path:
        """Lay the folder out as a kubelet does; again, to replace the token."""
        version = folder / f"..{len(list(folder.glob('..2*'))) + 2000}" if folder.exists() else folder / "..2000"
        version.mkdir(parents=True)
        for name, data in (
            ("token", (token or self.token()).encode()),
            ("ca.crt", self.cluster.authority.certificate),
            ("namespace", self.namespace.encode()),
        ):
            (version / name).write_bytes(data)
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"..data/{name}")
        link = folder / "..data_tmp"
        link.symlink_to(version.name)
        link.rename(folder / "..data")
        return folder

    def _make(self) -> None:
        made = self.cluster.request("POST", self._path, {"metadata": {"name": self.name}})
        assert made.status == 201, made.body

    def _is_allowed(self, asked: dict[str, str]) -> bool:
        review = {"spec": {"user": self.user, "resourceAttributes": asked}}
        return bool(self.cluster.request("POST", REVIEWS, review).json["status"]["allowed"])
