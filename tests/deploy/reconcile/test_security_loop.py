"""Processes that are left or killed, servers that are silent, errors that nobody foresaw: the others go on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from sopskit.deploy.notify.delivery import Delivery
from sopskit.deploy.notify.delivery import Limits as DeliveryLimits
from sopskit.deploy.notify.message import Notice
from sopskit.deploy.reconcile.access import Access
from sopskit.deploy.reconcile.child import Children, Ended
from sopskit.deploy.reconcile.forked import Limits
from sopskit.deploy.reconcile.leadership import Leadership
from sopskit.deploy.reconcile.lease import Lease
from sopskit.deploy.reconcile.listing import FileListing
from sopskit.deploy.reconcile.looking import Looker
from sopskit.deploy.reconcile.loop import Settings, Supervisor
from sopskit.deploy.reconcile.metrics import Metrics
from sopskit.deploy.reconcile.source import API_VERSION, KIND, Channel, Source, SourceId
from sopskit.deploy.reconcile.telling import Teller
from sopskit.git.fetch import Remote, RemoteError, head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sopskit.cluster import Connection
    from sopskit.deploy.reconcile.listing import Listed, Listing

PATIENCE = 30.0  # seconds


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- processes


def leave_a_daemon(place: object) -> bytes:
    """As gpg does with its agent; gives whether it is still there when the other child has ended."""
    pid, over = Path(str(place)) / "pid", Path(str(place)) / "over"
    subprocess.run(["sh", "-c", f"setsid sleep 60 & echo $! > {pid}"], check=True)
    until(over.exists)
    return str(runs(int(pid.read_text()))).encode()


def nothing(argument: object) -> bytes:
    return b""


def wait_long(place: object) -> bytes:
    Path(str(place)).write_text(str(os.getpid()))
    time.sleep(PATIENCE)
    return b""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_of(children: Children) -> list[Ended]:
    ended: list[Ended] = []
    deadline = time.monotonic() + PATIENCE
    while len(children):
        ended += children.wait(1.0)
        assert time.monotonic() < deadline
    return ended


def test_the_end_of_a_child_leaves_the_daemons_of_others_alone(tmp_path: Path) -> None:
    children = Children()
    children.warm_up()
    try:
        children.start("with a daemon", leave_a_daemon, tmp_path, Limits(PATIENCE))
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        children.start("quick", nothing, None, Limits(PATIENCE))
        while not (quick := children.wait(1.0)):
            pass
        (tmp_path / "over").touch()
        assert [*quick, *all_of(children)] == [Ended("quick", b""), Ended("with a daemon", b"True")]
        daemon = int((tmp_path / "pid").read_text())
        until(lambda: not runs(daemon))
    finally:
        children.close()


def have_a_gpg_home(place: object) -> bytes:
    import tempfile

    from sopskit.keysources.gpghome import PrivateGpgHome

    tempfile.tempdir = str(place)
    home = PrivateGpgHome(os.environ["PATH"])
    (Path(str(place)) / "home").write_text(home.folder)
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def test_the_gpg_home_of_a_child_that_was_killed_is_removed_wherever_it_is(tmp_path: Path) -> None:
    place = tmp_path / ("x" * 100)  # too long for gpg's sockets, so that the home is in shared memory
    place.mkdir()
    children = Children()
    children.warm_up()
    try:
        children.start("key", have_a_gpg_home, place, Limits(PATIENCE))
        all_of(children)
    finally:
        children.close()
    home = Path((place / "home").read_text())
    assert not home.is_relative_to(tmp_path)
    assert not home.exists()


SUPERVISOR = """
import sys, time
from sopskit.deploy.reconcile.child import Children
from sopskit.deploy.reconcile.forked import Limits
from tests.deploy.reconcile.test_security_loop import wait_long
if __name__ == "__main__":
    children = Children()
    children.warm_up()
    children.start("key", wait_long, sys.argv[1], Limits(60.0))
    time.sleep(60)
"""


def test_a_child_ends_with_its_supervisor_however_that_ends(tmp_path: Path) -> None:
    script, file = tmp_path / "supervisor.py", tmp_path / "pid"
    script.write_text(SUPERVISOR)
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen([sys.executable, str(script), str(file)], env={**os.environ, "PYTHONPATH": root})
    until(lambda: file.exists() and file.read_text() != "")
    child = int(file.read_text())
    assert runs(child)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not runs(child))


# --- the loop


class Silent:
    """A server that takes connections and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/config.git"
        self.lines: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while True:
                self.lines.append(self._listener.accept()[0])
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for line in self.lines:
            line.close()


@pytest.fixture
def silent() -> Iterator[Callable[[], Silent]]:
    servers: list[Silent] = []

    def one() -> Silent:
        servers.append(Silent())
        return servers[-1]

    yield one
    for server in servers:
        server.close()


class Running:
    """A supervisor in a thread; the API server that it is told of is never asked."""

    def __init__(self, listing: Listing, folder: Path, **settings: Any) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": {"token": "test-only-token"}}],
        }
        (folder / "kubeconfig").write_text(json.dumps(config))
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700)
        self.lines: list[str] = []
        clock = settings.pop("clock", time.monotonic)
        access = settings.pop("access", Access)((str(folder / "kubeconfig"),), patience=0.1)
        teller = Teller(None, None, Metrics(), lambda source, notice: None, self.lines.append, "")
        looker = Looker(access.connect(), account="", search_path=os.environ["PATH"])
        usual = Settings(access, str(scratch), os.environ["PATH"], sync=0.1, grace=PATIENCE)
        self.supervisor = Supervisor(
            usual._replace(**settings), listing, looker, teller, log=self.lines.append, clock=clock
        )
        self.thread = threading.Thread(target=self.supervisor.run)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.supervisor.stop()
        self.supervisor.lead(False)
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def write_sources(folder: Path, *sources: tuple[str, str, str]) -> FileListing:
    documents = [
        {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"repository": url, "keys": {"secretRef": {"name": "keys"}}},
        }
        for namespace, name, url in sources
    ]
    path = folder / "sources.yaml"
    path.write_text("---\n".join(json.dumps(document) + "\n" for document in documents))
    return FileListing(path)


