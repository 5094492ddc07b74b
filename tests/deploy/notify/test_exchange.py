from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sopskit.deploy.notify.address import AddressError, UnreachedError
from sopskit.deploy.notify.exchange import LONGEST_RETRY, Answer, Request, _trusting, ask
from sopskit.secret import SecretStr
from tests.deploy.notify.receivers import Reply, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def get(url: str) -> Request:
    return Request("GET", SecretStr(url))


def test_a_request_arrives_as_it_is() -> None:
    with serving(Reply(201)) as server:
        request = Request(
            "POST", SecretStr(server.url("/a?b=c")), {"X-A": "b"}, {"Authorization": SecretStr("test-token")}, b"body"
        )
        assert ask(request, 5) == Answer(201)
        (seen,) = server.seen
        assert (seen.method, seen.path, seen.body) == ("POST", "/a?b=c", b"body")
        assert seen.headers == {
            "Accept-Encoding": "identity",
            "Host": server.host_and_port,
            "User-Agent": "sopskit",
            "Connection": "close",
            "X-A": "b",
            "Authorization": "test-token",
            "Content-Length": "4",
        }


def test_nothing_secret_is_in_the_repr() -> None:
    request = Request("POST", SecretStr("https://h/test-token"), {}, {"A": SecretStr("test-token")}, b"test-token")
    assert "test-token" not in repr(request)


def test_a_redirect_is_not_followed() -> None:
    with serving() as other, serving(Reply(302, {"Location": other.url()})) as server:
        assert ask(get(server.url()), 5) == Answer(302)
        assert other.seen == []


def test_only_so_much_of_a_huge_answer_is_read() -> None:
    with serving(Reply(body=b"x" * 5_000_000)) as server:
        assert ask(get(server.url()), 5, most=1000) == Answer(200, None, b"x" * 1000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("99999999999", LONGEST_RETRY),
        ("-1", None),
        ("soon", None),
        (formatdate(0, usegmt=True), 0.0),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(text: str, seconds: float | None) -> None:
    with serving(Reply(429, {"Retry-After": text})) as server:
        assert ask(get(server.url()), 5) == Answer(429, seconds)


def test_a_date_in_retry_after_is_counted_from_now() -> None:
    with serving(Reply(503, {"Retry-After": formatdate(time.time() + 100, usegmt=True)})) as server:
        answer = ask(get(server.url()), 5)
    assert answer.retry_after is not None
    assert 80 < answer.retry_after <= 100


def test_who_hangs_is_left_at_the_deadline() -> None:
    with serving(Reply(hang=30)) as server, pytest.raises(UnreachedError, match=r"no answer within 0.2 seconds"):
        ask(get(server.url()), 0.2)


def test_who_sends_a_byte_now_and_then_is_left_at_the_deadline() -> None:
    began = time.monotonic()
    with (
        serving(Reply(body=b"x" * 1000, drip=0.05)) as server,
        pytest.raises(UnreachedError, match=r"no answer within"),
    ):
        ask(get(server.url()), 0.3, most=1000)
    assert time.monotonic() - began < 20


def answering(data: bytes) -> tuple[socket.socket, threading.Thread]:
    """A server that says one thing to whoever comes first."""
    listening = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        line, _ = listening.accept()
        with line:
            line.recv(65536)
            line.sendall(data)

    thread = threading.Thread(target=work)
    thread.start()
    return listening, thread


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-test-canary\r\n", b"HTTP/1.1 abc test-canary\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200],
)
def test_what_is_no_http_is_no_answer_and_not_quoted(data: bytes) -> None:
    listening, thread = answering(data)
    with listening:
        with pytest.raises(UnreachedError) as caught:
            ask(get(f"http://127.0.0.1:{listening.getsockname()[1]}/"), 5)
        thread.join()
    assert str(caught.value) == "the answer is none of HTTP"
    assert caught.value.__suppress_context__


def test_who_hangs_up_has_not_answered() -> None:
    listening, thread = answering(b"")
    with listening:
        with pytest.raises(UnreachedError, match="the connection was closed"):
            ask(get(f"http://127.0.0.1:{listening.getsockname()[1]}/"), 5)
        thread.join()


def test_a_server_without_tls_is_no_answer_to_https() -> None:
    with serving() as server, pytest.raises(UnreachedError, match=r"no TLS connection can be made"):
        ask(get(f"https://{server.host_and_port}/"), 5)


def test_an_address_of_metadata_is_not_asked() -> None:
    with pytest.raises(AddressError):
        ask(get("https://169.254.169.254/latest/meta-data/"), 5)


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A server with TLS for the name localhost: the file with its certificate, and its URL."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sopskit test only")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "certificate.pem"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    private = tmp_path / "key.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    with serving(context=context) as server:
        yield pem, server.url("/x")


def test_a_certificate_that_nobody_trusts_is_no_answer(certified: tuple[Path, str]) -> None:
    _trusting.cache_clear()
    with pytest.raises(UnreachedError, match="certificate is not trusted"):
        ask(get(certified[1].replace("127.0.0.1", "localhost")), 5)


@pytest.mark.parametrize(("host", "good"), [("localhost", True), ("127.0.0.1", False)])
def test_a_certificate_is_trusted_for_its_own_name_only(
    certified: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, host: str, good: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified[0]))
    _trusting.cache_clear()
    request = get(certified[1].replace("127.0.0.1", host))
    try:
        if good:
            assert ask(request, 5, most=100) == Answer(200, None, b"ok")
        else:
            with pytest.raises(UnreachedError, match="certificate is not trusted"):
                ask(request, 5)
    finally:
        _trusting.cache_clear()
