"""A reconciler under strace, through rounds that work, fail and have nothing to do: where its secrets went.

One run for all tests: sources with keys of age and PGP, over HTTP and SSH, with kustomize, helm, checks and notices, and one
for each way to fail. Every secret in it is one that only the tests know.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.planted import FAILING, GOOD, VALUES
from tests.cluster.watched import planted, watch
from tests.deploy.checkouts import CHART_SLOTS, SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.apiserver import Cluster
    from tests.cluster.watched import Watched
    from tests.conftest import AgeTestKey

KEYS = {"age key", "bad key", "PGP key", "PGP number"}
FROM_FILES = {*VALUES, *SLOTS, *CHART_SLOTS, "typed"}
# to builders and back: what kustomize and helm read and print
BUILT = {"ConfigMap", "file", "patch", "resource", "variable", "chart value", "pgp", "path in a patch"}
WRITTEN = {
    *((slot, place) for slot in BUILT for place in ("FIFO", "pipe")),
    *(("patched", "FIFO"), ("values file", "pipe"), ("broken chart", "pipe")),
    # gpg is given the key, and keeps it where nothing is but memory
    *(("PGP key", "pipe"), ("PGP number", "gpg's home in memory")),
    # git is given the token; in these tests its server speaks HTTP without TLS, and so do the receivers
    *(("Git token", "pipe"), ("Git token", "Git server"), ("wrong Git token", "Git server")),
    *((slot, "receiver") for slot in ("webhook", "slack", "gitlab", "refusing", "GitLab token")),
}


@pytest.fixture(scope="module")
def watched(
    started_cluster: Cluster, short_folder: Path, tool: Callable[[str], str], alice: AgeTestKey
) -> Iterator[Watched]:
    with planted(started_cluster, short_folder, tool, alice) as ground:
        yield watch(ground, (*GOOD, *FAILING), tool("strace"))


def test_plaintext_and_keys_are_written_to_pipes_fifos_and_memory_only(watched: Watched) -> None:
    assert watched.written == WRITTEN


def test_every_process_ends_in_order(watched: Watched) -> None:
    assert watched.status == 0
    assert not {path for path in watched.record.folders if Path(path).exists()}


def test_reports_of_rounds_hold_no_secret(watched: Watched) -> None:
    assert watched.record.answers >= len(FAILING) + 2 * len(GOOD)
    assert not {slot for slot, place in watched.written if place == "report"}


def test_a_look_reads_no_key_but_the_version_of_its_secret(watched: Watched) -> None:
    names = {(f"keys-{name}", "metadata") for name in GOOD} | {(f"git-{name}", "whole") for name in GOOD}
    assert watched.looked == names


def test_the_supervisor_and_the_process_that_forks_rounds_have_had_no_key_and_no_value(watched: Watched) -> None:
    supervisor, *others = watched.remembered
    assert "API token" in supervisor, "the scan finds nothing"
    assert (supervisor & (KEYS | FROM_FILES), others) == (set(), [set()] * len(others))
    assert len(others) == 2


def test_logs_metrics_and_notices_hold_no_secret(watched: Watched) -> None:
    assert watched.told == set()


def test_status_events_annotations_and_files_hold_no_secret(watched: Watched) -> None:
    config = {(slot, place) for slot, place in watched.stored if place.startswith("ConfigMap config-")}
    assert {slot for slot, _ in config} == {"ConfigMap"}
    # what the API server says of a number in the place of a text, it writes into its own log, too
    assert watched.stored - config == {("typed", "kube-apiserver.log")}


def test_the_values_arrive_in_secrets(watched: Watched) -> None:
    arrived = {*SLOTS, *CHART_SLOTS, "pgp", "midway", "checked"} - {"ConfigMap"}
    assert watched.applied & FROM_FILES == arrived


def test_failures_are_told_without_what_kustomize_helm_and_servers_quote(watched: Watched) -> None:
    namespace = watched.planted.namespace
    refused = "1 object is refused, so nothing was applied"
    assert {name: watched.reasons[name].partition(" (")[0] for name in ("build", "chart", "refused", "typed")} == {
        "build": "kustomize build failed with exit status 1: its message may quote a secret and is not shown",
        "chart": "HelmRelease broken: helm failed with exit status 1: a template of the chart refuses these values",
        "refused": f"{refused}: Secret {namespace}/refused: the API server finds it invalid",
        "typed": f"{refused}: Deployment {namespace}/typed: does not fit the schema of its kind",
    }
