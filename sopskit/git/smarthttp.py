"""A branch's commit over HTTP, asked for without a program (gitprotocol-http): two requests on one connection.

The token is in the request's header and nowhere else. No redirect is followed and no proxy asked.
"""

from __future__ import annotations

import socket
import ssl
import time
from base64 import b64encode
from contextlib import closing
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple

from sopskit.git.credentials import Token
from sopskit.git.pktline import VERSION, ProtocolError, branch_tip, packets
from sopskit.git.remote import Reason, RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

    from sopskit.git.remote import Address, Remote

AGENT = "git/2 (sopskit)"  # forges tell programs from browsers by the first word
ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
REQUEST, RESULT = "application/x-git-upload-pack-request", "application/x-git-upload-pack-result"
REASONS = {401: Reason.CREDENTIALS, 403: Reason.CREDENTIALS, 404: Reason.REPOSITORY, 410: Reason.REPOSITORY}


def http_tip(remote: Remote, address: Address, seconds: float) -> str | None:
    """The commit that the branch is at, None if it is not there. Raises `RemoteError`."""
    context = _trusting(remote) if address.scheme == "https" else None
    connection = (
        HTTPSConnection(address.host, address.port, context=context)
        if context is not None
        else HTTPConnection(address.host, address.port)
    )
    watch = _Watch(seconds)
    try:
        with closing(connection), watch:
            return _ask(remote, address, _Line(connection, context, watch))
    except RemoteError:
        raise
    except ssl.SSLCertVerificationError:
        raise remote.error(Reason.CERTIFICATE) from None
    except (OSError, HTTPException, ProtocolError) as error:
        if watch.fired or isinstance(error, TimeoutError):
            raise remote.no_answer(seconds) from None
        raise _failed(remote, error) from None


def _failed(remote: Remote, error: Exception) -> RemoteError:
    if isinstance(error, ssl.SSLError):
        return remote.error(Reason.SILENCE, "no TLS connection could be made", "check the address and its port")
    if isinstance(error, OSError):
        why = (error.strerror or "the connection was closed").lower()
        return remote.error(Reason.SILENCE, f"the server cannot be reached: {why}", "check the network and the server")
    return remote.error(Reason.REPOSITORY)


class _Watch:
    """Shuts a socket at the deadline: a server that sends a byte now and then never lets the socket's own timeout pass."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.fired = False
        self._socket: socket.socket | None = None
        self._timer = Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def over(self, line: socket.socket | None) -> None:
        """Watch this socket now."""
        self._socket = line
        if self.fired:
            self._fire()

    def _fire(self) -> None:
        self.fired = True
        try:
            if self._socket is not None:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # without TLS's farewell, which would wait
        except OSError:
            return


class _Line(NamedTuple):
    """A connection, made again if the server has closed it between two requests."""

    connection: HTTPConnection
    context: ssl.SSLContext | None
    watch: _Watch

    def request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> HTTPResponse:
        if self.connection.sock is None:
            line = _reached(self.connection.host, self.connection.port, self.watch.deadline)
            self.connection.sock = line
            self.watch.over(line)
            if self.context is not None:
                secured = self.context.wrap_socket(
                    line, server_hostname=self.connection.host, do_handshake_on_connect=False
                )
                self.connection.sock = secured
                self.watch.over(secured)
                secured.do_handshake()
        self.connection.request(method, path, body, headers)
        return self.connection.getresponse()


def _reached(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address of a host that answers. All of them share the time: a name may have thousands."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    problem: OSError = TimeoutError()
    for place, (*_, name) in enumerate(found):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            line = socket.create_connection((str(name[0]), port), left / (len(found) - place))
        except OSError as error:
            problem = error
            continue
        line.settimeout(max(0.001, deadline - time.monotonic()))
        return line
    raise problem


def _trusting(remote: Remote) -> ssl.SSLContext:
    try:
        return _context(remote.trusted)
    except (ssl.SSLError, ValueError):
        raise remote.error(
            Reason.CERTIFICATE, "ca.crt has no certificate that can be read", "PEM is expected"
        ) from None


@lru_cache(maxsize=64)
def _context(trusted: bytes) -> ssl.SSLContext:
    """Kept, since reading the system's certificates takes longer than asking."""
    return ssl.create_default_context(cadata=trusted.decode("ascii") if trusted else None)


def _ask(remote: Remote, address: Address, line: _Line) -> str | None:
    headers = {"User-Agent": AGENT, "Git-Protocol": VERSION, **_authorization(remote)}

    def listing(request: bytes) -> Iterator[bytes | None]:
        told = {**headers, "Content-Type": REQUEST, "Accept": RESULT}
        response = line.request("POST", f"{address.path}/git-upload-pack", request, told)
        return packets(_checked(remote, response, RESULT).read)

    response = line.request("GET", f"{address.path}/info/refs?service=git-upload-pack", None, headers)
    return branch_tip(packets(_checked(remote, response, ADVERTISEMENT).read), remote.ref, listing)


def _authorization(remote: Remote) -> dict[str, str]:
    if not isinstance(remote.credentials, Token):
        return {}
    pair = f"{remote.credentials.username}:{remote.credentials.password.reveal()}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode('ascii')}"}


def _checked(remote: Remote, response: HTTPResponse, content_type: str) -> HTTPResponse:
    """The answer, if it is one of a Git server."""
    status = response.status
    if status in REASONS:
        raise remote.error(REASONS[status])
    if 300 <= status < 400:
        raise remote.error(Reason.REDIRECT)
    if status == 429 or status >= 500:
        raise remote.error(Reason.SILENCE, f"the server answers with HTTP status {status}", "it may work again later")
    if status != 200 or response.headers.get_content_type() != content_type:
        raise remote.error(Reason.REPOSITORY)
    return response
