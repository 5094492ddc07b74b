"""Addresses that a team writes into a source or its Secret, and what may be connected to.

The supervisor stands in the cluster's network with rights of its own, so it must not be sent where its team could not go:
link-local addresses and the metadata services of clouds, which give out credentials of the node, are refused after the name
is resolved, and the connection goes to the very address that was looked at.
"""

from __future__ import annotations

import enum
import ipaddress
import queue
import re
import socket
import threading
import time
from typing import NamedTuple

from sopskit.errors import SopskitError

# plain ASCII, no user before the host, no fragment: nothing that two programs could read in two ways
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<target>(?:/[!$-;=?-Z\[\]_a-z~]*)?(?:\?[!$-;=?-Z\[\]_a-z~]*)?)\Z",
    re.IGNORECASE,
)
HOST_AND_PORT = re.compile(
    r"(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]{0,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})\Z"
)
LONGEST = 4096  # characters of an address
LOOPBACK = re.compile(r"localhost\.?|127(?:\.[0-9]{1,3}){3}|::1", re.IGNORECASE)
SERVICE = re.compile(r"[a-z0-9.-]+\.svc(?:\.cluster\.local)?\.?", re.IGNORECASE)
PORTS = {"https": 443, "http": 80}
LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
NOT_ONE_HOST = ("0.0.0.0/8", "::/128", "224.0.0.0/3", "ff00::/8")  # unspecified, multicast, reserved, broadcast
# where clouds answer their nodes outside the link-local range: AWS and Google by IPv6, Azure, Alibaba, Oracle
METADATA = ("fd00:ec2::254/128", "fd20:ce::254/128", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")
REFUSED = tuple(ipaddress.ip_network(text) for text in (*LINK_LOCAL, *NOT_ONE_HOST, *METADATA))
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class Plain(enum.Enum):
    """Where http without TLS may go."""

    LOOPBACK = enum.auto()  # what carries a token
    CLUSTER = enum.auto()  # also to Services of the cluster, which seldom have a certificate; no value is in a notice
    ANYWHERE = enum.auto()  # what carries nothing


class AddressError(SopskitError):
    """An address that is not connected to. It is never quoted: it may be a secret."""


class UnreachedError(SopskitError):
    """Nobody answered, or not in time. What was said in between is never quoted."""


class Address(NamedTuple):
    """The parts of a URL; `target` is path and query, the host of an IPv6 address has no brackets."""

    scheme: str
    host: str
    port: int
    target: str

    def __repr__(self) -> str:
        """No part of it."""
        return "Address()"


def read_address(url: str, plain: Plain) -> Address:
    """The parts of a URL. Raises `AddressError`, which tells what is expected."""
    found = URL.match(url) if len(url) <= LONGEST else None
    if found is None:
        raise AddressError(
            "the address is none that is asked", hint="https://HOST[:PORT]/PATH without user or fragment"
        )
    scheme, host = found["scheme"].lower(), found["host"].strip("[]")
    if scheme == "http" and not _may_be_plain(host, plain):
        raise AddressError("http would show everything to the network", hint="give an https address")
    target = found["target"]
    return Address(scheme, host, _port(found["port"] or PORTS[scheme]), target if target[:1] == "/" else f"/{target}")


def read_host_and_port(text: str) -> tuple[str, int]:
    """A host and a port of TCP: `db.dev.svc:5432`, `[::1]:80`. Raises `AddressError`."""
    found = HOST_AND_PORT.match(text)
    if found is None:
        raise AddressError("the address is no HOST:PORT", hint="an IPv6 address stands in brackets")
    return found["host"].strip("[]"), _port(found["port"])


def _port(text: str | int) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise AddressError("the address has no port from 1 to 65535")
    return port


def _may_be_plain(host: str, plain: Plain) -> bool:
    if plain is Plain.ANYWHERE or LOOPBACK.fullmatch(host):
        return True
    return plain is Plain.CLUSTER and SERVICE.fullmatch(host) is not None


def is_refused(text: str) -> bool:
    """Whether an IP address is one that nobody may be sent to, however it is spelled inside another one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_refused(str(inner))
    return any(address in network for network in REFUSED if network.version == address.version)


def connect(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address of a host that answers, before a time of the monotonic clock.

    Raises `AddressError` if the host has an address that is refused, even beside others, and `UnreachedError`.
    """
    found = _resolve(host, port, deadline)
    if any(is_refused(address) for address in found):
        raise AddressError("the address is link-local or of a cloud's metadata service", hint="name another host")
    for place, address in enumerate(found):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:  # every address that is left has its share of the time
            return socket.create_connection((address, port), left / (len(found) - place))
        except TimeoutError:
            why = "no answer in time"
        except OSError as error:
            why = (error.strerror or "the connection failed").lower()
    else:
        raise UnreachedError(f"no connection: {why}")
    raise UnreachedError("no connection: no answer in time")


def _resolve(host: str, port: int, deadline: float) -> list[str]:
    """The addresses of a name. In a thread, since the resolver knows no deadline of ours."""
    answer: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put(list(dict.fromkeys(str(item[4][0]) for item in found)))
        except (OSError, UnicodeError):
            answer.put(None)

    threading.Thread(target=work, name="resolve", daemon=True).start()
    try:
        addresses = answer.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise UnreachedError("the name of the host is not resolved in time") from None
    if not addresses:
        raise UnreachedError("the name of the host cannot be resolved")
    return addresses
