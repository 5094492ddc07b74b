"""Real Git repositories, made and changed as a user does it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Git:
    """The git program in one folder, as a user runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str | bytes, input: bytes | None = None) -> str:
        """Run a command that must succeed; gives its output."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], input=input, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str | bytes, data: bytes) -> Path:
        """Write a file of the work tree."""
        path = self.folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def commit(self, files: dict[str | bytes, bytes], message: str = "change") -> str:
        """Write files and commit everything there is; gives the commit's id."""
        for name, data in files.items():
            self.write(name, data)
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD")


def init(folder: Path, *options: str) -> Git:
    """An empty repository with the branch main in a new folder."""
    folder.mkdir()
    git = Git(folder)
    git("init", "--quiet", "--initial-branch=main", *options)
    return git
