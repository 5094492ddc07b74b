"""What the reconciler tells, to whomever and wherever: no value, no key, no credential in any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.canary.stored import leaks_in_cluster
from tests.cluster.planted import FAILING, GOOD, Planted, Ground

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey, World


@pytest.fixture
def planted(
    cluster: Cluster,
    namespace: str,
    world: World,
    tool: Callable[[str], str],
    alice: AgeTestKey,
    pgp_key: str,
    builders: str,
) -> Iterator[Planted]:
    with Planted(Ground(cluster, namespace, world.root, tool, alice, pgp_key, builders)) as planted:
        yield planted


def test_nothing_that_is_told_of_rounds_that_work_drift_or_fail_holds_a_secret(planted: Planted) -> None:
    import time
    t=time.time()
    commit = planted.push([*GOOD, *FAILING])
    print("pushed", time.time()-t)
    with planted.reconciler:
        for name in (*GOOD, *FAILING):
            planted.follow(name)
        print("followed", time.time()-t)
        try:
            print(planted.wait(commit))
            print("waited", time.time()-t)
            planted.wait_idle()
            print("idle", time.time()-t)
        finally:
            print(planted.reconciler.said())
            for n,i in planted.ids.items(): print(n, planted.sources.status(i))
        print(planted.proxy.read)
        t=time.time()
        print(planted.told())
        print(time.time()-t)
        print(leaks_in_cluster(planted.scanner, planted.cluster))
        print(time.time()-t)
