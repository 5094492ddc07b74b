"""Which folders are in memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from sopskit import memory

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = r"""
22 1 254:1 / / rw,relatime - ext4 /dev/vda rw
23 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs devtmpfs rw
24 23 0:20 / /dev/shm rw,nosuid - tmpfs tmpfs rw
25 22 0:21 / /a\040b rw - ramfs none rw
""".lstrip()


def test_a_folder_is_where_the_longest_mount_point_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(memory, "MOUNTS", str(tmp_path / "mountinfo"))
    found = {path: memory.is_in_memory(path) for path in ("/dev/shm", "/dev/shm/x", "/dev/shmx", "/nowhere", "/a b/c")}
    assert found == {"/dev/shm": True, "/dev/shm/x": True, "/dev/shmx": False, "/nowhere": False, "/a b/c": True}


@pytest.mark.parametrize("text", [None, "", "not a mount\n"], ids=["missing", "empty", "other"])
def test_what_the_kernel_does_not_tell_is_not_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "mountinfo").write_text(text)
    monkeypatch.setattr(memory, "MOUNTS", str(tmp_path / "mountinfo"))
    assert not memory.is_in_memory("/dev/shm")


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is Linux's")
def test_shared_memory_is() -> None:
    assert memory.is_in_memory(memory.SHARED_MEMORY)
