"""How `sopskit reconcile` ends, and what it removes at its start of those that could not end in order."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile.source import API_VERSION, KIND
from sopskit.deploy.shadow import ShadowTree
from sopskit.keysources import gpghome
from sopskit.keysources.ownfolder import make_own_folder, remove_left_folders
from sopskit.memory import SHARED_MEMORY
from sopskit.workflow.reconcile import Options, Reconciler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 30.0  # seconds
PREFIXES = ("sopskit-gnupg-", "sopskit-render-", "sopskit-reconcile-")


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Of a cluster that is not there."""
    path = tmp_path / "kubeconfig"
    cluster = {"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "none", "context": {"cluster": "none", "user": "none"}}
    user = {"name": "none", "user": {"token": "test-only"}}
    content = {"apiVersion": "v1", "kind": "Config", "current-context": "none"}
    path.write_text(json.dumps({**content, "clusters": [cluster], "contexts": [context], "users": [user]}))
    return path


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """One whose repository is not there."""
    path = tmp_path / "sources.yaml"
    spec = {"repository": "https://127.0.0.1:1/config.git", "keys": {"secretRef": {"name": "keys"}}}
    metadata = {"name": "dev", "namespace": "team-a"}
    path.write_text(json.dumps({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}))
    return path


class Running:
    """`sopskit reconcile` in a session of its own, as a terminal has one."""

    def __init__(self, folder: Path, kubeconfig: Path, sources: Path, *before: str) -> None:
        self._log = folder / "log"
        command = [*before, sys.executable, "-m", "sopskit", "reconcile"]
        command += ["--kubeconfig", str(kubeconfig), "--config", str(sources)]
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: b"team-a/dev: failed" in self._log.read_bytes())

    def folders(self) -> list[Path]:
        """Its scratch folders."""
        places = {SHARED_MEMORY, str(self._log.parent)}
        return [path for place in places for path in Path(place).glob(f"sopskit-reconcile-{self.process.pid}-*")]

    def close(self) -> None:
        """Kill it, if it runs, and remove what that leaves."""
        self.process.kill()
        self.process.wait()
        remove_left_folders((SHARED_MEMORY,), PREFIXES)


