"""Rounds that do not end by themselves, under a supervisor in this process."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
import yaml

from sopskit.deploy.reconcile.listing import ApiListing, FileListing
from sopskit.deploy.reconcile.looking import Looker
from sopskit.deploy.reconcile.loop import Settings, Supervisor
from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.source import API_VERSION, KIND
from sopskit.deploy.reconcile.telling import Teller
from sopskit.memory import SHARED_MEMORY
from tests.cluster.builders import held_kustomize, lives, wait_for_builds
from tests.cluster.reconciler import define, until
from tests.deploy.reconcile.rounds import BEFORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.deploy.reconcile.rounds import Rounds

KUSTOMIZATION = "resources: [s0.yaml, s1.yaml]\n"


@pytest.fixture
def held(rounds: Rounds, tmp_path: Path, tool: Callable[[str], str]) -> Path:
    """A folder with a kustomize that waits; the branch asks for one object less than there are."""
    rounds.plain("dev/kustomization.yaml", KUSTOMIZATION)
    rounds.push()
    return held_kustomize(tmp_path / "held", tool("kustomize"))


def _is_of(tree: Path, ancestor: int) -> bool:
    """Whether the process that made a tree is one of ours."""
    try:
        pid = int(tree.name.split("-")[2])
        while pid not in {0, 1, ancestor}:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return pid == ancestor


def in_a_file(rounds: Rounds, folder: Path, **spec: object) -> FileListing:
    """The source as the document of a file."""
    path = folder / "sources.yaml"
    metadata = {"namespace": rounds.namespace, "name": "dev"}
    content = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": rounds.spec(**spec)}
    path.write_text(yaml.safe_dump(content))
    return FileListing(path)


class Running:
    """A supervisor in a thread, with one source. `held` is where its programs are looked for first."""

    def __init__(
        self, rounds: Rounds, listing: FileListing | ApiListing, held: Path | None = None, *, grace: float = 25.0
    ) -> None:
        self.log: list[str] = []
        search_path = f"{held}:{rounds.search_path}" if held else rounds.search_path
        looker = Looker(rounds.access.connect(), account="", search_path=search_path)
        teller = Teller(None, None, Metrics(), lambda source, notice: None, self.log.append, "test")
        settings = Settings(rounds.access, str(rounds.scratch), search_path, grace=grace)
        self.supervisor = Supervisor(settings, listing, looker, teller, log=self.log.append)
        self._thread = threading.Thread(target=self.supervisor.run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As SIGTERM does; returns when it has ended."""
        self.supervisor.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_a_round_that_does_not_end_within_the_grace_at_the_end_is_killed_with_all_its_own(
    rounds: Rounds, held: Path, tmp_path: Path
) -> None:
    with Running(rounds, in_a_file(rounds, tmp_path), held, grace=0.3) as running:
        build = wait_for_builds(held, 1)
        running.stop()
        until(lambda: lives(build), lambda living: not living, "the build's end")
    assert list(rounds.scratch.glob("round-*")) == []
    assert (rounds.written(), rounds.values()) == ([], BEFORE)


def test_a_round_that_is_killed_leaves_no_tree_of_its_build_in_memory(
    rounds: Rounds, held: Path, tmp_path: Path
) -> None:
    with Running(rounds, in_a_file(rounds, tmp_path), held) as running:
        wait_for_builds(held, 1)
        trees = [tree for tree in Path(SHARED_MEMORY).glob("sopskit-render-*") if _is_of(tree, os.getpid())]
        assert len(trees) == 1
        running.supervisor.lead(False)
        until(lambda: [tree.name for tree in trees if tree.exists()], lambda left: left == [], "the tree's end")
        (held / "hold").unlink()
    assert (rounds.written(), rounds.values()) == ([], BEFORE)


def test_a_round_that_takes_too_long_is_cut_off_and_the_next_does_its_work(
    rounds: Rounds, held: Path, tmp_path: Path
) -> None:
    with Running(rounds, in_a_file(rounds, tmp_path, timeout="2s", retryInterval="5s"), held) as running:
        build = wait_for_builds(held, 1)
        until(lambda: lives(build), lambda living: not living, "the build's end")
        until(lambda: list(running.log), lambda lines: len(lines) == 1, "what is said of it")
        assert (rounds.written(), rounds.values()) == ([], BEFORE)
        (held / "hold").unlink()
        until(lambda: list(running.log), lambda lines: len(lines) == 2, "the next round")
    assert running.log[0] == f"{rounds.namespace}/dev: failed: the round was cut off: it did not end in time"
    assert running.log[1].startswith(f"{rounds.namespace}/dev: applied: 2 deleted from ")
    assert list(rounds.scratch.glob("round-*")) == []


def test_what_failed_for_want_of_the_api_server_goes_on_as_soon_as_that_is_back(rounds: Rounds) -> None:
    define(rounds.cluster)
    rounds.sources.write("dev", **rounds.spec(interval="5s", retryInterval="30m"))
    listing = ApiListing(rounds.access.connect(), [rounds.namespace], "")
    with Running(rounds, listing) as running:
        until(lambda: running.supervisor.is_ready, bool, "the first list")
        rounds.write("s1", a="after")
        rounds.push()
        rounds.cluster.kill()
        failed = (f"{rounds.namespace}/dev: failed: no answer from ", "the sources cannot be listed: no answer from ")
        until(
            lambda: list(running.log),
            lambda lines: all(any(line.startswith(start) for line in lines) for start in failed),
            "failures",
        )
        rounds.cluster.start()
        applied = f"{rounds.namespace}/dev: applied: 1 changed from "
        until(lambda: list(running.log), lambda lines: lines[-1].startswith(applied), "the next round")
    assert rounds.values() == BEFORE | {"s1": "after"}
