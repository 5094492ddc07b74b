"""One request to an API server: kept connections, credentials, and patience that ends."""

from __future__ import annotations

import copy
import json
import random
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from sopskit.cluster.access import TokenFile
from sopskit.cluster.refusals import is_passing, refusal
from sopskit.errors import ClusterError, ConfigError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sopskit.cluster.access import ClusterAccess

    Object = dict[str, Any]

USER_AGENT = "sopskit"
JSON = "application/json"
DOTS = frozenset((".", ".."))
WORKERS = 6  # more do not help: the API server's own limit for one user is not far
CREDENTIALS_AGE = 5.0  # seconds; a credential plugin's are renewed by their expiry, which is minutes away
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


class Transport:
    """The way to one API server, for one user. Any number of threads may use it."""

    def __init__(self, access: ClusterAccess, patience: Patience, impersonate: str) -> None:
        """Nothing is sent yet; `impersonate` is empty for the user that `access` is. Raises as `Connection` does."""
        self.patience = patience
        self.requests = 0
        self.impersonated = _impersonating(impersonate)
        self._configuration = access.configuration()
        self._token = TokenFile(access.token_path) if access.token_path else None
        self._configuration.connection_pool_maxsize = WORKERS
        from kubernetes.client import ApiClient

        self._client = ApiClient(self._configuration)
        self._pool = self._client.rest_client.pool_manager
        self._host = self._configuration.host.rstrip("/")
        self._lock = threading.Lock()
        self._credentials: dict[str, str] | None = None
        self._asked_at = 0.0

    def acting_as(self, user: str) -> Transport:
        """The same kept connections, with the rights of another user."""
        other = copy.copy(self)
        other.impersonated = _impersonating(user)
        return other

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = {},
        body: bytes | None = None,
        kind: str = JSON,
        accept: str = JSON,
    ) -> Answer:
        """Send it until there is an answer. `kind` is the body's type, `accept` the answer's; paths are escaped already.

        Raises `RefusalError`, `UnreachableError` when the patience ends, and `RefusedError` for a path with the parts
        `.` or `..`: the HTTP client would resolve them, so that an object of such a name would mean another one.
        """
        if not DOTS.isdisjoint(path.split("/")):
            raise RefusedError("an object cannot be named . or ..")
        target = f"{self._host}{path}{f'?{urlencode(query)}' if query else ''}"
        start, attempt, renewable = self.patience.clock(), 0, self._token is not None
        while True:
            status, asked_for, content = self._send(method, target, body, kind, accept)
            if 200 <= status < 300:
                return Answer(status, content)
            if status == 401 and renewable and self._token is not None:
                renewable = False
                self._token.expire()
                continue
            if status != 0 and not is_passing(method, status, content):
                raise refusal(status, content)
            pause = self.patience.wait(attempt, asked_for)
            if self.patience.clock() - start + pause > self.patience.total:
                raise refusal(status, content) if status == 409 else self._unreachable(status)
            self.patience.sleep(pause)
            attempt += 1

    def _send(self, method: str, target: str, body: bytes | None, kind: str, accept: str) -> tuple[int, float, Object]:
        """Status (0 for no answer), seconds to wait as the server says, and the object."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, SSLError

        timeout = Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        try:
            response = self._pool.request(
                method,
                target,
                body=body,
                headers=self._headers(kind, accept),
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except SSLError as error:
            if _is_cut_off(error):
                return 0, 0.0, {}
            raise UnreachableError(
                f"the TLS connection to {self._host} is not trusted or not taken",
                hint="check certificate-authority and the client certificate in the kubeconfig",
            ) from None
        except HTTPError:
            return 0, 0.0, {}
        self.requests += 1
        return response.status, _seconds(response.headers.get("Retry-After")), _object(response.data)

    def _headers(self, kind: str, accept: str) -> dict[str, str]:
        headers = {"Accept": accept, "Content-Type": kind, "User-Agent": USER_AGENT, **self.impersonated}
        if self._token is not None:
            return headers | {"authorization": f"Bearer {self._token.token()}"}
        with self._lock:  # asking may renew a token
            now = self.patience.clock()
            if self._credentials is None or now - self._asked_at >= CREDENTIALS_AGE:
                self._credentials, self._asked_at = self._ask_for_credentials(), now
            return headers | self._credentials

    def _ask_for_credentials(self) -> dict[str, str]:
        """The headers that say who we are. The client looks at its whole kubeconfig for each, which costs half a request."""
        settings = self._configuration.auth_settings().values()
        found = [setting for setting in settings if setting["in"] == "header" and setting["value"]]
        return {setting["key"]: _sendable(setting["value"]) for setting in found}

    def _unreachable(self, status: int) -> ClusterError:
        seconds = f"{self.patience.total:g} seconds"
        if status == 0:
            return UnreachableError(
                f"no answer from {self._host} within {seconds}",
                hint="check that the cluster of this context is up: what was applied already stays, and is not applied twice",
            )
        told = "is busy (TooManyRequests)" if status == 429 else f"answers with an error of its own (HTTP {status})"
        return UnreachableError(f"{self._host} {told} for {seconds}", hint="try again later")


def _is_cut_off(error: Exception) -> bool:
    """Whether the connection ended within its handshake: a server that goes away, a balancer with none behind it."""
    from ssl import SSLEOFError

    return any(isinstance(cause, SSLEOFError) for cause in error.args)


def _impersonating(user: str) -> dict[str, str]:
    """The headers (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation)."""
    return {"Impersonate-User": _sendable(user)} if user else {}


def _sendable(text: str) -> str:
    """The same text if it can be a header's: the refusal of the HTTP client would quote it."""
    if not text.isascii() or not text.isprintable():
        raise ConfigError("the credentials hold what cannot be sent")
    return text


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _object(data: bytes) -> Object:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
