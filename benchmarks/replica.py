"""The reconciler as a process that is measured: its sources, and what its own metrics say."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from functools import partial
from os import kill
from typing import TYPE_CHECKING, NamedTuple

from tests.cluster.apiserver import free_ports
from tests.cluster.reconciler import Reconciler, Sources, condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sopskit.deploy.reconcile.source import SourceId
    from tests.cluster.apiserver import Cluster
    from tests.git.servers import HttpServer

PATIENCE = 600.0  # seconds for anything to come about
SAMPLE = re.compile(r'^(\w+)\{source="([^"]*)",source_namespace="([^"]*)"\} (\S+)$', re.MULTILINE)
SUM, COUNT = "sopskit_round_duration_seconds_sum", "sopskit_round_duration_seconds_count"
SUCCESS = "sopskit_last_success_timestamp_seconds"


class Place(NamedTuple):
    """An API server, a server for the repositories in a folder, and a folder for what is written meanwhile."""

    cluster: Cluster
    server: HttpServer
    remotes: Path
    folder: Path
    search_path: str


class Ours:
    """The reconciler as a process, some sources, and what its metrics say."""

    def __init__(self, place: Place, namespaces: Sequence[str]) -> None:
        """Nothing is started yet. Sources of `namespaces` will be seen."""
        self._cluster = place.cluster
        self._url = f"http://127.0.0.1:{free_ports(1)[0]}"
        folder = place.folder / f"sopskit-{namespaces[0]}"
        folder.mkdir()
        options = [word for namespace in namespaces for word in ("--namespace", namespace)]
        config = place.cluster.kubeconfig(folder / "kubeconfig")
        listen = ["--listen", self._url.removeprefix("http://")]
        self.process = Reconciler(config, folder, *options, *listen, path=place.search_path)

    def write(self, id: SourceId, repository: str, path: str, interval: int) -> None:
        """Write a source, or give it another interval."""
        Sources(self._cluster, id.namespace).write(
            id.name,
            repository=repository,
            path=path,
            interval=f"{interval}s",
            credentials={"secretRef": {"name": "git"}},
            keys={"secretRef": {"name": "keys"}},
        )

    def wait_ready(self, id: SourceId, revision: str) -> None:
        """Wait until a revision is in the cluster."""
        sources = Sources(self._cluster, id.namespace)

        def is_ready() -> bool:
            status = sources.status(id)
            return status.get("lastAppliedRevision") == revision and condition(status)["status"] == "True"

        wait(is_ready, 0.1)

    def is_ready(self) -> bool:
        """Whether it knows its sources."""
        try:
            with urllib.request.urlopen(f"{self._url}/readyz", timeout=30):
                return True
        except OSError:
            return False

    def samples(self) -> dict[tuple[str, str, str], float]:
        """The metrics: by name, namespace and source."""
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return {(name, namespace, source): float(value) for name, source, namespace, value in SAMPLE.findall(text)}

    def rounds(self, id: SourceId) -> Iterator[float]:
        """How long each of the next rounds takes, looks included."""
        seconds, count = self._rounds(id)
        while True:
            wait(partial(self._has_more, id, count), 0.1)
            before = seconds, count
            seconds, count = self._rounds(id)
            yield (seconds - before[0]) / (count - before[1])

    def _rounds(self, id: SourceId) -> tuple[float, float]:
        """The seconds of all its rounds, and how many there were."""
        found = self.samples()
        return found[SUM, *id], found[COUNT, *id]

    def _has_more(self, id: SourceId, count: float) -> bool:
        return self._rounds(id)[1] > count

    def sweep(self, ids: Sequence[SourceId], pause: float, meanwhile: Callable[[], None] = lambda: None) -> float:
        """The time from when all of these are due at once until the last one has been dealt with.

        The process is stopped for as long as it takes them all to become due.
        """
        kill(self.process.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        meanwhile()
        time.sleep(max(0.0, pause - (time.monotonic() - stopped)))
        start = time.time()
        kill(self.process.pid, signal.SIGCONT)
        ends: list[float] = []

        def is_over() -> bool:
            found = self.samples()
            ends[:] = [found.get((SUCCESS, *id), 0.0) for id in ids]
            return min(ends) > start

        wait(is_over, 0.5)
        return max(ends) - start


def wait(reached: Callable[[], bool], pause: float) -> None:
    """Ask every `pause` seconds whether something has come about."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"nothing came about within {PATIENCE:g} seconds"
        time.sleep(pause)
