"""One change to many files: each has an outcome."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.errors import FileChangedError, NotEncryptedError, RefusedError
from sopskit.workflow import writer
from sopskit.workflow.batch import rewrite
from sopskit.workflow.folders import Found
from sopskit.workflow.outcome import CHANGE, DONE, FAILED, READ, SKIPPED, UNCHANGED, WRITE, Left

if TYPE_CHECKING:
    from pathlib import Path

    from sopskit.workflow.files import Seen


def test_every_file_has_an_outcome_with_its_stage(tmp_path: Path) -> None:
    for name in ("changed", "left", "skipped", "refused", "plain", "named", "linked", "lost"):
        (tmp_path / name).write_text(name)
    os.link(tmp_path / "linked", tmp_path / "other")

    def change(seen: Seen, found: Found) -> bytes | Left:
        name = found.path.rpartition("/")[2]
        if name == "refused":
            raise RefusedError("no")
        if name in ("plain", "named"):
            raise NotEncryptedError("plain")
        if name == "lost":
            (tmp_path / "lost").write_text("theirs")
        return {"left": Left("as it was"), "skipped": Left("not meant", skipped=True)}.get(name, b"new")

    names = ("changed", "left", "skipped", "refused", "plain", "named", "linked", "lost", "missing")
    steps: list[None] = []
    found = [Found(str(tmp_path / name), named=name != "plain") for name in names]
    outcomes = rewrite(found, change, done=lambda: steps.append(None))
    assert len(steps) == len(names)
    assert [(outcome.path.rpartition("/")[2], outcome.state, outcome.note) for outcome in outcomes] == [
        ("changed", DONE, ""),
        ("left", UNCHANGED, "as it was"),
        ("skipped", SKIPPED, "not meant"),
        ("refused", FAILED, ""),
        ("plain", SKIPPED, "not encrypted"),
        ("named", FAILED, ""),
        ("linked", FAILED, ""),
        ("lost", FAILED, ""),
        ("missing", FAILED, ""),
    ]
    stages = [outcome.stage for outcome in outcomes if outcome.state == FAILED]
    assert stages == [CHANGE, CHANGE, WRITE, WRITE, READ]
    lost = outcomes[-2]
    assert isinstance(lost.error, FileChangedError)
    assert ((tmp_path / "changed").read_text(), (tmp_path / "lost").read_text()) == ("new", "theirs")


def test_leftovers_of_interrupted_runs_are_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    stale = tmp_path / f".f{writer.MARK}0{writer.SUFFIX}"
    stale.touch()
    os.utime(stale, (1, 1))
    names: list[str] = []
    rewrite([Found(str(tmp_path / "f"))], lambda seen, found: b"new", stale=names.append)
    rewrite([Found(str(tmp_path / "f"))], lambda seen, found: b"newer")
    assert (names, (tmp_path / "f").read_text()) == ([str(stale)], "newer")
