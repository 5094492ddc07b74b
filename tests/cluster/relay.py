"""The proxy's way between a client and the API server, one connection for each connection of the client's."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.cluster.faults import Call, Cut, Exchange, Fault, Refuse, Wait, status_object

if TYPE_CHECKING:
    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy

HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


class TLSServer(ThreadingHTTPServer):
    """Ends the clients' TLS; each connection has a thread."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, cluster: Cluster, proxy: Proxy) -> None:
        self.cluster = cluster
        self.proxy = proxy
        self.client_context = ssl.create_default_context(cadata=cluster.authority.certificate.decode())
        self._context = cluster.server_context()
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        # the handshake waits for the first read, which is in the connection's own thread
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        # a client may go away at any time
        if error is not None and not isinstance(error, OSError | http.client.HTTPException):
            self.proxy.failed(error)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client, and one of its own to the API server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written one after the other
    server: TLSServer
    upstream: http.client.HTTPSConnection | None = None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def finish(self) -> None:
        if self.upstream is not None:
            self.upstream.close()
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def handle_any(self) -> None:
        """Serve one request, whatever its method."""
        body = self._body()
        exchange = Exchange(self.command, self.path, self.headers.get("Content-Type", ""))
        fault = self.server.proxy.arrived(exchange, dict(self.headers.items()), body)
        if isinstance(fault, Refuse):
            self._refuse(fault, exchange)
        elif fault is Cut.BEFORE:
            self._cut()
        else:
            if isinstance(fault, Call):
                fault.action()
            self._forward(exchange, body, fault)

    def __getattr__(self, name: str) -> Any:
        """`do_GET` and its like, which the base class asks for, are one."""
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _refuse(self, fault: Refuse, exchange: Exchange) -> None:
        data = json.dumps(status_object(fault)).encode()
        exchange.status = fault.status
        self.send_response(fault.status)
        if fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _cut(self) -> None:
        """Reset the connection: a client reads no end of stream, but an error."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.rfile.close()

    def _forward(self, exchange: Exchange, body: bytes, fault: Fault | None) -> None:
        try:
            response = self._ask(body)
        except (OSError, http.client.HTTPException):
            # the API server is away: so are we
            self._cut()
            return
        with response:
            if isinstance(fault, Wait):
                time.sleep(fault.seconds)
            if fault is Cut.AFTER:
                response.read()
                self._cut()
                return
            self.send_response_only(response.status, response.reason)
            for name, value in response.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            if fault is not Cut.MIDDLE:
                exchange.status = response.status
            self._pass_on(response, middle=fault is Cut.MIDDLE)

    def _ask(self, body: bytes) -> http.client.HTTPResponse:
        if self.upstream is None:
            port = self.server.cluster.ports[2]
            self.upstream = http.client.HTTPSConnection("127.0.0.1", port, context=self.server.client_context)
        self.upstream.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {*HOP_BY_HOP, "host", "content-length", "expect"}:
                self.upstream.putheader(name, value)
        if body or self.command in {"POST", "PUT", "PATCH"}:
            self.upstream.putheader("Content-Length", str(len(body)))
        self.upstream.endheaders(body or None)
        return self.upstream.getresponse()

    def _pass_on(self, response: http.client.HTTPResponse, *, middle: bool) -> None:
        """Pass the body on as it comes: a watch has no end."""
        if response.length is not None:
            data = response.read()
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if middle else data)
            if middle:
                self._cut()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while part := response.read1(1 << 16):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
            if middle:
                self._cut()
                return
        self.wfile.write(b"0\r\n\r\n")
