"""A source whose rounds are made in this process; started once for each file of tests that asks for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.cluster.proxy import Proxy
from tests.deploy.reconcile.rounds import BEFORE, Rounds, search_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey


class Started:
    """What the tests of a file share, as soon as the first of them has started it."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.rounds: Rounds | None = None


@pytest.fixture(scope="module")
def started_rounds() -> Iterator[Started]:
    """Nothing yet: the world of a test must be there before a repository can be made."""
    started = Started()
    with started.stack:
        yield started


@pytest.fixture
def rounds(
    started_rounds: Started,
    cluster: Cluster,
    alice: AgeTestKey,
    tool: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Rounds:
    """A source that is in the cluster as it should be."""
    rounds = started_rounds.rounds
    if rounds is None:
        proxy = Proxy(cluster)
        started_rounds.stack.callback(proxy.close)
        programs = search_path(tool("kustomize"), tool("helm"))
        rounds = Rounds(cluster, proxy, tmp_path_factory.mktemp("rounds"), alice, programs)
        started_rounds.rounds = started_rounds.stack.enter_context(rounds)
    rounds.back()
    if rounds.values() != BEFORE:
        assert rounds.told().outcome == "applied"
        rounds.proxy.clear()
    return rounds
