"""Writes are whole or not at all, and nobody's update is lost."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import FileAccessError, FileChangedError, RefusedError
from sopskit.workflow import files, writer
from sopskit.workflow.writer import MOST_FOLDERS, MOST_PENDING, Writer, replace
from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD = b"old\n"
NEW = b"new\n"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "secret.yaml"
    path.write_bytes(OLD)
    return path


def listing(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_replaced_and_nothing_else_is_left(target: Path) -> None:
    replace(files.read(str(target)), NEW)
    assert target.read_bytes() == NEW
    assert listing(target.parent) == ["secret.yaml"]


def test_a_relative_name_works(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(target.parent)
    replace(files.read("secret.yaml"), NEW)
    assert target.read_bytes() == NEW


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o755, 0o2664])
def test_the_mode_stays(target: Path, mode: int) -> None:
    target.chmod(mode)
    replace(files.read(str(target)), NEW, private=True)
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_extended_attributes_stay(target: Path) -> None:
    os.setxattr(target, "user.sopskit", b"kept")
    replace(files.read(str(target)), NEW)
    assert os.getxattr(target, "user.sopskit") == b"kept"


STRANGER = """
import os, sys
from sopskit.errors import RefusedError
from sopskit.workflow import files
from sopskit.workflow.writer import replace
os.setgroups([]); os.setgid(12345); os.setuid(12345)  # the interpreter may lie where only root can read
try:
    replace(files.read(sys.argv[1]), b"new\\n")
except RefusedError as error:
    print(error.message)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to a group that its owner is not in")
@pytest.mark.parametrize(("mode", "kept"), [(0o644, NEW), (0o666, NEW), (0o640, OLD), (0o664, OLD)])
def test_a_foreign_group_matters_only_where_it_may_do_more_than_everybody(mode: int, kept: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = os.path.join(folder, "secret.yaml")
        with open(path, "wb") as file:
            file.write(OLD)
        os.chown(path, 12345, 54321)
        os.chown(folder, 12345, 12345)
        os.chmod(path, mode)
        done = subprocess.run(
            [sys.executable, "-c", STRANGER, path], cwd=ROOT, capture_output=True, text=True, check=True
        )
        with open(path, "rb") as file:
            assert file.read() == kept
        assert ("owner or group" in done.stdout) is (kept == OLD)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(target: Path) -> None:
    os.chown(target, 12345, 54321)
    replace(files.read(str(target)), NEW)
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 54321)


@pytest.mark.parametrize(("private", "umask", "mode"), [(False, 0o022, 0o644), (False, 0o077, 0o600), (True, 0, 0o600)])
def test_a_new_file_gets_its_mode(tmp_path: Path, private: bool, umask: int, mode: int) -> None:
    path = tmp_path / "new"
    before = os.umask(umask)
    try:
        replace(files.look(str(path)), NEW, private=private)
    finally:
        os.umask(before)
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == mode


def change_content(path: Path) -> None:
    path.write_bytes(b"theirs")


def change_nothing_but_the_inode(path: Path) -> None:
    path.with_suffix(".b").write_bytes(OLD)
    path.with_suffix(".b").rename(path)


def remove(path: Path) -> None:
    path.unlink()


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("change", [change_content, change_nothing_but_the_inode, remove, become_a_link])
def test_what_somebody_else_wrote_meanwhile_is_kept(target: Path, change: Callable[[Path], None]) -> None:
    seen = files.read(str(target))
    change(target)
    theirs = target.read_bytes() if target.is_file() else None
    with pytest.raises(FileChangedError):
        replace(seen, NEW)
    assert (target.read_bytes() if target.is_file() else None) == theirs
    assert [name for name in listing(target.parent) if writer.MARK in name] == []


def test_the_same_size_and_time_do_not_hide_a_change(target: Path) -> None:
    seen = files.read(str(target))
    times = (target.stat().st_atime_ns, target.stat().st_mtime_ns)
    target.write_bytes(b"OLD\n")
    os.utime(target, ns=times)
    with pytest.raises(FileChangedError):
        replace(seen, NEW)
    assert target.read_bytes() == b"OLD\n"


