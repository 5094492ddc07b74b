"""A cluster whose API server writes down what service accounts ask of it: its own audit log.

https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/: who asked, as whom, which verb of which resource, what was
sent, which role allowed it.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cluster.apiserver import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Request", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}
CREDENTIAL = "authentication.kubernetes.io/credential-id"  # which token it was
ALLOWED = "authorization.k8s.io/reason"


class Event(NamedTuple):
    """One request that has been answered. Times are in seconds since the epoch, by the API server's clock.

    `user` is whose token it was, `credential` which token, `acting` the user that was impersonated, empty for none.
    `reason` is the authorizer's, and names the role that allowed it.
    """

    began: float
    ended: float
    user: str
    credential: str
    acting: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    dry: bool
    status: int
    reason: str
    body: Any

    def __str__(self) -> str:
        """`list secrets in dev as system:serviceaccount:dev:deployer: 403`."""
        shown = " as ".join(filter(None, (self.user, self.acting)))
        return f"{self.verb} {self.resource}/{self.name} in {self.namespace} as {shown}: {self.status}"


class AuditedCluster(Cluster):
    """`events` gives what service accounts asked for; what is asked by other users is not written down."""

    @property
    def _audit_log(self) -> Path:
        return self.folder / "audit.log"

    def _apiserver_command(self, program: str) -> list[str]:
        policy = self.folder / "audit-policy.json"
        policy.write_text(json.dumps(POLICY))
        # `blocking`: an answer is in the log before the client has it
        flags = [f"--audit-policy-file={policy}", f"--audit-log-path={self._audit_log}", "--audit-log-mode=blocking"]
        return [*super()._apiserver_command(program), *flags]

    def events(self) -> list[Event]:
        """All so far, in the order of their end."""
        lines = self._audit_log.read_text().splitlines() if self._audit_log.exists() else []
        return sorted((_event(json.loads(line)) for line in lines), key=lambda event: event.ended)


def audited_cluster(tool: Callable[[str], str], short_folder: Path) -> Iterator[AuditedCluster]:
    """What a module's own fixture `started_cluster` gives, so that all its other fixtures use this cluster."""
    programs = tool("etcd"), tool("kube-apiserver")
    running = AuditedCluster(*programs, Path(tempfile.mkdtemp(prefix="audited-", dir=short_folder)))
    try:
        running.start()
        yield running
    finally:
        running.close()


def _event(content: Mapping[str, Any]) -> Event:
    place = content.get("objectRef") or {}
    parts = (place.get("resource", ""), place.get("subresource", ""))
    return Event(
        began=_seconds(content["requestReceivedTimestamp"]),
        ended=_seconds(content["stageTimestamp"]),
        user=content["user"]["username"],
        credential=(content["user"].get("extra") or {}).get(CREDENTIAL, [""])[0],
        acting=(content.get("impersonatedUser") or {}).get("username", ""),
        verb=content["verb"],
        group=place.get("apiGroup", ""),
        resource="/".join(filter(None, parts)),
        namespace=place.get("namespace", ""),
        name=place.get("name", ""),
        dry="dryRun=All" in content["requestURI"] or "dryRun" in (content.get("requestObject") or {}),
        status=(content.get("responseStatus") or {}).get("code", 0),
        reason=(content.get("annotations") or {}).get(ALLOWED, ""),
        body=content.get("requestObject"),
    )


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
