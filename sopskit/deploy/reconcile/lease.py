"""Leader election through a Lease of the API server (coordination.k8s.io/v1): of several replicas one works.

As Kubernetes' own components do it, no clock of another machine is believed: a lease is free when its record has not
changed for its duration as measured here, by the monotonic clock.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

from sopskit.errors import ClusterError, RefusalError, SopskitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.cluster import Connection

LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
DURATION = 15.0  # seconds that others wait before they take it
RENEW = 3.0  # seconds between two renewals
# seconds without a renewal after which a leader stops; what it has begun must be over before others begin
GIVE_UP = 9.0


class Lease:
    """One lease, held or wanted. For one thread."""

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        name: str,
        holder: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`holder` is unique to this process. Nothing is asked yet."""
        self.holder = holder
        self._connection = connection
        self._clock = clock
        self._collection = LEASES.format(namespace=namespace)
        self._path = f"{self._collection}/{name}"
        self._name = name
        self._seen: tuple[Any, ...] = ()
        self._seen_at = clock()
        self._renewed: float | None = None
        self._next = clock()
        self.problem = ""

    @property
    def held(self) -> bool:
        """Whether this process may work."""
        return self._renewed is not None and self._clock() - self._renewed < GIVE_UP

    def keep(self) -> bool:
        """Renew it, or take it if it is free; asks the server no more often than necessary. Gives `held`.

        What keeps the server from answering is the `problem`, empty if it did.
        """
        now = self._clock()
        if now >= self._next:
            self._next = now + RENEW
            try:
                if self._try():
                    self._renewed = now  # the time before the request: it may have taken long
                self.problem = ""
            except SopskitError as error:
                self.problem = str(error)
        return self.held

    def release(self) -> None:
        """Let another replica begin at once."""
        if not self.held:
            return
        self._renewed = None
        try:
            content = self._connection.get(self._path)
            if content is not None and content["spec"].get("holderIdentity") == self.holder:
                content["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                self._connection.replace(self._path, content)
        except ClusterError:
            return  # it runs out by itself

    def _try(self) -> bool:
        content = self._connection.get(self._path)
        if content is None:
            return self._write(None)
        spec = content.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        record = (holder, spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen:
            self._seen, self._seen_at = record, self._clock()
        duration = float(spec.get("leaseDurationSeconds") or DURATION)
        if holder and holder != self.holder and self._clock() - self._seen_at < duration:
            self._renewed = None
            return False
        return self._write(content)

    def _write(self, content: dict[str, Any] | None) -> bool:
        """Write the record; the resourceVersion of what was read lets only one of several succeed."""
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = (content or {}).get("spec") or {}
        same = old.get("holderIdentity") == self.holder
        spec = {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": old.get("acquireTime", now) if same else now,
            "renewTime": now,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if same or content is None else 1),
        }
        try:
            if content is None:
                metadata = {"name": self._name}
                self._connection.create(self._collection, _lease(metadata, spec))
            else:
                self._connection.replace(self._path, _lease(content["metadata"], spec))
        except RefusalError as error:
            if error.status == 409:
                return False
            raise
        return True


def _lease(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