def test_a_file_that_came_into_being_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new"
    seen = files.look(str(path))
    path.write_bytes(b"theirs")
    with pytest.raises(FileChangedError):
        replace(seen, NEW)
    assert path.read_bytes() == b"theirs"


def test_two_writers_lose_no_update(target: Path) -> None:
    target.write_bytes(b"0")
    lost = []

    def count() -> None:
        done = 0
        while done < 50:
            seen = files.read(str(target))
            try:
                replace(seen, str(int(seen.data or b"0") + 1).encode())
            except FileChangedError:
                continue
            done += 1
        lost.append(done)

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (lost, target.read_bytes()) == ([50, 50], b"100")


def test_a_link_to_a_file_beside_it_is_written_through(target: Path) -> None:
    link = target.parent / "link.yaml"
    link.symlink_to("secret.yaml")
    replace(files.read(str(link)), NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_a_link_inside_the_working_tree_is_written_through(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "real").write_bytes(OLD)
    link = tmp_path / "b" / "link"
    link.symlink_to("../a/real")
    replace(files.read(str(link)), NEW)
    assert (tmp_path / "a" / "real").read_bytes() == NEW


def test_a_link_out_of_the_working_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    outside = tmp_path / "outside"
    outside.write_bytes(OLD)
    link = tmp_path / "tree" / "link"
    link.symlink_to(outside)
    with pytest.raises(RefusedError, match="leads out of the working tree"):
        replace(files.read(str(link)), NEW)
    assert outside.read_bytes() == OLD


def test_a_hard_link_is_refused(target: Path) -> None:
    os.link(target, target.parent / "other")
    with pytest.raises(RefusedError, match="2 names"):
        replace(files.read(str(target)), NEW)
    assert target.read_bytes() == OLD


def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(RefusedError, match="no ordinary file"):
            replace(files.look(str(name)), NEW)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="no such folder"):
        replace(files.look(str(tmp_path / "no" / "file")), NEW)


