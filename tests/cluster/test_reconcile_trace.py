"""A reconciler under strace, through rounds that work, fail and have nothing to do: where its secrets went.

One run for all tests: sources with keys of age and PGP, over HTTP and SSH, with kustomize, helm, checks and notices, and one
for each way to fail. Every secret in it is one that only the tests know.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.planted import FAILING, GOOD
from tests.cluster.planting import VALUES
from tests.cluster.reconciler import until
from tests.cluster.sinks import in_memory
from tests.cluster.watched import planted, watch
from tests.deploy.checkouts import CHART_SLOTS, SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.apiserver import Cluster
    from tests.cluster.watched import Watched
    from tests.conftest import AgeTestKey

KEYS = {"age key", "age number", "bad key", "PGP key", "PGP number", "data key of age", "data key of pgp"}
FROM_FILES = {*VALUES, *SLOTS, *CHART_SLOTS, "typed"}
# to builders and back: what kustomize and helm read and print
BUILT = {"ConfigMap", "file", "patch", "resource", "variable", "chart value", "pgp", "path in a patch"}
WRITTEN = {
    *((slot, place) for slot in BUILT for place in ("FIFO", "pipe")),
    *(("patched", "FIFO"), ("values file", "pipe"), ("broken chart", "pipe")),
    # gpg is given the key, and keeps it where nothing is but memory
    *(("PGP key", "pipe"), ("PGP number", "gpg's home in memory")),
    ("data key of pgp", "pipe"),
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


def test_files_are_made_in_the_scratch_folder_and_in_private_ones_only(watched: Watched) -> None:
    scratch = f"{watched.planted.reconciler.folder}/scratch/"
    outside = {path for path in watched.record.created if not path.startswith((scratch, "/proc/self/"))}
    # the public halves for ssh; Python tries whether it can write to the folder for temporary files
    public = {f"/tmp/sopskit-ssh-?/{name}" for name in ("identity.pub", "known_hosts")}
    homes = {path for path in outside if path.startswith("/dev/shm/sopskit-gnupg-?/")}
    assert outside - homes == {*public, "/tmp/?"}


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


def test_every_failure_has_its_event(watched: Watched) -> None:
    namespace = watched.planted.namespace
    found = watched.planted.cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events").json[
        "items"
    ]
    told = {(event["regarding"]["name"], event["reason"]) for event in found}
    assert told == {*FAILING.items(), ("whole", "Applied"), ("pgp", "Applied"), ("pgp", "Drifted")}


def test_status_events_annotations_and_files_hold_no_secret(watched: Watched) -> None:
    config = {(slot, place) for slot, place in watched.stored if place.startswith("ConfigMap config-")}
    assert {slot for slot, _ in config} == {"ConfigMap"}
    # what the API server says of a number in the place of a text, it writes into its own log, too
    assert watched.stored - config == {("typed", "kube-apiserver.log")}


def test_the_values_arrive_in_secrets(watched: Watched) -> None:
    arrived = {*SLOTS, *CHART_SLOTS, "pgp", "midway", "checked"} - {"ConfigMap"}
    assert watched.applied & FROM_FILES == arrived


def test_failures_are_told_without_what_programs_servers_and_keys_quote(watched: Watched) -> None:
    namespace, url = watched.planted.namespace, watched.planted.http.url("config.git")
    refused = "1 object is refused, so nothing was applied"
    assert {name: reason.partition(" (")[0] for name, reason in watched.reasons.items()} == {
        "mac": "mac/mac.yaml: the MAC does not fit the values of the file",
        "refused": f"{refused}: Secret {namespace}/refused: the API server finds it invalid",
        "midway": f"Secret {namespace}/midway-2: the API server finds it invalid",
        "typed": f"{refused}: Deployment {namespace}/typed: does not fit the schema of its kind",
        "chart": "HelmRelease broken: helm failed with exit status 1: a template of the chart refuses these values",
        "build": "kustomize build failed with exit status 1: its message may quote a secret and is not shown",
        "answer": "after the deployment: answers: the answer does not contain what it should, 2 times in a row",
        "login": f"{url}: the credentials were refused, or there are none",
        "bad-login": "the private SSH key cannot be read, or is protected by another passphrase",
        "bad-key": "Secret keys-bad-key/test-only.agekey:1: not an age identity: a character outside the alphabet",
    }


@pytest.mark.parametrize("killed", ["round", "supervisor"])
def test_nothing_stays_in_memory_of_a_round_that_is_killed_or_whose_supervisor_is(
    killed: str, started_cluster: Cluster, short_folder: Path, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    before = in_memory()
    with planted(started_cluster, short_folder, tool, alice) as ground:
        folder = ground.stand_in("kustomize", "echo $PPID > {folder}/started\nexec /bin/sleep 60")
        ground.push(["pgp"])
        ground.reconciler.start()
        ground.follow("pgp")
        started = until(lambda: (folder / "started").read_text() if (folder / "started").exists() else "", bool)
        folders = in_memory() - before
        assert {path.name.split("-")[1] for path in folders} == {"gnupg", "render"}
        os.kill(int(started) if killed == "round" else ground.reconciler.pid, signal.SIGKILL)
        until(lambda: folders & in_memory(), lambda left: not left, "the end of what a round has in memory")
