"""Programs are found in absolute folders only, and end with all that they started."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from sopskit.deploy import process
from sopskit.errors import BuildError, LimitError

if TYPE_CHECKING:
    from pathlib import Path

EMPTY: dict[str, str] = {}


def script(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_is_not_looked_for_in_relative_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path, "")
    assert process.find_program("program", f".::{tmp_path.name}") is None
    assert process.find_program("program", f".:/nonexistent:{tmp_path}") == path


def test_a_program_is_given_its_input_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "x")
    path = script(tmp_path, '/bin/cat; echo "$CANARY$ONE" >&2; exit 3')
    ended = process.run([path], b"given" * 50_000, tmp_path, {"ONE": "1"})
    assert ended == process.Ended(3, b"given" * 50_000, b"1\n")
    assert repr(ended) == "<ended with 3>"


def test_a_program_that_does_not_read_its_input_is_no_error(tmp_path: Path) -> None:
    assert process.run([script(tmp_path, "exit 0")], b"x" * 1_000_000, tmp_path, EMPTY).status == 0


def test_something_may_be_done_once_it_runs(tmp_path: Path) -> None:
    path, fifo = script(tmp_path, "/bin/cat fifo"), tmp_path / "fifo"
    os.mkfifo(fifo)

    def tell() -> None:
        fifo.write_text("told")

    ended = process.run([path], b"", tmp_path, EMPTY, tell)
    assert ended == process.Ended(0, b"told", b"")


def test_if_that_fails_the_program_is_ended(tmp_path: Path) -> None:
    def fail() -> None:
        while not child.exists() or not child.read_text():
            time.sleep(0.01)
        raise LimitError("no more")

    child = tmp_path / "child"
    with pytest.raises(LimitError, match="no more"):
        process.run([script(tmp_path, "/bin/sleep 60 &\necho $! > child\nwait")], b"", tmp_path, EMPTY, fail)
    assert _ends(int(child.read_text()))


def test_a_program_that_does_not_end_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "DEADLINE", 0.3)
    path = script(tmp_path, "/bin/sleep 60 &\necho $! > child\nwait")
    with pytest.raises(BuildError, match="program did not end within 0 seconds"):
        process.run([path], b"", tmp_path, EMPTY)
    assert _ends(int((tmp_path / "child").read_text()))


def _ends(number: int) -> bool:
    """Whether a process ends within a few seconds."""
    deadline = time.monotonic() + 5
    while _runs(number) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _runs(number)


def _runs(number: int) -> bool:
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"  # nobody may be there to bury it
    except FileNotFoundError:
        return False


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="none cannot be started: no such file or directory"):
        process.run([os.fspath(tmp_path / "none")], b"", tmp_path, EMPTY)


def test_too_much_output_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_OUTPUT", 3)
    with pytest.raises(LimitError, match="gave more than"):
        process.run([script(tmp_path, "echo 12345")], b"", tmp_path, EMPTY)