@pytest.fixture
def start(tmp_path: Path, kubeconfig: Path, sources: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def one(*before: str) -> Running:
        started.append(Running(tmp_path, kubeconfig, sources, *before))
        return started[-1]

    yield one
    for running in started:
        running.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_in_order(start: Callable[..., Running], number: int) -> None:
    running = start()
    assert len(running.folders()) == 1
    running.process.send_signal(number)
    assert (running.process.wait(PATIENCE), running.folders()) == (0, [])


def test_a_terminal_that_closes_leaves_nothing_behind(start: Callable[..., Running]) -> None:
    running = start()
    os.killpg(running.process.pid, signal.SIGHUP)  # all that run in the foreground get it
    assert (running.process.wait(PATIENCE), running.folders()) == (0, [])


def test_with_nohup_it_outlives_the_terminal(start: Callable[..., Running]) -> None:
    running = start("nohup")
    running.process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(1)
    running.process.send_signal(signal.SIGTERM)
    assert (running.process.wait(PATIENCE), running.folders()) == (0, [])


def test_one_that_was_killed_is_cleared_up_after_by_the_next(start: Callable[..., Running]) -> None:
    killed = start()
    (folder,) = killed.folders()
    killed.process.kill()
    killed.process.wait()
    assert folder.exists()
    next_one = start()
    assert not folder.exists()
    assert len(next_one.folders()) == 1


# --- folders of the dead


def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


def made(place: Path, name: str) -> Path:
    folder = place / name
    (folder / "private-keys-v1.d").mkdir(parents=True)
    (folder / "private-keys-v1.d" / "key").touch()
    return folder


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_what_dead_processes_have_left_in_memory_goes_when_a_reconciler_starts(
    kubeconfig: Path, sources: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = tmp_path / "memory"
    monkeypatch.setattr("sopskit.workflow.reconcile.SHARED_MEMORY", str(memory))
    for prefix in PREFIXES:
        made(memory, f"{prefix}{dead()}-abcdefgh")
    os.mkfifo(made(memory, f"sopskit-render-{dead()}-fifo") / "secret.yaml")
    with Reconciler(Options((str(kubeconfig),), config=sources), lambda line: None):
        assert [name.rpartition("-")[0] for name in names(memory)] == [f"sopskit-reconcile-{os.getpid()}"]
    assert names(memory) == []


def test_nothing_else_is_taken_for_it(tmp_path: Path) -> None:
    place, gone = tmp_path / "place", dead()
    kept = [
        f"sopskit-gnupg-{os.getppid()}-abcdefgh",  # it runs
        "sopskit-gnupg-1-abcdefgh",  # so does this, perhaps as somebody else
        f"sopskit-gnupg-{gone}",
        f"sopskit-gnupg-{gone}-abc-def",
        f"sopskit-gnupg-0{gone}-abcdefgh",
        "sopskit-gnupg--abcdefgh",
        "sopskit-gnupg-99999999999999999999-abcdefgh",
        f"sopskit-other-{gone}-abcdefgh",
        f"my-sopskit-gnupg-{gone}-abcdefgh",
    ]
    for name in kept:
        made(place, name)
    (place / f"sopskit-gnupg-{gone}-file").touch()
    remove_left_folders((str(place), str(tmp_path / "nowhere")), PREFIXES)
    assert names(place) == sorted([*kept, f"sopskit-gnupg-{gone}-file"])


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    place, target = tmp_path / "place", made(tmp_path, "target")
    left = made(place, f"sopskit-gnupg-{dead()}-abcdefgh")
    (left / "inside").symlink_to(target)
    (place / f"sopskit-gnupg-{dead()}-link").symlink_to(target)
    remove_left_folders((str(place),), PREFIXES)
    assert (left.exists(), (target / "private-keys-v1.d" / "key").exists()) == (False, True)


def test_a_folder_that_somebody_holds_is_not_of_a_dead_process_whatever_its_number_says(tmp_path: Path) -> None:
    # as a process of another container looks, whose /dev/shm is ours, too
    left = made(tmp_path, f"sopskit-gnupg-{dead()}-abcdefgh")
    descriptor = os.open(left, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        remove_left_folders((str(tmp_path),), PREFIXES)
        assert left.exists()
    finally:
        os.close(descriptor)
    remove_left_folders((str(tmp_path),), PREFIXES)
    assert not left.exists()


def test_a_number_of_our_own_from_another_process_does_not_save_it(tmp_path: Path) -> None:
    # a container that is started again has the same numbers again
    left = made(tmp_path, f"sopskit-reconcile-{os.getpid()}-abcdefgh")
    mine, held = make_own_folder("sopskit-reconcile-", str(tmp_path))
    try:
        remove_left_folders((str(tmp_path),), PREFIXES)
        assert (left.exists(), os.path.isdir(mine)) == (False, True)
    finally:
        os.close(held)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder somebody else's")
def test_what_belongs_to_another_user_stays(tmp_path: Path) -> None:
    left = made(tmp_path, f"sopskit-gnupg-{dead()}-abcdefgh")
    os.chown(left, 65534, 65534)
    remove_left_folders((str(tmp_path),), PREFIXES)
    assert left.exists()


def is_held(folder: str) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_homes_of_gpg_and_the_trees_of_builds_are_held_as_long_as_they_are_there(
    tmp_path: Path, tool: Callable[[str], str]
) -> None:
    tool("gpg")
    before = open_files()
    with gpghome.PrivateGpgHome(os.environ["PATH"]) as home, ShadowTree([], tmp_path) as tree:
        assert is_held(home.folder)
        assert is_held(str(tree.folder.parent))
    assert open_files() == before
