"""FIFOs that serve plaintext."""

from __future__ import annotations

import contextlib
import stat
import threading
from pathlib import Path

import pytest

from sopskit.deploy.provider import OpenedSource
from sopskit.deploy.shadow import ShadowTree
from sopskit.deploy.tree import Source

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


def test_leaving_ends_every_thread_even_after_an_error(tmp_path: Path) -> None:
    before = threading.active_count()
    with contextlib.suppress(RuntimeError), ShadowTree([source(tmp_path, f"{n}", b"x") for n in range(20)], tmp_path):
        assert threading.active_count() == before + 20
        raise RuntimeError
    assert threading.active_count() == before


def test_what_cannot_be_placed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    twice = [source(tmp_path, "a", b"x"), source(tmp_path, "a", b"x")]
    with pytest.raises(FileExistsError), ShadowTree(twice, tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
