"""A reconciler under strace, through rounds that work, fail and have nothing to do: where its secrets went.

One run for all tests: sources with keys of age and PGP, over HTTP and SSH, kustomize, helm, checks and notices, and one for
each way to fail. Every secret in it is one that only the tests know.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.canary.observing import leaks_in_folders
from tests.canary.stored import leaks_in_cluster, secrets_with
from tests.cluster.planted import FAILING, GOOD, KEYS_OF_FILES, Ground, Planted
from tests.cluster.sinks import Record, children, memory, start_traced, stop_traced
from tests.conftest import PGP_FINGERPRINT, STARTED_WITH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.canary.canaries import Hit
    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey


class Watched(NamedTuple):
    """What the run has left behind."""

    planted: Planted
    status: int
    record: Record
    reasons: dict[str, str]
    read_idle: set[tuple[str, str]]
    remembered: dict[str, set[str]]
    told: set[Hit]
    stored: set[Hit]
    left: list[str]


def run(planted: Planted, strace: str) -> Watched:
    import time
    t=time.time()
    def lap(x): print(x, round(time.time()-t,1))
    names = (*GOOD, *FAILING)
    commit = planted.push(names)
    lap("push")
    record = planted.ground.folder / "trace"
    pid = start_traced(planted.reconciler, strace, record)
    for name in names:
        planted.follow(name)
    lap("followed")
    reasons = planted.wait(commit)
    lap("waited")
    planted.drift("pgp")
    planted.wait_idle()
    lap("idle")
    planted.proxy.read.clear()
    planted.wait_idle(1)
    lap("idle 2")
    read_idle = set(planted.proxy.read)
    remembered = {str(p): found_in_memory(planted, p) for p in [pid, *children(pid)]}
    lap("memory")
    told = planted.told()
    lap("told")
    status = stop_traced(planted.reconciler, pid)
    lap("stop")
    print(record.stat().st_size)
    made = Record(record.read_bytes(), planted.ports, "")
    lap("parse")
    stored = leaks_in_cluster(planted.scanner, planted.cluster)
    lap("stored")
    return Watched(planted, status, made, reasons, read_idle, remembered, told, stored, [])


def found_in_memory(planted, pid):
    data = memory(pid)
    print(pid, len(data))
    found = set()
    for slot, canary in planted.canaries.items():
        for offset in range(3):
            pass
        forms = [canary.data, base64.b64encode(canary.data)[:-4]]
        if any(f in data for f in forms): found.add(slot)
    return found


@pytest.fixture(scope="module")
def watched(
    started_cluster: Cluster, short_folder: Path, tool: Callable[[str], str], alice: AgeTestKey
) -> Iterator[Watched]:
    folder = Path(tempfile.mkdtemp(dir=short_folder, prefix=""))
    home = folder / "gpg"
    home.mkdir(0o700)
    started_cluster.start()
    with pytest.MonkeyPatch.context() as patch:
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Test")
            patch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GNUPGHOME", str(home))
        from tests.cluster.planted import PGP_FILE
        subprocess.run([tool("gpg"), "--batch", "--quiet", "--import", PGP_FILE], check=True, capture_output=True)
        import os
        path = os.pathsep.join([str(Path(tool("kustomize")).parent), STARTED_WITH["PATH"]])
        ground = Ground(started_cluster, started_cluster.namespace(), folder, tool, alice, PGP_FINGERPRINT, path)
        with Planted(ground) as planted:
            yield run(planted, tool("strace"))
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)


def test_x(watched: Watched) -> None:
    import time
    t=time.time()
    print(watched.reasons, watched.read_idle, watched.remembered, watched.told, watched.status, watched.record.answers)
    print({(h.slot,h.place) for h in watched.stored})
    for x in sorted(watched.record.found(watched.planted.scanner)): print(x)
    print(time.time()-t)
    print(watched.planted.reconciler.said())
    print(len(watched.record.events))
