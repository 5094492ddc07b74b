"""Fixtures of the cluster, started once for all tests that ask for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.apiserver import Cluster
from tests.cluster.flux import Flux
from tests.cluster.proxy import Proxy
from tests.conftest import STARTED_WITH
from tests.testbed import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def started_cluster(tool: Callable[[str], str], short_folder: Path) -> Iterator[Cluster]:
    """etcd and kube-apiserver, serving."""
    programs = tool("etcd"), tool("kube-apiserver")
    running = Cluster(*programs, Path(tempfile.mkdtemp(prefix="cluster-", dir=short_folder)))
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def cluster(started_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, serving; a test may stop it."""
    started_cluster.start()
    yield started_cluster
    started_cluster.start()


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own."""
    return cluster.namespace()


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    """A proxy in front of the cluster, without faults."""
    before = Proxy(cluster)
    yield before
    before.close()


@pytest.fixture(scope="session")
def started_flux(started_cluster: Cluster, tool: Callable[[str], str], short_folder: Path) -> Iterator[Flux]:
    """Flux's controller at the cluster, running."""
    program = tool("kustomize-controller")
    folder = Path(tempfile.mkdtemp(prefix="flux-", dir=short_folder))
    started_cluster.start()
    running = Flux(started_cluster, program, install.files_folder(STARTED_WITH), folder)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def flux(cluster: Cluster, started_flux: Flux) -> Flux:
    """Flux's controller, running, while the cluster serves."""
    started_flux.start()
    return started_flux
