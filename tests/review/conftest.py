"""SOPS files as the released sops makes and changes them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.repositories import init
from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey


class Sops:
    """The sops program in one folder, with alice's key."""

    def __init__(self, program: str, folder: Path, key: AgeTestKey) -> None:
        self.program = program
        self.folder = folder
        self.key = key
        self.environment = {
            "SOPS_AGE_KEY_FILE": str(key.path),
            "SOPS_DISABLE_VERSION_CHECK": "1",
            "HOME": str(folder),
            "PATH": "/usr/bin:/bin",
        }

    def __call__(self, *arguments: str) -> None:
        """Run a command that must succeed."""
        done = subprocess.run(
            [self.program, *arguments], cwd=self.folder, env=self.environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()

    def encrypted(self, text: str, *options: str, name: str = "file.yaml") -> bytes:
        """The encrypted form of a text, by default for alice."""
        (self.folder / name).write_text(text)
        recipients = () if "--age" in options else ("--age", self.key.recipient)
        self("--encrypt", "--in-place", *recipients, *options, name)
        return self.bytes(name)

    def bytes(self, name: str = "file.yaml") -> bytes:
        """The file as it is now."""
        return (self.folder / name).read_bytes()


@pytest.fixture
def sops(tool: Callable[[str], str], tmp_path: Path, alice: AgeTestKey) -> Sops:
    """Sops in an empty folder."""
    folder = tmp_path / "sops"
    folder.mkdir()
    return Sops(tool("sops"), folder, alice)


@pytest.fixture
def review_of(tmp_path: Path, tool: Callable[[str], str]) -> Reviewer:
    """`review_of(base, head)`: two states of a new repository, reviewed."""
    tool("git")
    return Reviewer(init(tmp_path / "reviewed"))
