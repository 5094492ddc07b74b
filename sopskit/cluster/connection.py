"""The verbs of one API server, and a small pool of threads."""

from __future__ import annotations

import copy
import json
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from sopskit.cluster.transport import JSON, WORKERS, Answer, Patience, Transport
from sopskit.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sopskit.cluster.access import ClusterAccess

    Object = dict[str, Any]

Item = TypeVar("Item")
Result = TypeVar("Result")

FIELD_MANAGER = "sopskit"
APPLY = "application/apply-patch+yaml"  # JSON is YAML
# asks for metadata alone (k8s.io/apimachinery, meta/v1, PartialObjectMetadata)
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
JSON_PATCH = "application/json-patch+json"
PAGE = 500  # objects
SMALL_PAGE = 100  # of strangers' objects: each may have 256 KiB of annotations


class Connection:
    """One API server, for one user. Any number of threads may use it.

    Every method raises `UnreachableError` when its patience ends, and `RefusalError` for what the server refuses. A
    token that lies in a file is read again when it is a minute old, and after a 401, upon which the request is repeated.
    """

    def __init__(
        self, access: ClusterAccess, *, patience: Patience | None = None, impersonate: str | None = None
    ) -> None:
        """Nothing is sent yet. Raises what the `configuration` of `access` does, and `ConfigError`.

        With `impersonate`, the name of a user such as `system:serviceaccount:NAMESPACE:NAME`, every request is made
        with that user's rights and no others. Ours must include the verb `impersonate`.
        """
        self.access = access
        self.patience = patience or Patience()
        self.transport = Transport(access, self.patience, impersonate or "")

    @property
    def requests(self) -> int:
        """How many were answered."""
        return self.transport.requests

    def acting_as(self, user: str) -> Connection:
        """The same server, over the same kept connections, with the rights of another user; itself if none is named."""
        if not user:
            return self
        other = copy.copy(self)
        other.transport = self.transport.acting_as(user)
        return other

    # --- verbs

    def get(self, path: str) -> Object | None:
        """An object, None if it is not there."""
        try:
            return self.transport.request("GET", path).content
        except RefusalError as error:
            if error.status == 404:
                return None
            raise

    def metadata_of(self, path: str) -> Object | None:
        """An object with nothing but its metadata, None if it is not there: what it holds does not leave the server."""
        try:
            return self.transport.request("GET", path, accept=METADATA).content
        except RefusalError as error:
            if error.status == 404:
                return None
            raise

    def metadata(self, path: str, label: str, keep: Callable[[Object], Item]) -> list[Item]:
        """As `each`, of objects with nothing but their metadata."""
        return self._all(path, label, METADATA_LIST, SMALL_PAGE, keep)

    def each(self, path: str, label: str, keep: Callable[[Object], Item]) -> list[Item]:
        """What `keep` makes of each object of a collection that has a label.

        The rest is forgotten page by page: whoever may write there could fill our memory with annotations.
        """
        return self._all(path, label, JSON, SMALL_PAGE, keep)

    def collection(self, path: str, label: str = "") -> list[Object]:
        """The objects of a collection that have a label."""
        return self._all(path, label, JSON, PAGE, lambda item: item)

    def _all(self, path: str, label: str, accept: str, limit: int, keep: Callable[[Object], Item]) -> list[Item]:
        """Page by page; begun again where the pages have expired."""
        for last in (False, False, True):
            try:
                return [keep(item) for page in self._pages(path, label, accept, limit) for item in page]
            except RefusalError as error:
                if error.status != 410 or last:
                    raise
        raise AssertionError

    def _pages(self, path: str, label: str, accept: str, limit: int) -> Iterator[list[Object]]:
        query = {"limit": str(limit)} | ({"labelSelector": label} if label else {})
        while True:
            page = self.transport.request("GET", path, query, accept=accept).content
            yield page.get("items") or []
            more = (page.get("metadata") or {}).get("continue")
            if not more:
                return
            query["continue"] = more

    def apply(
        self, path: str, body: bytes, *, dry_run: bool = False, manager: str = FIELD_MANAGER, force: bool = False
    ) -> Answer:
        """Server-side apply of an object, or of its status if the path ends so. A field that nobody knows is refused.

        `force` passes over conflicts: for a status, whose only author is its controller, and for trying.
        """
        query = {"fieldManager": manager, "fieldValidation": "Strict"} | ({"force": "true"} if force else {})
        return self.transport.request("PATCH", path, query | _dry(dry_run), body, APPLY)

    def try_forced(self, path: str, body: bytes) -> Answer:
        """A dry run that passes over conflicts."""
        return self.apply(path, body, dry_run=True, force=True)

    def replace(self, path: str, content: Object, *, manager: str = FIELD_MANAGER) -> Answer:
        """Put an object in the place of the one that has its resourceVersion.

        If that one has been changed meanwhile, the refusal's status is 409, and it is not tried again. It may have been
        changed by ourselves: where the answer of a first attempt was lost, the second finds the new version.
        """
        return self.transport.request("PUT", path, {"fieldManager": manager}, json.dumps(content).encode(), JSON)

    def patch(self, path: str, operations: list[Object], *, dry_run: bool = False) -> Answer:
        """A JSON patch (RFC 6902)."""
        query = {"fieldManager": FIELD_MANAGER} | _dry(dry_run)
        return self.transport.request("PATCH", path, query, json.dumps(operations).encode(), JSON_PATCH)

    def create(self, path: str, content: Object, *, dry_run: bool = False) -> Answer:
        """Post an object: into a collection, or one that the server only answers to, such as an access review."""
        return self.transport.request("POST", path, _dry(dry_run), json.dumps(content).encode(), JSON)

    def delete(self, path: str, uid: str, *, version: str = "", dry_run: bool = False) -> bool:
        """Delete the object that has this UID, its dependents in the background; False if it is not there.

        With `version`, a resourceVersion, only if nobody has changed it since; else the refusal's status is 409.
        """
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        options: Object = {"preconditions": preconditions, "propagationPolicy": "Background"}
        if dry_run:
            # in the body above all: where there is one, the API server does not look at the query, and would delete
            options["dryRun"] = ["All"]
        try:
            self.transport.request("DELETE", path, _dry(dry_run), json.dumps(options).encode(), JSON)
        except RefusalError as error:
            if error.status == 404:
                return False
            raise
        return True

    # --- many at once

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Sequence[Result]:
        """`function` of each item, in order, on a few threads. After an exception nothing new is begun; it is raised."""
        queue = list(items)
        if len(queue) < 2:
            return [function(item) for item in queue]
        with ThreadPoolExecutor(min(WORKERS, len(queue))) as pool:
            futures = [pool.submit(function, item) for item in queue]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        for future in futures:
            if future in done and not future.cancelled() and (error := future.exception()) is not None:
                raise error
        return [future.result() for future in futures]


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
