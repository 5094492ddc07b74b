"""Files are read whole, and looked at without being read."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from sopskit.errors import FileAccessError, LimitError
from sopskit.workflow.files import check_replaceable, look, read, write_through

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    (tmp_path / "f").write_bytes(data)
    seen = read(str(tmp_path / "f"))
    assert (seen.data, seen.is_regular, repr(seen)) == (data, True, f"Seen({str(tmp_path / 'f')!r})")


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with (tmp_path / "pipe").open("wb") as pipe:
            for _ in range(3):
                pipe.write(b"x" * 50_000)
                pipe.flush()

    thread = threading.Thread(target=write)
    thread.start()
    seen = read(str(tmp_path / "pipe"))
    thread.join()
    assert (seen.data, seen.is_regular) == (b"x" * 150_000, False)


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    with pytest.raises(LimitError):
        read(str(tmp_path / "f"), limit=4)
    assert read(str(tmp_path / "f"), limit=5).data == b"12345"


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="no such file or directory") as caught:
        read(str(tmp_path / "nosuch"))
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(FileAccessError, match="is a directory"):
        read(str(tmp_path))
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileAccessError, match="symbolic links"):
        read(str(tmp_path / "loop"))
    with pytest.raises(FileAccessError):
        look(str(tmp_path / "loop"))


def test_a_missing_file_is_seen_as_such(tmp_path: Path) -> None:
    seen = look(str(tmp_path / "new"))
    assert (seen.status, seen.data, seen.is_regular) == (None, None, True)
    check_replaceable(seen)


def test_a_dangling_link_makes_the_file_it_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    seen = look(str(tmp_path / "link"))
    assert (seen.status, seen.target) == (None, str(tmp_path / "target"))


def test_write_through_reports_what_fails(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    write_through(str(tmp_path / "f"), b"text")
    assert (tmp_path / "f").read_bytes() == b"text"
    with pytest.raises(FileAccessError):
        write_through(str(tmp_path / "no" / "f"), b"text")
    with pytest.raises(FileAccessError, match="no space left"):
        write_through("/dev/full", b"text")
