"""What the kubelet and Prometheus ask of a supervisor: /healthz, /readyz and /metrics, and nothing else.

Anybody in the cluster may ask, so an answer says nothing of the program, and whoever asks slowly or often is cut off.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from sopskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

STALE = 30.0  # seconds without a turn of the loop, after which it counts as stuck
LONGEST = 10.0  # seconds for one connection
POLL = 0.1  # seconds in which a server notices that it shall end
MOST_CONNECTIONS = 32  # at a time; more are closed unheard
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"
ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})\Z")


class Probes:
    """A server on one address. `start` it once."""

    def __init__(
        self,
        address: str,
        *,
        metrics: Callable[[], bytes],
        last_tick: Callable[[], float],
        ready: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        stale: float = STALE,
    ) -> None:
        """Bind HOST:PORT, `[::]:8080` or `:8080` (all addresses, IPv4 too); port 0 takes any that is free.

        `metrics` gives the text of Prometheus, `last_tick` when the loop last turned by `clock`, `ready` whether it works or
        waits for a lease. Raises `ConfigError` for what cannot be bound.
        """

        def answer(path: str) -> tuple[HTTPStatus, str, bytes]:
            if path == "/metrics":
                return HTTPStatus.OK, METRICS_TYPE, metrics()
            if path == "/healthz":
                return _said(clock() - last_tick() < stale, "the loop does not turn")
            if path == "/readyz":
                return _said(ready(), "not ready")
            return HTTPStatus.NOT_FOUND, TEXT_TYPE, b""

        self._server = _bind(address, answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL,), name="probes", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _said(good: bool, otherwise: str) -> tuple[HTTPStatus, str, bytes]:
    if good:
        return HTTPStatus.OK, TEXT_TYPE, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, TEXT_TYPE, f"{otherwise}\n".encode()


def _bind(address: str, answer: Callable[[str], tuple[HTTPStatus, str, bytes]]) -> _Server:
    found = ADDRESS.match(address)
    if found is None or int(found["port"]) > 65535:
        raise ConfigError("the address for probes is no HOST:PORT", hint="such as [::]:8080 or 127.0.0.1:8080")
    host, port = found["host"].strip("[]"), int(found["port"])
    try:
        places = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        wanted = socket.AF_INET6 if not host and socket.has_dualstack_ipv6() else places[0][0]
        family, _, _, _, place = next((item for item in places if item[0] == wanted), places[0])
        return _Server(family, place, answer)
    except OSError as error:
        why = (error.strerror or "no such address").lower()
        raise ConfigError(f"probes cannot listen: {why}", hint="another address or port") from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, family: int, place: Any, answer: Callable[[str], tuple[HTTPStatus, str, bytes]]) -> None:
        self.address_family = family
        self.answer = answer
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(place, _Handler)

    def server_bind(self) -> None:
        """Without a look at DNS for our own name; `::` takes IPv4 too."""
        if self.address_family == socket.AF_INET6 and self.server_address[0] == "::":
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread, if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        timer = threading.Timer(LONGEST, _cut, [request])
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up in the middle is nobody's concern."""


def _cut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    timeout = LONGEST
    server: _Server

    def do_GET(self) -> None:
        """Answer one of the three paths."""
        self._reply(*self.server.answer(self.path.partition("?")[0]))

    def do_HEAD(self) -> None:
        """The same without the text."""
        self._reply(*self.server.answer(self.path.partition("?")[0]))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The status alone: the text of the library quotes what was asked."""
        del message, explain
        self._reply(HTTPStatus(code), TEXT_TYPE, b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""

    def _reply(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        self.send_response_only(status)  # without the headers Server and Date
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
