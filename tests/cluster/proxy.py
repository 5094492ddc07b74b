"""A proxy of ours in front of the API server: it refuses, cuts, delays and stops as a test says, and notes what came.

It ends the client's TLS with a certificate of the same authority and speaks TLS to the API server, so a client needs
another URL and nothing else. A client certificate does not pass it: use tokens.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.faults import FOREVER, Cut, Exchange, Fault, Rule
from tests.cluster.relay import TLSServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.canary.canaries import Hit, Scanner
    from tests.cluster.apiserver import Cluster

IN_A_SECRET = re.compile(r"/secrets(/[^/ ]+)?: (data|stringData)\.")


@dataclass(slots=True)
class _Record:
    rules: list[Rule] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    hits: set[Hit] = field(default_factory=set)
    scanner: Scanner | None = None
    errors: list[BaseException] = field(default_factory=list)


class Proxy:
    """In front of one cluster, until it is closed. `url` is for `Cluster.kubeconfig(server=...)`."""

    def __init__(self, cluster: Cluster) -> None:
        """Serves at once, in threads of its own."""
        self._lock = threading.Lock()
        self._record = _Record()
        self._server = TLSServer(cluster, self)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def inject(self, fault: Fault, *, method: str = "", path: str = "", skip: int = 0, times: int = 1) -> None:
        """Let `fault` happen to the requests that match (all, by default), but for the first `skip`, and only `times` times.

        `path` is a regular expression that is searched in the path with its query. Of several rules that match,
        the first that is not used up acts.
        """
        with self._lock:
            self._record.rules.append(Rule(fault, method, re.compile(path), skip, times))

    def stop_after(self, requests: int) -> None:
        """The server is gone for good after so many more requests."""
        self.inject(Cut.BEFORE, skip=requests, times=FOREVER)

    def clear(self) -> None:
        """Forget all rules, and what came so far."""
        with self._lock:
            self._record = _Record(scanner=self._record.scanner, errors=self._record.errors)

    def watch_for(self, scanner: Scanner) -> None:
        """Scan requests from now on: their path, their headers but for the credentials, their bodies. None is kept."""
        self._record.scanner = scanner

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """What came, in the order of its coming."""
        with self._lock:
            return tuple(self._record.exchanges)

    def requests(self, method: str = "", path: str = "") -> list[str]:
        """The exchanges that match, as texts."""
        wanted = re.compile(path)
        return [
            str(exchange)
            for exchange in self.exchanges
            if method in ("", exchange.method) and wanted.search(exchange.path)
        ]

    def hits(self, *, data: bool = False) -> set[Hit]:
        """Canaries in requests; those in a Secret's `data` and `stringData`, where they belong, only if asked for."""
        with self._lock:
            return {hit for hit in self._record.hits if data or not IN_A_SECRET.search(hit.place)}

    def close(self) -> None:
        """Stop serving; raises what went wrong in the proxy itself."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._record.errors:
            raise self._record.errors[0]

    # --- for the handler

    def arrived(self, exchange: Exchange, headers: Mapping[str, str], body: bytes) -> Fault | None:
        """Note a request; gives what shall happen to it."""
        hits = set(self._scan(exchange, headers, body))
        with self._lock:
            self._record.exchanges.append(exchange)
            self._record.hits |= hits
            return self._next_fault(exchange)

    def _next_fault(self, exchange: Exchange) -> Fault | None:
        chosen: Fault | None = None
        for rule in self._record.rules:
            if rule.method not in ("", exchange.method) or not rule.path.search(exchange.path):
                continue
            if rule.skip:
                rule.skip -= 1
            elif rule.times and chosen is None:
                rule.times -= 1
                chosen = rule.fault
        return chosen

    def failed(self, error: BaseException) -> None:
        """Note an error that is the proxy's own."""
        self._record.errors.append(error)

    def _scan(self, exchange: Exchange, headers: Mapping[str, str], body: bytes) -> Iterator[Hit]:
        scanner = self._record.scanner
        if scanner is None:
            return
        request = f"{exchange.method} {exchange.path.partition('?')[0]}"
        yield from scanner.scan(exchange.path.encode(), f"{request}: path")
        for name, value in headers.items():
            if name.lower() != "authorization":
                yield from scanner.scan(value.encode("latin-1"), f"{request}: header {name}")
        for place, text in _texts(body):
            yield from scanner.scan(text, f"{request}: {place}")


def _texts(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Every key and scalar of a JSON or YAML body with its place; the whole of any other body."""
    try:
        object = json.loads(body) if body.lstrip().startswith(b"{") else yaml.load(body, yaml.CSafeLoader)
    except (ValueError, yaml.YAMLError):
        yield "body", body
        return
    yield from _leaves(object, "")


def _leaves(value: Any, place: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"name in {place or 'the object'}", str(key).encode()
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
    elif value is not None:
        yield place, str(value).encode()