def test_a_namespace_whose_servers_are_silent_does_not_keep_others_from_their_rounds(
    silent: Callable[[], Silent], tmp_path: Path
) -> None:
    theirs, ours = silent(), silent()
    sources = [("a", f"s{number}", theirs.url) for number in range(4)]
    with Running(write_sources(tmp_path, *sources, ("b", "s", ours.url)), tmp_path, parallel=2):
        until(lambda: len(ours.lines) == 1)
        assert len(theirs.lines) <= 1


class Counting:
    """A clock that counts how often it is looked at."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> float:
        self.count += 1
        return time.monotonic()


class Slow:
    """A listing that takes its time."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answered = threading.Event()

    def read(self) -> Sequence[Listed]:
        self.asked.set()
        self.answered.wait(PATIENCE)
        return ()


def test_the_loop_rests_while_a_list_is_on_its_way(tmp_path: Path) -> None:
    clock, listing = Counting(), Slow()
    with Running(listing, tmp_path, clock=clock) as running:
        assert listing.asked.wait(PATIENCE)
        before = clock.count
        time.sleep(0.5)
        assert clock.count - before < 100
        listing.answered.set()
        until(lambda: running.supervisor.is_ready)


def test_the_loop_rests_while_another_replica_works(tmp_path: Path) -> None:
    clock = Counting()
    running = Running(write_sources(tmp_path), tmp_path, clock=clock)
    running.supervisor.lead(False)
    with running:
        until(lambda: clock.count > 10)
        before = clock.count
        time.sleep(0.5)
        assert clock.count - before < 100


class LosesTheLease(Access):
    """Handed to a child as any other, but the lease is lost while that is done."""

    supervisors: list[Supervisor] = []  # noqa: RUF012 filled by the one test

    def __reduce__(self) -> tuple[type[Access], tuple[object, ...]]:
        for supervisor in self.supervisors:
            supervisor.lead(False)
        return Access, tuple(self)


def test_a_child_that_is_started_while_the_lease_is_lost_is_killed(
    silent: Callable[[], Silent], tmp_path: Path
) -> None:
    running = Running(write_sources(tmp_path, ("a", "s", silent().url)), tmp_path, access=LosesTheLease)
    LosesTheLease.supervisors.append(running.supervisor)
    running.thread.start()
    until(lambda: not running.supervisor._leading)
    running.supervisor.stop()
    running.thread.join(PATIENCE / 2)  # a round that goes on would be waited for
    assert not running.thread.is_alive()


class Surprising:
    """A listing that fails once in a way that nobody foresaw."""

    def __init__(self, listing: FileListing) -> None:
        self._listing = listing
        self.times = 0

    def read(self) -> Sequence[Listed]:
        self.times += 1
        if self.times == 1:
            raise ValueError("open sesame")
        return self._listing.read()


def test_an_unforeseen_error_is_logged_without_its_text_and_stops_nothing(
    silent: Callable[[], Silent], tmp_path: Path
) -> None:
    server = silent()
    listing = Surprising(write_sources(tmp_path, ("a", "s", server.url)))
    with Running(listing, tmp_path) as running:
        until(lambda: len(server.lines) == 1)
    assert running.lines[0] == "an error of sopskit itself, ValueError"
    assert not any(re.search("sesame", line) for line in running.lines)


def test_silent_receivers_of_one_namespace_do_not_hold_up_those_of_another(silent: Callable[[], Silent]) -> None:
    theirs, ours = silent(), silent()
    addresses = {"a": theirs.url.encode(), "b": ours.url.encode()}
    delivery = Delivery(
        lambda namespace, name: {"address": addresses[namespace]},
        count=lambda channel, result: None,
        log=lambda line: None,
        limits=DeliveryLimits(threads=2, timeout=PATIENCE),
    )
    for namespace, receivers in (("a", 4), ("b", 1)):
        channels = tuple(Channel("webhook", f"s{number}") for number in range(receivers))
        source = Source(SourceId(namespace, "s"), ours.url, "main", ".", "keys", channels=channels)
        notice = Notice(str(source.id), "applied", "", "1 created", (), source.repository, "main", "", 0.0)
        delivery.notify(source, notice)
    until(lambda: len(ours.lines) == 1)
    delivery.close(0.0)


def test_an_answer_that_nobody_foresaw_does_not_end_the_renewing_of_the_lease() -> None:
    broken = cast("Connection", None)
    lease = Lease(broken, "sopskit", "lease", "me")
    leadership = Leadership(lease, lambda held: None, lambda line: None)
    leadership.start()
    before = lease._next
    until(lambda: lease._next > before)
    before = lease._next
    until(lambda: lease._next > before)
    leadership.stop()
    assert not lease.held


def test_all_addresses_of_a_name_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = full.getsockname()[1]
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **named: [place] * 40)
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"no answer within 0\.5 seconds"):
        head(Remote(f"http://127.0.0.1:{port}/a.git", "main"), os.environ["PATH"], seconds=0.5)
    assert time.monotonic() - began < 40 * 0.5 / 2
    for line in (full, *fillers):
        line.close()
