"""The session around an editor, in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from sopskit.errors import EditorError, RefusedError
from sopskit.workflow import editor
from sopskit.workflow.editor import PREFIX, Cancelled, Editor, Session, find_editor

ENVIRON = {"PATH": os.environ["PATH"]}


def shell(body: str) -> Editor:
    return Editor(("sh", "-c", body, "sh"), keeps_history=False)


def test_the_edited_text_comes_back_and_the_folder_goes(tmp_path: Path) -> None:
    with Session([], "f.yaml", anywhere=str(tmp_path)) as session:
        assert session.edit(b"old", shell('printf new > "$1"'), ENVIRON) == b"new"
        assert session.edit(b"new", shell(":"), ENVIRON) == b"new"
    assert list(tmp_path.iterdir()) == []


def test_signals_are_given_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in editor.SIGNALS]
    with Session([], "f", anywhere=str(tmp_path)):
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in editor.SIGNALS] == before


def test_a_signal_while_the_editor_starts_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor may run before the process that started it knows of it."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def interrupted(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        started.append(popen(command, env=env))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(Cancelled), Session([], "f", anywhere=str(tmp_path)) as session:
        session.edit(b"text", shell("exec sleep 60"), ENVIRON)
    assert (started[0].returncode, list(tmp_path.iterdir())) == (-signal.SIGTERM, [])


@pytest.mark.parametrize("body", ["exec sleep 60", "trap '' TERM; while :; do sleep 0.1; done"])
def test_a_signal_ends_the_editor_even_if_it_does_not_want_to(tmp_path: Path, body: str) -> None:
    """A timer stands for whoever sends the signal."""
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    start = time.monotonic()
    timer.start()
    with pytest.raises(Cancelled), Session([], "f", anywhere=str(tmp_path)) as session:
        session.edit(b"old", shell(body), ENVIRON)
    assert time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []


def test_an_editor_that_dies_of_a_signal_of_the_terminal_cancels(tmp_path: Path) -> None:
    with pytest.raises(Cancelled), Session([], "f", anywhere=str(tmp_path), keyboard=True) as session:
        session.edit(b"old", shell("kill -INT $$"), ENVIRON)


def test_ctrl_c_is_the_editors_on_a_keyboard(tmp_path: Path) -> None:
    with Session([], "f", anywhere=str(tmp_path), keyboard=True) as session:
        assert session.edit(b"old", shell('kill -INT $PPID; printf new > "$1"'), ENVIRON) == b"new"


def test_an_editor_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    with Session([], "f", anywhere=str(tmp_path)) as session, pytest.raises(EditorError, match="could not be started"):
        session.edit(b"old", Editor((str(tmp_path),), keeps_history=False), ENVIRON)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(RefusedError, match="no folder for the plaintext"),
        Session([], "f", anywhere=str(tmp_path / "no")),
    ):
        pass


def test_a_disk_is_no_memory(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="a disk does not forget"):
        Session([str(tmp_path), str(tmp_path / "nosuch")], "f")


def test_the_folder_of_a_running_session_is_left_alone(tmp_path: Path) -> None:
    with Session([], "f", anywhere=str(tmp_path)) as first:
        with Session([], "f", anywhere=str(tmp_path)):
            assert len(list(tmp_path.iterdir())) == 2
        assert first.edit(b"old", shell(":"), ENVIRON) == b"old"


def test_somebody_elses_folder_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to("/etc")
    with Session([], "f", anywhere=str(tmp_path)):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_an_editor_with_arguments_is_split_like_a_shell_does() -> None:
    found = find_editor({**ENVIRON, "SOPS_EDITOR": "sh -c 'a b'"})
    assert found.command == ("sh", "-c", "a b")
    with pytest.raises(EditorError, match="quote"):
        find_editor({**ENVIRON, "EDITOR": "sh 'x"})
