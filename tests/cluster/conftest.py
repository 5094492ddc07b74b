"""The cluster's fixtures for the tests of the cluster itself."""

from __future__ import annotations

from tests.cluster.fixtures import cluster, flux, namespace, proxy, started_cluster, started_flux

__all__ = ["cluster", "flux", "namespace", "proxy", "started_cluster", "started_flux"]
