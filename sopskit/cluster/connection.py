"""Requests to one API server: kept connections, a small pool of threads, and patience that ends."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from sopskit.cluster.refusals import is_passing, refusal
from sopskit.errors import ClusterError, RefusalError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sopskit.cluster.kubeconfig import Kubeconfig

    Object = dict[str, Any]

Item = TypeVar("Item")
Result = TypeVar("Result")

FIELD_MANAGER = "sopskit"
APPLY = "application/apply-patch+yaml"  # JSON is YAML
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
WORKERS = 6  # more do not help: the API server's own limit for one user is not far
PAGE = 500
CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 40.0  # seconds; the API server's own limit for a request is 60
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds


class Patience(NamedTuple):
    """How long a request is repeated, in seconds. `jitter` gives a number from 0 to 1; the rest is for tests."""

    total: float = 15.0
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def wait(self, attempt: int, asked_for: float) -> float:
        """Seconds before the next attempt: doubled each time, a half of it by chance, and not sooner than asked for."""
        longest = min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT)
        return max(asked_for, longest * (0.5 + self.jitter() / 2))


class Answer(NamedTuple):
    """An answer that is no refusal."""

    status: int
    content: Object

    @property
    def created(self) -> bool:
        """Whether the object was not there before."""
        return self.status == 201

    def __repr__(self) -> str:
        """No content."""
        return f"<answer {self.status}>"


class Connection:
    """One API server, for one user. Any number of threads may use it.

    Every method raises `UnreachableError` when its patience ends, and `RefusalError` for what the server refuses.
    """

    def __init__(self, kubeconfig: Kubeconfig, *, patience: Patience | None = None) -> None:
        """Nothing is sent yet. Raises what `Kubeconfig.configuration` does."""
        self.kubeconfig = kubeconfig
        self.patience = patience or Patience()
        self.requests = 0
        self._configuration = kubeconfig.configuration()
        self._configuration.connection_pool_maxsize = WORKERS
        from kubernetes.client import ApiClient

        self._client = ApiClient(self._configuration)
        self._pool = self._client.rest_client.pool_manager
        self._host = self._configuration.host.rstrip("/")
        self._lock = threading.Lock()

    # --- verbs

    def get(self, path: str) -> Object | None:
        """An object, None if it is not there."""
        try:
            return self._request("GET", path).content
        except RefusalError as error:
            if error.status == 404:
                return None
            raise

    def collection(self, path: str, label: str = "") -> list[Object]:
        """The objects of a collection that have a label, page by page; begun again where the pages have expired."""
        for last in (False, False, True):
            try:
                return self._pages(path, label)
            except RefusalError as error:
                if error.status != 410 or last:
                    raise
        raise AssertionError

    def _pages(self, path: str, label: str) -> list[Object]:
        found: list[Object] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": label} if label else {})
        while True:
            page = self._request("GET", path, query).content
            found += page.get("items") or ()
            more = (page.get("metadata") or {}).get("continue")
            if not more:
                return found
            query["continue"] = more

    def apply(self, path: str, body: bytes, *, dry_run: bool = False) -> Answer:
        """Server-side apply as the field manager `sopskit`, without force. A field that nobody knows is refused."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return self._request("PATCH", path, query | _dry(dry_run), body, APPLY)

    def try_forced(self, path: str, body: bytes) -> Answer:
        """A dry run that passes over conflicts. There is no way to apply so."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": "true"}
        return self._request("PATCH", path, query | _dry(dry_run=True), body, APPLY)

    def patch(self, path: str, operations: list[Object]) -> Answer:
        """A JSON patch (RFC 6902)."""
        query = {"fieldManager": FIELD_MANAGER}
        return self._request("PATCH", path, query, json.dumps(operations).encode(), JSON_PATCH)

    def create(self, path: str, content: Object) -> Answer:
        """Post an object that the server only answers to, such as an access review."""
        return self._request("POST", path, {}, json.dumps(content).encode(), JSON)

    def delete(self, path: str, uid: str, *, dry_run: bool = False) -> bool:
        """Delete the object that has this UID, its dependents in the background; False if it is not there."""
        options: Object = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        if dry_run:
            # in the body above all: where there is one, the API server does not look at the query, and would delete
            options["dryRun"] = ["All"]
        try:
            self._request("DELETE", path, _dry(dry_run), json.dumps(options).encode(), JSON)
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

    # --- one request

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = {},
        body: bytes | None = None,
        kind: str = JSON,
    ) -> Answer:
        target = f"{self._host}{path}{f'?{urlencode(query)}' if query else ''}"
        start, attempt = self.patience.clock(), 0
        while True:
            status, asked_for, content = self._send(method, target, body, kind)
            if 200 <= status < 300:
                return Answer(status, content)
            if status != 0 and not is_passing(method, status, content):
                raise refusal(status, content)
            pause = self.patience.wait(attempt, asked_for)
            if self.patience.clock() - start + pause > self.patience.total:
                raise refusal(status, content) if status == 409 else self._unreachable(status)
            self.patience.sleep(pause)
            attempt += 1

    def _send(self, method: str, target: str, body: bytes | None, kind: str) -> tuple[int, float, Object]:
        """Status (0 for no answer), seconds to wait as the server says, and the object."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, SSLError

        timeout = Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        try:
            response = self._pool.request(
                method, target, body=body, headers=self._headers(kind), timeout=timeout, retries=False, redirect=False
            )
        except SSLError:
            raise UnreachableError(
                f"the TLS connection to {self._host} is not trusted or not taken",
                hint="check certificate-authority and the client certificate in the kubeconfig",
            ) from None
        except HTTPError:
            return 0, 0.0, {}
        self.requests += 1
        return response.status, _seconds(response.headers.get("Retry-After")), _object(response.data)

    def _headers(self, kind: str) -> dict[str, str]:
        headers = {"Accept": JSON, "Content-Type": kind, "User-Agent": FIELD_MANAGER}
        with self._lock:  # asking may renew a token
            for setting in self._configuration.auth_settings().values():
                if setting["in"] == "header" and setting["value"]:
                    headers[setting["key"]] = setting["value"]
        return headers

    def _unreachable(self, status: int) -> ClusterError:
        seconds = f"{self.patience.total:g} seconds"
        if status == 0:
            return UnreachableError(
                f"no answer from {self._host} within {seconds}",
                hint="check that the cluster of this context is up: what was applied already stays, and is not applied twice",
            )
        told = "is busy (TooManyRequests)" if status == 429 else f"answers with an error of its own (HTTP {status})"
        return UnreachableError(f"{self._host} {told} for {seconds}", hint="try again later")


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _object(data: bytes) -> Object:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
