"""FIFOs that serve plaintext."""

from __future__ import annotations

import _thread
import contextlib
import os
import stat
import time
from pathlib import Path

import pytest

from sopskit.deploy import shadow as shadow_module
from sopskit.deploy.opening import OpenedSource
from sopskit.deploy.shadow import ShadowTree
from sopskit.deploy.tree import Source
from sopskit.errors import BuildError, LimitError

LARGE = bytes(range(256)) * 2_000  # more than a pipe holds


def source(root: Path, name: str, secret: bytes) -> Source:
    return Source(root / name, b"ciphertext", OpenedSource(secret, frozenset()))


def test_plain_files_are_copied_and_encrypted_ones_are_served(tmp_path: Path) -> None:
    sources = [Source(tmp_path / "a" / "plain", b"plain", None), source(tmp_path, "a/b/secret", LARGE)]
    with ShadowTree(sources, tmp_path) as shadow:
        assert stat.S_IMODE(shadow.folder.stat().st_mode) == 0o700
        assert shadow.path(tmp_path / "a" / "plain").read_bytes() == b"plain"
        secret = shadow.path(tmp_path / "a/b/secret")
        assert stat.S_ISFIFO(secret.stat().st_mode)
        assert [secret.read_bytes() for _ in range(50)] == [LARGE] * 50
        folder = shadow.folder
    assert not folder.exists()


def test_a_reader_that_stops_early_disturbs_no_other(tmp_path: Path) -> None:
    with ShadowTree([source(tmp_path, "secret", LARGE)], tmp_path) as shadow:
        path = shadow.path(tmp_path / "secret")
        for _ in range(10):
            with path.open("rb") as stream:
                assert stream.read(10) == LARGE[:10]
        assert path.read_bytes() == LARGE


def test_no_name_in_the_tree_is_taken(tmp_path: Path) -> None:
    """A fresh FIFO has a name of its own, which a file of the tree could have as well."""
    names = (".secret.next", "0.next", "secret.next")
    sources = [source(tmp_path, "secret", b"plaintext"), *(Source(tmp_path / name, b"own", None) for name in names)]
    with ShadowTree(sources, tmp_path) as shadow:
        path = shadow.path(tmp_path / "secret")
        assert [path.read_bytes() for _ in range(20)] == [b"plaintext"] * 20
        assert [shadow.path(tmp_path / name).read_bytes() for name in names] == [b"own"] * 3
        assert sorted(entry.name for entry in shadow.folder.iterdir()) == sorted(("secret", *names))


def test_nothing_is_served_before_it_is_wished(tmp_path: Path) -> None:
    before = threads()
    with ShadowTree([source(tmp_path, "a", b"x")], tmp_path, serving=False) as shadow:
        assert threads() == before
        shadow.serve()
        assert shadow.path(tmp_path / "a").read_bytes() == b"x"


def threads() -> int:
    """The threads of this process, as the kernel counts them."""
    return len(list(Path("/proc/self/task").iterdir()))


def test_leaving_ends_every_thread_even_after_an_error(tmp_path: Path) -> None:
    before = threads()
    with contextlib.suppress(RuntimeError), ShadowTree([source(tmp_path, f"{n}", b"x") for n in range(20)], tmp_path):
        assert threads() == before + 20
        raise RuntimeError
    deadline = time.monotonic() + 5
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # a thread has told its end a moment before the kernel has
    assert threads() == before


def test_without_more_threads_there_is_an_error_and_nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    def refuse(*_: object) -> None:
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(start(*_))  # type: ignore[call-overload]

    started: list[int] = []
    start = _thread.start_new_thread
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with (
        pytest.raises(LimitError, match="takes a thread"),
        ShadowTree([source(tmp_path, f"{n}", b"x") for n in range(20)], tmp_path),
    ):
        pass
    assert list(temporary.iterdir()) == []


def test_a_file_that_could_not_be_served_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reader sees an empty file, which many a builder takes for what it is meant to be."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with ShadowTree([source(tmp_path, "a", b"x")], tmp_path) as shadow:
        shadow.check()
        monkeypatch.setattr(os, "rename", refuse)
        assert shadow.path(tmp_path / "a").read_bytes() == b""
        with pytest.raises(BuildError, match="could not be handed"):
            shadow.check()


def test_links_lead_to_the_same_place(tmp_path: Path) -> None:
    links = {tmp_path / "app" / "common": tmp_path / "library" / "common"}
    names = ("library/common/secret", "app/common/secret")  # one file
    sources = [*(source(tmp_path, name, b"x") for name in names), Source(tmp_path / "app" / "plain", b"y", None)]
    with ShadowTree(sources, tmp_path, links) as shadow:
        assert shadow.path(tmp_path / "app/common/../plain").exists() is False  # `..` is taken from where it leads to
        assert shadow.path(tmp_path / "app/common/secret").read_bytes() == b"x"


def test_what_cannot_be_placed_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    twice = [source(tmp_path, "a", b"x"), source(tmp_path, "a", b"x")]
    with pytest.raises(FileExistsError), ShadowTree(twice, tmp_path):
        pass
    assert list(temporary.iterdir()) == []


def test_the_tree_is_in_memory_if_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for place, room, expected in (
        ("/dev/shm", 0, Path("/dev/shm")),
        ("/dev/shm", 2**60, tmp_path),
        ("/nonexistent", 0, tmp_path),
    ):
        monkeypatch.setattr(shadow_module, "SHARED_MEMORY", place)
        monkeypatch.setattr(shadow_module, "LEAST_ROOM", room)
        with ShadowTree([], tmp_path) as shadow:
            assert shadow.folder.parent.parent == expected
