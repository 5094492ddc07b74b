"""Git servers as teams have them: HTTP and HTTPS with a token, and SSH, on loopback, for bare repositories in one folder."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Self, cast

import pytest

from sopskit.git.credentials import SshKey, Token
from sopskit.secret import SecretBytes, SecretStr
from tests.conftest import STARTED_WITH

if TYPE_CHECKING:
    from tests.cluster.certificates import KeyPair

WAIT = 20.0  # seconds for a server to listen
PRIVILEGE_SEPARATION = Path("/run/sshd")  # sshd wants it when root starts it


class HttpServer:
    """`git http-backend` (git-http-backend(1)) behind Python's server. What it does can be changed while it runs."""

    def __init__(self, root: Path, *, token: str = "", tls: KeyPair | None = None, folder: Path | None = None) -> None:
        self.root = root
        self.token = token  # as the password of any user; empty for none
        self.redirect = ""  # to another server's root
        self.status = 0  # answered instead of anything else
        self.garbage = b""  # answered as if it were git's
        self.trickle = 0.0  # seconds between the bytes of an endless answer
        self.version_2 = True
        self.closes = False  # the connection after each answer
        self.requests: list[str] = []
        self.ending = Event()
        self._server = _Threads(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._scheme = "http"
        if tls is not None and folder is not None:
            self._server.socket = _context(tls, folder).wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def url(self, name: str) -> str:
        """The address of the bare repository `name` in the folder."""
        return f"{self._scheme}://127.0.0.1:{self.port}/{name}"

    @property
    def credentials(self) -> Token:
        """What it lets in."""
        return Token("git", SecretStr(self.token))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop. Calling it again does nothing."""
        if not self.ending.is_set():
            self.ending.set()
            self._server.shutdown()
            self._server.server_close()


def _context(tls: KeyPair, folder: Path) -> ssl.SSLContext:
    path = folder / "server.pem"
    path.write_bytes(tls.certificate + tls.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class _Threads(ThreadingHTTPServer):
    owner: HttpServer
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are expected."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body
    disable_nagle_algorithm = True

    @property
    def owner(self) -> HttpServer:
        return cast("_Threads", self.server).owner

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        owner = self.owner
        owner.requests.append(f"{self.command} {self.path}")
        given = self.rfile.read(int(self.headers.get("Content-Length") or 0)) if not self._chunked else self._chunks()
        if owner.trickle:
            self._trickle()
        elif owner.redirect:
            self._answer(301, [("Location", owner.redirect + self.path)], b"")
        elif owner.status:
            self._answer(owner.status, [], b"no")
        elif owner.token and not self._is_known():
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
        elif owner.garbage:
            self._answer(200, [("Content-Type", "application/x-git-upload-pack-advertisement")], owner.garbage)
        else:
            self._answer(*self._backend(given))

    @property
    def _chunked(self) -> bool:
        return self.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def _chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _is_known(self) -> bool:
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        return kind == "Basic" and pair == b64encode(f"git:{self.owner.token}".encode()).decode()

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        while not self.owner.ending.wait(self.owner.trickle):
            self.wfile.write(b"f")
            self.wfile.flush()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.owner.closes:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _backend(self, given: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        path, _, query = self.path.partition("?")
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(given)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.owner.version_2:
            environ["HTTP_GIT_PROTOCOL"] = self.headers.get("Git-Protocol", "")
        done = subprocess.run(["git", "http-backend"], input=given, capture_output=True, check=False, env=environ)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = [
            (name, value) for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")) if name
        ]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        return status, [pair for pair in headers if pair[0] != "Status"], body


class SshServer:
    """OpenSSH's sshd (Debian: openssh-server) for the user who runs the tests, with a key for them and a host key."""

    def __init__(self, root: Path, folder: Path, *, version_2: bool = True, kind: str = "ed25519") -> None:
        self.root = root
        self._folder = folder
        self.port = _free_port()
        self.identity = make_key(folder / "test-only-client", kind)
        make_key(folder / "test-only-host", "ed25519")
        public = (folder / "test-only-host.pub").read_text().split()
        self.known_hosts = f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n".encode()
        (folder / "authorized_keys").write_bytes((folder / "test-only-client.pub").read_bytes())
        self._config = folder / "sshd_config"
        self._config.write_text(self._lines(version_2=version_2))
        self._process: subprocess.Popen[bytes] | None = None

    def _lines(self, *, version_2: bool) -> str:
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self._folder / 'test-only-host'}",
            f"AuthorizedKeysFile {self._folder / 'authorized_keys'}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
            "AcceptEnv GIT_PROTOCOL" if version_2 else "",
        ]
        return "\n".join(lines) + "\n"

    def url(self, name: str) -> str:
        """The address of the bare repository `name` in the folder."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.root}/{name}"

    @property
    def credentials(self) -> SshKey:
        """What it lets in."""
        return SshKey(SecretBytes(self.identity), self.known_hosts)

    def __enter__(self) -> Self:
        program = require_sshd()
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(0o755, exist_ok=True)
        # newer versions shut out who fails too often
        shown = subprocess.run([program, "-T", "-f", self._config], capture_output=True, check=True).stdout
        if b"persourcepenalties" in shown:
            self._config.write_text(self._config.read_text() + "PerSourcePenalties no\n")
        log = (self._folder / "sshd.log").open("wb")
        with log:
            self._process = subprocess.Popen([program, "-D", "-e", "-f", self._config], stderr=log)
        _wait_for(self.port)
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def require_sshd() -> str:
    """Where sshd is: it must be started by its absolute path. Skips the test, or fails where nothing may be skipped."""
    program = shutil.which("sshd", path=f"{STARTED_WITH.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is not None:
        return program
    if STARTED_WITH.get("SOPSKIT_REQUIRE_TOOLS") == "1":
        pytest.fail("needs sshd", pytrace=False)
    pytest.skip("needs sshd")


def make_key(path: Path, kind: str, passphrase: str = "") -> bytes:
    """A new private key in OpenSSH's form; its public half is beside it."""
    size = ["-b", "2048"] if kind == "rsa" else []
    words = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "test only", "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path.read_bytes()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "the server does not listen"
            time.sleep(0.02)
        else:
            return
