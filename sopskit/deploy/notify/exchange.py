"""One HTTP request and its answer: no redirect is followed, no proxy is asked, and one deadline stands over all of it.

`http.client` on a connection of our own: a pool of a library would resolve the name a second time, after it was looked at.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.notify.address import PORTS, Plain, UnreachedError, connect, read_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.deploy.notify.address import Address
    from sopskit.secret import SecretStr

AGENT = "sopskit"
LONGEST_RETRY = 3600.0  # seconds that a server may ask us to wait


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and where to. `secrets` are headers that nobody may see, `plain` is where http may go.

    `once` says that the same request a second time in a row would change nothing.
    """

    method: str
    url: SecretStr
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    plain: Plain = Plain.LOOPBACK
    once: bool = False


class Answer(NamedTuple):
    """The status, in how many seconds the server wants to be asked again if it says so, and the body as far as it was read."""

    status: int
    retry_after: float | None = None
    body: bytes = b""

    def __repr__(self) -> str:
        """The status only: the body is another's text."""
        return f"Answer({self.status})"


def ask(request: Request, seconds: float, *, most: int = 0) -> Answer:
    """Send a request; at most so many bytes of the answer's body are read. All within so many seconds.

    Raises `AddressError` for what is not connected to, and `UnreachedError` for everything that is no answer.
    """
    address = read_address(request.url.reveal(), request.plain)
    deadline = time.monotonic() + seconds
    line = _Line(connect(address.host, address.port, deadline), deadline)
    answer: Answer | None
    try:
        with closing(line):
            if address.scheme == "https":
                line.secure(address.host.rstrip("."))
            answer = _exchange(request, address, line.socket, most)
    except ssl.SSLCertVerificationError:
        raise UnreachedError("the server's certificate is not trusted") from None
    except (OSError, HTTPException, ValueError) as error:
        if not line.was_cut and not isinstance(error, TimeoutError):
            raise UnreachedError(_failed(error)) from None
        answer = None
    if answer is None or (most and line.was_cut):  # a body that was cut off looks like one that has ended
        raise UnreachedError(f"no answer within {seconds:g} seconds")
    return answer


def _failed(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "no TLS connection can be made"
    return "the connection was closed" if isinstance(error, OSError) else "the answer is none of HTTP"


class _Line:
    """A connection that ends at the deadline: a server that sends a byte now and then never lets a socket's timeout pass."""

    def __init__(self, line: socket.socket, deadline: float) -> None:
        left = max(0.001, deadline - time.monotonic())
        line.settimeout(left)  # that of the connecting was only its share
        self.socket = line
        self.was_cut = False
        self._timer = Timer(left, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def secure(self, host: str) -> None:
        """Begin TLS. The handshake is not part of the wrapping, so that it can be cut too."""
        secured = _trusting().wrap_socket(self.socket, server_hostname=host, do_handshake_on_connect=False)
        self.socket = secured
        secured.do_handshake()

    def close(self) -> None:
        self._timer.cancel()
        self.socket.close()

    def _cut(self) -> None:
        self.was_cut = True
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            return


def _exchange(request: Request, address: Address, line: socket.socket, most: int) -> Answer:
    connection = HTTPConnection(address.host, address.port)
    connection.sock = line
    headers = {"User-Agent": AGENT, "Connection": "close", "Host": _host(address), **request.headers}
    headers |= {name: value.reveal() for name, value in request.secrets.items()}
    with closing(connection):
        connection.request(request.method, address.target, request.body or None, headers)
        with connection.getresponse() as response:
            return Answer(response.status, _retry_after(response), response.read(most) if most else b"")


def _host(address: Address) -> str:
    """The header of RFC 9110 section 7.2; the usual port is left out."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return host if address.port == PORTS[address.scheme] else f"{host}:{address.port}"


@lru_cache(maxsize=1)
def _trusting() -> ssl.SSLContext:
    """The system's certificates; kept, since reading them takes longer than asking."""
    return ssl.create_default_context()


def _retry_after(response: HTTPResponse) -> float | None:
    """The header of RFC 9110 section 10.2.3, as seconds from now."""
    text = response.getheader("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY)
