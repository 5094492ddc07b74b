"""`sopskit recipients list`."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import Done, sopskit
from tests.repositories import Git, init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AgeTestKey


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: Path, alice: AgeTestKey, bob: AgeTestKey) -> Git:
    """A repository with a file that ann and a stranger can read, and one for ann alone."""
    git = init(tmp_path / "repo")
    monkeypatch.chdir(git.folder)
    git.write("dev/s.yaml", secret.read_bytes())
    shutil.copy(secret, git.folder / "plain.yaml")
    (git.folder / "plain.yaml").write_text("a: 1\n")
    git.write("prod/s.yaml", secret.read_bytes())
    done = sopskit("rotate", "-i", "--add-age", bob.recipient, "prod/s.yaml")
    assert done.code == 0, done.err
    git.write(".sopskit.yaml", f"names: [{{name: ann, recipients: [{alice.recipient}]}}]\n".encode())
    git.commit({})
    return git


def short(recipient: str) -> str:
    return f"{recipient[:10]}…{recipient[-6:]}"


def test_the_matrix_of_a_repository(git: Git, bob: AgeTestKey) -> None:
    unnamed = short(bob.recipient)
    assert sopskit("recipients", "list") == Done(
        0,
        f"             ann  {unnamed}\ndev/s.yaml   x    -\nprod/s.yaml  x    x\n".encode(),
        f"not named in .sopskit.yaml: {unnamed}: {bob.recipient}\n",
    )


def test_it_can_be_limited_to_paths(git: Git) -> None:
    assert sopskit("recipients", "list", "dev").out == b"            ann\ndev/s.yaml  x\n"


def test_below_the_root_paths_are_as_one_would_type_them(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(git.folder / "dev")
    assert [line.split()[0] for line in sopskit("recipients", "list").out.decode().splitlines()[1:]] == [
        "s.yaml",
        "../prod/s.yaml",
    ]


def test_json(git: Git, alice: AgeTestKey, bob: AgeTestKey) -> None:
    ann = {"type": "age", "id": alice.recipient, "name": "ann"}
    other = {"type": "age", "id": bob.recipient, "name": None}
    done = sopskit("recipients", "list", "--json")
    assert json.loads(done.out) == {
        "recipients": [{**ann, "files": 2}, {**other, "files": 1}],
        "files": [
            {"path": "dev/s.yaml", "environment": None, "threshold": None, "recipients": [{**ann, "group": 0}]},
            {
                "path": "prod/s.yaml",
                "environment": None,
                "threshold": None,
                "recipients": [{**ann, "group": 0}, {**other, "group": 0}],
            },
        ],
        "not_read": [],
    }


def test_on_a_terminal_it_is_a_table(git: Git) -> None:
    done = sopskit("recipients", "list", terminals="stdout", environ={"COLUMNS": "80"})
    assert "─" in done.out.decode()
    assert b"\x1b[" in done.out
    assert b"\x1b[" not in sopskit("recipients", "list", terminals="stdout", environ={"NO_COLOR": "1"}).out


def test_a_file_that_cannot_be_read_is_told_by_the_exit_code(git: Git) -> None:
    git.write("prod/s.yaml", (git.folder / "prod/s.yaml").read_bytes() + b"\t[\n")
    done = sopskit("recipients", "list")
    assert (done.code, done.out) == (1, b"            ann\ndev/s.yaml  x\n")
    assert done.err.startswith("sopskit: warning: prod/s.yaml could not be read: ")


def test_nothing_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sopskit("recipients", "list") == Done(0, b"", "no encrypted file was found\n")


def test_a_path_that_is_not_there(git: Git) -> None:
    done = sopskit("recipients", "list", "nowhere")
    assert (done.code, done.err) == (1, "sopskit: error: nowhere: cannot be read: no such file or directory\n")


@pytest.mark.parametrize("words", [["recipients", "--help"], ["recipients", "list", "--help"]])
def test_help_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert sopskit(*words).code == 0
    assert "Example:\n    sopskit recipients list" in capsys.readouterr().out
