"""Files opened by several processes at once: in interpreters of their own, which have one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.deploy.checkouts import DATA, SLOTS, make_checkout, secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey
    from tests.deploy.conftest import Tree

COUNT = 12
PROGRAM = """
import json, os, sys, threading
sys.path.insert(0, {root!r})
from pathlib import Path
from sopskit.age import parse_identity
from sopskit.deploy import workers
from sopskit.deploy.opening import SourceOpener
from sopskit.errors import SopskitError
from sopskit.sops.masterkeys import FixedKeyring

workers.LEAST_FILES, workers.CHUNK = 4, 1
forks = []
os.register_at_fork(before=lambda: forks.append(1))
files = [(path.read_bytes(), str(path)) for path in sorted(Path(sys.argv[1]).iterdir())]
opener = SourceOpener(FixedKeyring((parse_identity(sys.argv[2]),)))
before = len(os.listdir("/proc/self/fd"))
{change}
told = {{}}
try:
    told["opened"] = [one and one.plaintext.decode() for one in workers.open_all(opener, files)]
    told["secrets"] = [sorted(one.secrets) if one else [] for one in workers.open_all(opener, files)]
except SopskitError as error:
    told["error"] = [type(error).__name__, os.path.basename(error.location.file)]
try:
    told["child"] = os.waitpid(-1, os.WNOHANG)[0]
except ChildProcessError:
    told["child"] = None
told["descriptors"] = len(os.listdir("/proc/self/fd")) - before
print(json.dumps({{**told, "forked": bool(forks)}}))
"""
several = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two processors, and Linux"
)


def open_folder(folder: Path, key: AgeTestKey, change: str = "") -> dict[str, Any]:
    """What became of the files of a folder. `change` is Python that is run before."""
    program = PROGRAM.format(root=str(ROOT), change=change)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", program, folder, key.identity],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told.pop("child"), told.pop("descriptors")) == (None, 0)
    return told


@pytest.fixture
def files(tree: Tree) -> list[Path]:
    """Encrypted files, and a plain one before them."""
    paths = [
        tree.encrypted(f"{number:02}.yaml", secret("app", key=f"value {number}"), *DATA) for number in range(COUNT)
    ]
    tree.plain("plain.yaml", "a: 1\n").rename(tree.folder / "-plain.yaml")
    return paths


# sops indents anew
EXPECTED = {
    "opened": [None, *(secret("app", key=f"value {number}").replace("  ", "    ") for number in range(COUNT))],
    "secrets": [[], *([f"value {number}"] for number in range(COUNT))],
}


@several
def test_all_come_in_their_order(files: list[Path], alice: AgeTestKey) -> None:
    assert open_folder(files[0].parent, alice) == {**EXPECTED, "forked": True}


@several
def test_few_chunks_do_for_many_files(files: list[Path], alice: AgeTestKey) -> None:
    few = "import sopskit.deploy.workers as workers; workers.MOST_CHUNKS = 2"
    assert open_folder(files[0].parent, alice, few) == {**EXPECTED, "forked": True}


@several
def test_workers_that_die_are_no_loss(files: list[Path], alice: AgeTestKey) -> None:
    dying = "os.register_at_fork(after_in_child=lambda: os._exit(1))"
    assert open_folder(files[0].parent, alice, dying) == {**EXPECTED, "forked": True}


@several
def test_without_more_processes_one_does_it_all(files: list[Path], alice: AgeTestKey) -> None:
    refused = "def refuse(): raise BlockingIOError(11, 'no more processes')\nos.fork = refuse"
    assert open_folder(files[0].parent, alice, refused) == {**EXPECTED, "forked": False}


def test_a_program_with_threads_is_not_forked(files: list[Path], alice: AgeTestKey) -> None:
    threaded = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    assert open_folder(files[0].parent, alice, threaded) == {**EXPECTED, "forked": False}


@several
def test_the_first_file_that_does_not_open_is_told(files: list[Path], alice: AgeTestKey) -> None:
    for path in (files[3], files[4], files[-1]):
        path.write_text(path.read_text().replace("name: app", "name: other"))  # the MAC covers it
    assert open_folder(files[0].parent, alice) == {"error": ["MacMismatchError", "03.yaml"], "forked": True}


@several
def test_a_key_that_fits_no_file_is_told_without_a_fork(files: list[Path], bob: AgeTestKey) -> None:
    assert open_folder(files[0].parent, bob) == {"error": ["DataKeyError", "00.yaml"], "forked": False}


@several
def test_no_plaintext_of_a_worker_meets_a_disk(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> None:
    checkout = make_checkout(tmp_path, tool, alice)
    change = "from sopskit.deploy import workers; workers.LEAST_FILES, workers.CHUNK = 2, 1"
    traced = checkout.run(tool("strace"), "render", "k8s/gitops/dev", change=change)
    assert (traced.returncode, traced.stderr, traced.connections) == (0, b"", 0)
    assert {hit.slot for hit in checkout.scanner.scan(traced.stdout, "")} == set(SLOTS)
    assert traced.leaks(checkout.scanner) == set()
    main = traced.events[0].pid
    told = [event for event in traced.events if event.path.startswith("pipe:") and (event.descriptor or 0) > 2]
    assert [event for event in told if event.pid != main and checkout.scanner.scan(event.data, "")] != []
    assert checkout.left() == set()
