"""Servers end with the tests, however these end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.processes import Server, ServerError

SLEEP = shutil.which("sleep") or "sleep"
# a test process that starts a server, tells its number, and waits
STARTS = """
import sys, time
from pathlib import Path
from tests.cluster.processes import Server
folder = Path(sys.argv[1])
(folder / "data").mkdir()
Server([sys.argv[2], "1000"], folder / "log", removes=folder / "data").start(lambda: True)
print("started", flush=True)
time.sleep(1000)
"""


def children(program: str, argument: str) -> list[int]:
    """The processes that run a program with this argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].decode("utf-8", "replace").endswith(program) and argument.encode() in words:
            found.append(int(path.parent.name))
    return found


def wait_until_gone(path: Path) -> None:
    """The server's folder is removed when the server has ended."""
    deadline = time.monotonic() + 30
    while path.exists():
        assert time.monotonic() < deadline, f"{path} is still there"
        time.sleep(0.05)


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_when_its_test_process_is_killed(tmp_path: Path, signal_number: int) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    command = [sys.executable, "-c", STARTS, str(tmp_path), SLEEP]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as test_process:
        assert test_process.stdout is not None
        assert test_process.stdout.readline() == "started\n"
        test_process.send_signal(signal_number)
    wait_until_gone(tmp_path / "data")


def test_a_stopped_server_is_gone_and_can_be_started_again(tmp_path: Path) -> None:
    server = Server([SLEEP, "1001"], tmp_path / "log")
    server.start(lambda: True)
    server.stop()
    assert (server.running, children("sleep", "1001")) == (False, [])
    server.start(lambda: bool(children("sleep", "1001")))
    assert server.running
    server.kill()
    assert (server.running, children("sleep", "1001")) == (False, [])


def test_starting_twice_is_starting_once(tmp_path: Path) -> None:
    server = Server([SLEEP, "1002"], tmp_path / "log")
    for _ in range(2):
        server.start(lambda: bool(children("sleep", "1002")))
    assert len(children("sleep", "1002")) == 1
    server.stop()


def test_a_server_that_ignores_the_order_to_end_can_be_killed(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; while :; do sleep 1; done"
    server = Server(["/bin/sh", "-c", stubborn], tmp_path / "log", environ={"PATH": os.environ["PATH"]})
    server.start(lambda: True)
    server.kill()
    assert not server.running


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    server = Server(["/bin/sh", "-c", "echo no such flag >&2; exit 3"], tmp_path / "log")
    with pytest.raises(ServerError, match="/bin/sh did not get ready:\nno such flag"):
        server.start(lambda: False)
    assert not server.running


def test_a_server_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    server = Server([SLEEP, "1003"], tmp_path / "log")
    with pytest.raises(ServerError, match="did not get ready"):
        server.start(lambda: False, timeout=0.5)
    assert children("sleep", "1003") == []
