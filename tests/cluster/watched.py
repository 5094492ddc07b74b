"""A reconciler under strace with planted secrets: one run, of which tests ask where those have gone."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.canary.observing import leaks_in_folders
from tests.canary.stored import leaks_in_cluster, secrets_with
from tests.cluster.planted import GOOD, Planted
from tests.cluster.planting import PGP_FILE, Ground
from tests.cluster.sinks import Record, helpers, remembered, start_traced, stop_traced
from tests.conftest import PGP_FINGERPRINT, STARTED_WITH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.canary.canaries import Hit
    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

Found = set[tuple[str, str]]  # slots of canaries, and places

# the FIFOs are made where temporary files go, on a disk, where plaintext would be worst; and strace may look into
# children without being root (prctl(2), PR_SET_DUMPABLE)
CHANGE = """\
import os
from sopskit.deploy import shadow
from sopskit.deploy.reconcile import forked
shadow.SHARED_MEMORY = "/nonexistent"
if os.geteuid():
    forked.DUMPABLE = 0x7FFFFFFF
"""


class Watched(NamedTuple):
    """What was seen of a run.

    `reasons` are the messages of sources that failed, `looked` the Secrets that were read while nothing had changed and
    how, `remembered` what was in the memory of the supervisor and of its children that outlive rounds.
    """

    planted: Planted
    status: int
    record: Record
    written: Found
    reasons: dict[str, str]
    looked: Found
    remembered: list[set[str]]
    told: Found
    stored: Found
    applied: set[str]


def watch(planted: Planted, names: Sequence[str], strace: str, change: str = "") -> Watched:
    """Follow some sources until nothing is to be done any more, then end; `change` is Python that alters sopskit."""
    commit = planted.push(names)
    planted.alter(CHANGE + change)
    trace = planted.ground.folder / "trace"
    pid = start_traced(planted.reconciler, strace, trace)
    for name in names:
        planted.follow(name)
    reasons = planted.wait(commit)
    if set(GOOD) <= set(names):
        planted.drift("pgp")
        planted.wait_idle()
    known = [remembered(process, planted.canaries) for process in (pid, *helpers(pid))]
    told = planted.told()
    status = stop_traced(planted.reconciler, pid)
    record = Record(trace.read_bytes(), planted.ports)
    trace.unlink()
    told |= planted.scanner.scan(planted.reconciler.log.read_bytes(), "log")
    stored = leaks_in_cluster(planted.scanner, planted.cluster)
    stored |= leaks_in_folders(planted.scanner, [planted.reconciler.folder])
    return Watched(
        planted,
        status,
        record,
        record.found(planted.canaries),
        reasons,
        set(planted.proxy.read),
        known,
        _places(told),
        _places(stored),
        secrets_with(planted.scanner, planted.cluster, planted.namespace),
    )


def _places(hits: set[Hit]) -> Found:
    return {(hit.slot, hit.place) for hit in hits}


@contextmanager
def planted(cluster: Cluster, short_folder: Path, tool: Callable[[str], str], key: AgeTestKey) -> Iterator[Planted]:
    """Everything for one run that all tests of a module look at."""
    folder = Path(tempfile.mkdtemp(dir=short_folder, prefix=""))
    home = folder / "gpg"
    home.mkdir(0o700)
    cluster.start()
    path = os.pathsep.join([str(Path(tool("kustomize")).parent), STARTED_WITH["PATH"]])
    with pytest.MonkeyPatch.context() as patch:
        # as the fixture `world` does for one test
        for name, value in (("NAME", "Test"), ("EMAIL", "test@example.org")):
            patch.setenv(f"GIT_AUTHOR_{name}", value)
            patch.setenv(f"GIT_COMMITTER_{name}", value)
        for name, value in (("GIT_CONFIG_NOSYSTEM", "1"), ("GNUPGHOME", str(home)), ("HOME", str(folder))):
            patch.setenv(name, value)
        subprocess.run([tool("gpg"), "--batch", "--quiet", "--import", PGP_FILE], check=True, capture_output=True)
        ground = Ground(cluster, cluster.namespace(), folder, tool, key, PGP_FINGERPRINT, path)
        with Planted(ground) as planted:
            yield planted
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
