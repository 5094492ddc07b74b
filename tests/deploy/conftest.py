"""Folders with files encrypted by the released sops."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.age import parse_identity
from sopskit.deploy import shadow
from sopskit.deploy.opening import SourceOpener
from sopskit.deploy.provider import DecryptionProvider
from sopskit.sops.masterkeys import FixedKeyring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey


class Tree:
    """A folder to be built."""

    def __init__(self, folder: Path, program: str, key: AgeTestKey) -> None:
        self.folder = folder
        self.program = program
        self.key = key

    def plain(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def encrypted(self, name: str, text: str, *options: str) -> Path:
        """Write a file and encrypt it with sops."""
        path = self.plain(name, text)
        arguments = ["--encrypt", "--in-place", "--age", self.key.recipient, *options, str(path)]
        environment = {"SOPS_DISABLE_VERSION_CHECK": "1"}
        done = subprocess.run([self.program, *arguments], env=environment, cwd="/", capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return path


@pytest.fixture
def tree(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Tree:
    """An empty folder, and alice as the recipient of what is encrypted in it."""
    folder = tmp_path / "tree"
    folder.mkdir()
    return Tree(folder.resolve(), tool("sops"), alice)


@pytest.fixture
def keyring(alice: AgeTestKey) -> FixedKeyring:
    """Alice's key."""
    return FixedKeyring((parse_identity(alice.identity),))


@pytest.fixture
def provider(keyring: FixedKeyring) -> DecryptionProvider:
    """The provider with alice's key, without kustomize."""
    return DecryptionProvider(keyring)


@pytest.fixture
def opener(keyring: FixedKeyring) -> SourceOpener:
    """What opens files with alice's key."""
    return SourceOpener(keyring)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which trees for the builder are made, without anything else in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(shadow, "SHARED_MEMORY", str(folder))
    monkeypatch.setattr(shadow, "LEAST_ROOM", 0)
    return folder
