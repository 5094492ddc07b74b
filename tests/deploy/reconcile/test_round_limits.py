"""Rounds that do not end by themselves, under a supervisor in this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import pytest
import yaml

from sopskit.deploy.reconcile.listing import FileListing
from sopskit.deploy.reconcile.looking import Looker
from sopskit.deploy.reconcile.loop import Settings, Supervisor
from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.source import API_VERSION, KIND
from sopskit.deploy.reconcile.telling import Teller
from tests.cluster.builders import held_kustomize, lives, wait_for_builds
from tests.cluster.reconciler import until
from tests.deploy.reconcile.rounds import BEFORE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.deploy.reconcile.rounds import Rounds

KUSTOMIZATION = "resources: [s0.yaml, s1.yaml]\n"


@pytest.fixture
def held(rounds: Rounds, tmp_path: Path, tool: Callable[[str], str]) -> Path:
    """A folder with a kustomize that waits; the branch asks for one object less than there are."""
    rounds.plain("dev/kustomization.yaml", KUSTOMIZATION)
    rounds.push()
    return held_kustomize(tmp_path / "held", tool("kustomize"))


class Running:
    """A supervisor in a thread, with one source of a file."""

    def __init__(self, rounds: Rounds, folder: Path, held: Path, *, grace: float = 25.0, **spec: object) -> None:
        self.log: list[str] = []
        path = folder / "sources.yaml"
        metadata = {"namespace": rounds.namespace, "name": "dev"}
        path.write_text(
            yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": rounds.spec(**spec)})
        )
        search_path = f"{held}:{rounds.search_path}"
        looker = Looker(rounds.access.connect(), account="", search_path=search_path)
        teller = Teller(None, None, Metrics(), lambda source, notice: None, self.log.append, "test")
        settings = Settings(rounds.access, str(rounds.scratch), search_path, grace=grace)
        self.supervisor = Supervisor(settings, FileListing(path), looker, teller, log=self.log.append)
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
    with Running(rounds, tmp_path, held, grace=0.3) as running:
        build = wait_for_builds(held, 1)
        running.stop()
        until(lambda: lives(build), lambda living: not living, "the build's end")
    assert list(rounds.scratch.glob("round-*")) == []
    assert (rounds.written(), rounds.values()) == ([], BEFORE)


def test_a_round_that_takes_too_long_is_cut_off_and_the_next_does_its_work(
    rounds: Rounds, held: Path, tmp_path: Path
) -> None:
    with Running(rounds, tmp_path, held, timeout="2s", retryInterval="5s") as running:
        build = wait_for_builds(held, 1)
        until(lambda: lives(build), lambda living: not living, "the build's end")
        until(lambda: list(running.log), lambda lines: len(lines) == 1, "what is said of it")
        assert (rounds.written(), rounds.values()) == ([], BEFORE)
        (held / "hold").unlink()
        until(lambda: list(running.log), lambda lines: len(lines) == 2, "the next round")
    assert running.log[0] == f"{rounds.namespace}/dev: failed: the round was cut off: it did not end in time"
    assert running.log[1].startswith(f"{rounds.namespace}/dev: applied: 2 deleted from ")
    assert list(rounds.scratch.glob("round-*")) == []


def test_what_failed_for_want_of_the_api_server_goes_on_as_soon_as_that_is_back(rounds: Rounds, tmp_path: Path) -> None:
    with Running(rounds, tmp_path, tmp_path, interval="5s", retryInterval="30m") as running:
        until(lambda: running.supervisor.is_ready, bool, "the first list")
        rounds.write("s1", a="after")
        rounds.push()
        rounds.cluster.kill()
        failed = f"{rounds.namespace}/dev: failed: no answer from "
        until(lambda: list(running.log), lambda lines: any(line.startswith(failed) for line in lines), "a failure")
        rounds.cluster.start()
        applied = f"{rounds.namespace}/dev: applied: 1 changed from "
        until(lambda: list(running.log), lambda lines: lines[-1].startswith(applied), "the next round")
    assert rounds.values() == BEFORE | {"s1": "after"}
