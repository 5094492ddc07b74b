"""Functions in processes of their own: what they give, and what becomes of those that give nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy.reconcile.child import ChildError, Children, Ended, _handle
from sopskit.deploy.reconcile.forked import Limits
from tests.conftest import ROOT
from tests.deploy.reconcile import bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


USUAL = Limits(120.0)


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    running = Children()
    running.warm_up()
    yield running
    running.close()


def run(
    children: Children, function: Callable[[object], bytes], argument: object = None, limits: Limits = USUAL
) -> bytes | str:
    """What a child gives, or the message of its error."""
    children.start("key", function, argument, limits)
    deadline = time.monotonic() + 60
    while not (ended := children.wait(1.0)):
        assert time.monotonic() < deadline
    assert (len(ended), ended[0].key, len(children)) == (1, "key", 0)
    answer = ended[0].answer
    return answer.message if isinstance(answer, ChildError) else answer


def test_a_child_gives_what_its_function_gives(children: Children) -> None:
    assert run(children, bodies.echo, ("one", 2)) == b"('one', 2)"


def test_a_long_answer_comes_whole(children: Children) -> None:
    assert run(children, bodies.long_answer) == b"x" * 1_000_000


def test_a_child_has_a_session_of_its_own_and_writes_no_core_file(children: Children) -> None:
    assert run(children, bodies.process) == b"(True, (0, 0), None)"


def test_of_an_exception_only_the_name_leaves_the_child(children: Children, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(children, bodies.fail, "open sesame") == "the round was cut off: it failed unexpectedly (ValueError)"
    assert "sesame" not in "".join(capfd.readouterr())


def test_a_child_that_takes_too_long_is_ended(children: Children) -> None:
    assert run(children, bodies.sleep, limits=Limits(0.5)) == "the round was cut off: it did not end in time"


def test_a_child_that_does_not_listen_is_killed(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sopskit.deploy.reconcile.child.GRACE", 0.3)
    assert run(children, bodies.refuse_to_end, limits=Limits(0.5)) == "the round was cut off: it did not end in time"


def test_a_crash_takes_nothing_with_it(children: Children) -> None:
    assert run(children, bodies.crash) == "the round was cut off: it was ended by signal 11"
    assert run(children, bodies.echo, 1) == b"1"


def test_a_child_and_what_it_starts_are_the_first_to_go_when_memory_runs_out(children: Children) -> None:
    assert run(children, bodies.oom_score) == b"1000 1000"


def test_memory_is_limited(children: Children) -> None:
    told = run(children, bodies.fill_memory, limits=Limits(30.0, 2 * 1024**3))
    assert told == "the round was cut off: it failed unexpectedly (MemoryError)"


def test_a_thousand_encrypted_files_fit_into_the_usual_memory(children: Children, tmp_path: Path) -> None:
    assert run(children, bodies.serve_many_files, tmp_path, Limits()) == b"value"


def test_what_a_killed_child_leaves_is_killed_too(children: Children, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    assert run(children, bodies.leave_a_process, file) == "the round was cut off: it was ended by signal 9"
    pid = int(file.read_text())
    deadline = time.monotonic() + 20
    while _runs(pid):
        run(children, bodies.echo)  # each end of a child looks for what is left
        assert time.monotonic() < deadline


def test_all_are_killed_at_once(children: Children) -> None:
    for key in ("one", "two"):
        children.start(key, bodies.sleep, None, Limits(60.0))
    children.kill_now()
    ended: list[Ended] = []
    while len(ended) < 2:
        ended += children.wait(1.0)
    texts = {item.key: str(item.answer) for item in ended}
    assert texts == dict.fromkeys(("one", "two"), "the round was cut off: it was ended by signal 9")


def test_a_child_has_one_thread_so_that_it_may_fork(children: Children) -> None:
    assert run(children, bodies.threads) == b"1"


def test_a_child_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = f"""if True:
        from sopskit.deploy.reconcile.child import Children
        from tests.deploy.reconcile import bodies, test_child
        children = Children()
        children.start("", bodies.write_number_and_sleep, {str(file)!r}, test_child.USUAL)
        children.wait(60.0)
    """
    supervisor = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    deadline = time.monotonic() + 60  # before the child's own end
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    supervisor.kill()
    supervisor.wait()
    while _runs(int(file.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_terminal_that_closes_does_not_end_what_runs(children: Children) -> None:
    children.start("slow", bodies.rest, None, USUAL)
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(children._server, number)
    ended: list[Ended] = []
    while not ended:
        ended += children.wait(1.0)
    assert ended == [Ended("slow", b"rested")]


def test_another_thing_that_is_ready_ends_the_waiting(children: Children) -> None:
    reader, writer = os.pipe()
    children.start("slow", bodies.sleep, None, Limits(60.0))
    os.write(writer, b"\0")
    began = time.monotonic()
    assert children.wait(30.0, [reader]) == []
    assert time.monotonic() - began < 20
    children.end("slow", "its source is gone")
    while not (ended := children.wait(1.0)):
        pass
    assert str(ended[0].answer) == "the round was cut off: its source is gone"
    os.close(reader)
    os.close(writer)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_that_has_ended_before_it_is_watched_is_none_that_could_be_killed() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert _handle(ended.pid) == -1
