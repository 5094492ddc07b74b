"""A cluster, and what applies objects to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.cluster import Connection
from sopskit.cluster.kubeconfig import read_kubeconfig
from tests.deploy.apply.applying import SHORT, Applier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy


@pytest.fixture
def applier(cluster: Cluster, namespace: str, tmp_path: Path) -> Applier:
    """As the administrator, directly."""
    return Applier(Connection(read_kubeconfig([str(cluster.kubeconfig(tmp_path / "kubeconfig"))])), namespace)


@pytest.fixture
def through_proxy(cluster: Cluster, proxy: Proxy, namespace: str, tmp_path: Path) -> Applier:
    """As the administrator, through the proxy."""
    config = cluster.kubeconfig(tmp_path / "kubeconfig", server=proxy.url)
    return Applier(Connection(read_kubeconfig([str(config)]), patience=SHORT), namespace)


@pytest.fixture
def as_user(cluster: Cluster, namespace: str, tmp_path: Path) -> Callable[[str], Applier]:
    """As one of the cluster's users."""

    def make(user: str) -> Applier:
        config = cluster.kubeconfig(tmp_path / f"kubeconfig-{user}", user=user)
        return Applier(Connection(read_kubeconfig([str(config)]), patience=SHORT), namespace)

    return make
