from __future__ import annotations

import socket
import time

import pytest

from sopskit.deploy.notify.address import (
    Address,
    AddressError,
    Plain,
    UnreachedError,
    connect,
    is_refused,
    read_address,
    read_host_and_port,
)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://hooks.example.org/a/b?c=d", ("https", "hooks.example.org", 443, "/a/b?c=d")),
        ("HTTPS://hooks.example.org", ("https", "hooks.example.org", 443, "/")),
        ("https://hooks.example.org?a", ("https", "hooks.example.org", 443, "/?a")),
        ("https://[2001:db8::1]:8443/x", ("https", "2001:db8::1", 8443, "/x")),
        ("http://localhost:8080/", ("http", "localhost", 8080, "/")),
        ("http://[::1]/", ("http", "::1", 80, "/")),
    ],
)
def test_the_parts_of_an_address(url: str, address: tuple[str, str, int, str]) -> None:
    assert tuple(read_address(url, Plain.LOOPBACK)) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/",
        "file:///etc/passwd",
        "https://user:word@host/",
        "https://host/#fragment",
        "https://host:0/",
        "https://host:65536/",
        "https://host/a b",
        "https://host/a\r\nX: y",
        "https://host/\n",
        "https://h\u00f6st/",
        "https://host\\@other/",
        "https:///path",
        "https://host/" + "a" * 5000,
    ],
)
def test_what_is_no_address_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(AddressError) as caught:
        read_address(url, Plain.ANYWHERE)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", {Plain.LOOPBACK, Plain.CLUSTER, Plain.ANYWHERE}),
        ("hook.dev.svc", {Plain.CLUSTER, Plain.ANYWHERE}),
        ("hook.dev.svc.cluster.local", {Plain.CLUSTER, Plain.ANYWHERE}),
        ("hook.svc.example.org", {Plain.ANYWHERE}),
        ("localhost.example.org", {Plain.ANYWHERE}),
        ("hooks.example.org", {Plain.ANYWHERE}),
    ],
)
def test_where_http_without_tls_may_go(host: str, allowed: set[Plain]) -> None:
    found = set()
    for plain in Plain:
        try:
            read_address(f"http://{host}/", plain)
        except AddressError:
            continue
        found.add(plain)
    assert found == allowed


def test_no_part_of_an_address_is_in_its_repr() -> None:
    assert repr(Address("https", "hooks.example.org", 443, "/services/test-token")) == "Address()"


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
        *("2002:a9fe:a9fe::1", "fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"),
    ],
)
def test_addresses_that_nobody_is_sent_to(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "8.8.8.8", "2001:db8::1"]
)
def test_private_addresses_are_allowed_since_services_have_them(address: str) -> None:
    assert not is_refused(address)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0"])
def test_every_spelling_of_a_refused_address_is_refused(host: str) -> None:
    with pytest.raises(AddressError, match="link-local"):
        connect(host, 80, time.monotonic() + 5)


def test_a_host_and_a_port() -> None:
    assert read_host_and_port("db.dev.svc:5432") == ("db.dev.svc", 5432)
    assert read_host_and_port("[::1]:80") == ("::1", 80)


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:99999", "::1:80", "a b:80", "host:80/x"])
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(AddressError):
        read_host_and_port(text)


def test_a_closed_port_is_nobody_there() -> None:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachedError, match=r"no connection: connection refused"):
            connect("127.0.0.1", line.getsockname()[1], time.monotonic() + 5)


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(UnreachedError, match=r"the name of the host"):
        connect("nobody.invalid", 80, time.monotonic() + 5)
