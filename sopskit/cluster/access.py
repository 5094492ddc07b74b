"""What a connection must know: where a cluster is, who we are there, and a token that is replaced while we run."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from sopskit.errors import ClusterError, ConfigError, FileAccessError

if TYPE_CHECKING:
    from collections.abc import Callable

INSTALL = "pip install 'sopskit[cluster]'"
TOKEN_AGE = 60.0  # seconds; as long as client-go keeps one (k8s.io/client-go/transport/token_source.go)
LONGEST_TOKEN = 64 * 1024  # bytes


class ClusterAccess(Protocol):
    """A context of a kubeconfig, or the service account of a pod. Prints no credentials."""

    @property
    def context(self) -> str:
        """The name that people know it by."""

    @property
    def server(self) -> str:
        """The API server's URL."""

    @property
    def namespace(self) -> str:
        """The namespace that is meant where none is named."""

    @property
    def token_path(self) -> str:
        """The file with the bearer token, which is replaced before it expires; empty if the token is in no file."""

    def exposed(self) -> str:
        """How others could read what is sent, empty if they cannot."""

    def configuration(self) -> Any:
        """The official client's configuration. Raises `ClusterError` without the client."""


def new_configuration() -> Any:
    """An empty configuration of the official client. Raises `ClusterError` without the client."""
    try:
        from kubernetes.client import Configuration
    except ImportError:
        raise ClusterError("the Kubernetes client is not installed", hint=INSTALL) from None
    return Configuration()


class TokenFile:
    """The bearer token in a file: read when it is first asked for, again when it is a minute old. For any number of threads.

    A file that cannot be read, or is empty, while it is replaced does not count: the last token goes on being used.
    """

    __slots__ = ("_clock", "_lock", "_path", "_read_at", "_token")

    def __init__(self, path: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet. `clock` counts seconds."""
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._read_at: float | None = None

    def __repr__(self) -> str:
        """No token."""
        return f"<token in {self._path}>"

    def token(self) -> str:
        """The token. Raises `FileAccessError` or `ConfigError` if there has never been one."""
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at >= TOKEN_AGE:
                self._renew()
                self._read_at = now
            return self._token

    def expire(self) -> None:
        """Take the token for an old one: the next to ask reads the file."""
        with self._lock:
            self._read_at = None

    def _renew(self) -> None:
        try:
            self._token = _read(self._path)
        except (FileAccessError, ConfigError):
            if not self._token:
                raise


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST_TOKEN + 1).strip()
    except OSError as error:
        raise FileAccessError(f"the token cannot be read: {(error.strerror or 'input/output error').lower()}").at(
            file=path
        ) from None
    if not data or len(data) > LONGEST_TOKEN or not data.isascii() or not data.decode("ascii").isprintable():
        raise ConfigError("is no file with a token").at(file=path)
    return data.decode("ascii")
