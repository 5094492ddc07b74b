"""Source files, found without leaving the tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sopskit.deploy import tree as tree_module
from sopskit.deploy.opening import SourceOpener
from sopskit.deploy.tree import Source, SourceReader, kustomization_in, walk
from sopskit.errors import FileAccessError, LimitError, RefusedError
from sopskit.sops.masterkeys import FixedKeyring


def reader(root: Path) -> SourceReader:
    """A reader without keys."""
    return SourceReader(root.resolve(), SourceOpener(FixedKeyring()))


def write(path: Path, data: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_files_come_in_the_same_order_whatever_the_folder_says(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", "c", ".hidden", ".git/config", "b/.git/x"):
        write(tmp_path / name)
    assert [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path, reader(tmp_path))] == [
        ".hidden",
        "a",
        "b/1",
        "b/2",
        "c",
    ]
    assert list(walk(tmp_path / "a", reader(tmp_path))) == [tmp_path / "a"]


def test_links_to_folders_are_followed_to_each_folder_once(tmp_path: Path) -> None:
    write(tmp_path / "root" / "folder" / "a")
    write(tmp_path / "outside" / "b")
    root = tmp_path / "root"
    (root / "loop").symlink_to(root)
    (root / "again").symlink_to("folder")
    assert [path.relative_to(root).as_posix() for path in walk(root, reader(root))] == ["again/a"]
    (root / "out").symlink_to("../outside")
    with pytest.raises(RefusedError, match="leads out") as caught:
        list(walk(root, reader(root)))
    assert caught.value.location is not None
    assert caught.value.location.file == str(root / "out")


def test_a_link_is_followed_within_the_root_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root / "a", b"inside")
    write(tmp_path / "secret", b"outside")
    (root / "in").symlink_to("a")
    (root / "out").symlink_to("../secret")
    assert reader(root).read(root / "in").plaintext == b"inside"
    with pytest.raises(RefusedError, match="leads out"):
        reader(root).read(root / "out")


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(RefusedError, match="no ordinary file"):
        reader(tmp_path).read(tmp_path / "fifo")
    with pytest.raises(FileAccessError, match="no such file"):
        reader(tmp_path).read(tmp_path / "nothing")


def test_there_are_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with write(tmp_path / "large").open("wb") as stream:
        stream.truncate(5 * 1024 * 1024 + 1)
    with pytest.raises(LimitError, match="5242881 bytes"):
        reader(tmp_path).read(tmp_path / "large")
    monkeypatch.setattr(tree_module, "MOST_FILES", 1)
    write(tmp_path / "second")
    with pytest.raises(LimitError, match="more than 1 files"):
        list(walk(tmp_path, reader(tmp_path)))


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(FileAccessError, match="the folder cannot be read: permission denied"):
        list(walk(tmp_path, reader(tmp_path)))


def test_a_folder_has_one_kustomization_or_none(tmp_path: Path) -> None:
    assert kustomization_in(tmp_path) is None
    first = write(tmp_path / "Kustomization")
    assert kustomization_in(tmp_path) == first
    write(tmp_path / "kustomization.yml")
    with pytest.raises(RefusedError, match="more than one kustomization"):
        kustomization_in(tmp_path)


def test_a_source_shows_its_path_only() -> None:
    assert repr(Source(Path("a/b"), b"canary", None)) == "Source('a/b')"