def test_many_files_and_folders_are_written_with_few_descriptors(tmp_path: Path) -> None:
    count = MOST_PENDING * 2 + 3
    paths = [tmp_path / str(number % (MOST_FOLDERS + 9)) / str(number) for number in range(count)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(OLD)
    with Writer() as batch:
        for path in paths:
            batch.replace(files.read(str(path)), NEW)
        assert batch.finish() == []
    assert {path.read_bytes() for path in paths} == {NEW}


def test_one_failing_file_does_not_stop_the_others(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(OLD)
    with Writer() as batch:
        for path in paths:
            batch.replace(files.read(str(path)), NEW)
        paths[1].write_bytes(b"theirs")
        failures = batch.finish()
    assert [(seen.path, type(error)) for seen, error in failures] == [(str(paths[1]), FileChangedError)]
    assert [path.read_bytes() for path in paths] == [NEW, b"theirs", NEW]


def test_leaving_by_an_exception_drops_what_waits(target: Path) -> None:
    def interrupted() -> None:
        with Writer() as batch:
            batch.replace(files.read(str(target)), NEW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert target.read_bytes() == OLD
    assert listing(target.parent) == ["secret.yaml"]


def leftover(target: Path, age: int) -> Path:
    path = target.parent / f".secret.yaml{writer.MARK}0123{writer.SUFFIX}"
    path.write_bytes(b"ENC")
    past = path.stat().st_mtime - age
    os.utime(path, (past, past))
    return path


def test_a_leftover_of_a_killed_run_is_removed_and_reported(target: Path) -> None:
    stale = leftover(target, writer.STALE_SECONDS + 1)
    with Writer() as batch:
        batch.replace(files.read(str(target)), NEW)
        batch.finish()
    assert (batch.stale, stale.exists()) == ([str(stale)], False)


def test_a_temporary_file_in_use_or_just_made_is_left_alone(target: Path) -> None:
    import fcntl

    stale = leftover(target, 0)
    replace(files.read(str(target)), NEW)
    assert stale.exists()
    leftover(target, writer.STALE_SECONDS + 1)
    with stale.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        replace(files.read(str(target)), OLD)
        assert stale.exists()


# --- faults of the system, injected into a real process

PROGRAM = """
import sys
from sopskit.errors import SopskitError
from sopskit.workflow import files, writer
seen = files.read("secret.yaml")
try:
    writer.replace(seen, b"new\\n")
except SopskitError as error:
    print(type(error).__name__, error)
    sys.exit(3)
"""
CALLS = ("openat", "write", "fsync", "fchmod", "rename", "renameat", "unlinkat", "flock", "close")


def traced(strace: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [strace, "-f", "-o", str(folder.parent / "trace"), *options, sys.executable, "-c", PROGRAM]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    (path / "secret.yaml").write_bytes(OLD)
    return path


def write_path(strace: str, folder: Path) -> list[tuple[str, int]]:
    """The system calls of one write, each with its number among the calls of its name, from the temporary file on."""
    traced(strace, folder, "-e", f"trace={','.join(CALLS)}")
    counts: dict[str, int] = {}
    calls: list[tuple[str, int]] = []
    for line in (folder.parent / "trace").read_text(errors="replace").splitlines():
        found = re.match(r"\d+ +(\w+)\(", line)
        if found is None:
            continue
        counts[found[1]] = counts.get(found[1], 0) + 1
        if calls or (writer.MARK in line and "openat" in line):
            calls.append((found[1], counts[found[1]]))
    (folder / "secret.yaml").write_bytes(OLD)
    return calls


@pytest.mark.slow
def test_killed_at_every_step_the_file_is_wholly_old_or_wholly_new(tool: Callable[[str], str], folder: Path) -> None:
    strace = tool("strace")
    calls = write_path(strace, folder)
    assert {"openat", "write", "fsync"} <= {name for name, _ in calls}
    seen = set()
    for name, number in calls:
        traced(strace, folder, "-e", f"inject={name}:signal=KILL:when={number}")
        content = (folder / "secret.yaml").read_bytes()
        assert content in (OLD, NEW)
        seen.add(content)
        for left in folder.iterdir():
            if left.name != "secret.yaml":
                assert writer.MARK in left.name
                assert stat.S_IMODE(left.stat().st_mode) & 0o077 == 0 or left.stat().st_size == len(NEW)
                left.unlink()
        (folder / "secret.yaml").write_bytes(OLD)
    assert seen == {OLD, NEW}


@pytest.mark.parametrize(
    ("call", "error"),
    [("write", "ENOSPC"), ("write", "EDQUOT"), ("write", "EIO"), ("fsync", "EIO"), ("rename", "EACCES")],
)
def test_a_fault_of_the_disk_leaves_the_old_file(
    tool: Callable[[str], str], folder: Path, call: str, error: str
) -> None:
    strace = tool("strace")
    names = ("rename", "renameat", "renameat2") if call == "rename" else (call,)
    when = next((number for name, number in write_path(strace, folder) if name in names))
    name = next(name for name, number in write_path(strace, folder) if name in names)
    done = traced(strace, folder, "-e", f"inject={name}:error={error}:when={when}")
    assert (done.returncode, done.stdout.split(" ")[0]) == (3, "FileAccessError"), done.stderr
    assert (folder / "secret.yaml").read_bytes() == OLD
    assert listing(folder) == ["secret.yaml"]


def test_a_file_system_that_cannot_flush_folders_is_used(tool: Callable[[str], str], folder: Path) -> None:
    strace = tool("strace")
    last = max(number for name, number in write_path(strace, folder) if name == "fsync")
    done = traced(strace, folder, "-e", f"inject=fsync:error=EINVAL:when={last}")
    assert (done.returncode, (folder / "secret.yaml").read_bytes()) == (0, NEW)
