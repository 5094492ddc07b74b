"""A throw-away repository to show something in: the one place that writes with git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.git.plumbing import Plumbing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUTHOR = ("-c", "user.name=sopskit demo", "-c", "user.email=demo@example.invalid", "-c", "commit.gpgSign=false")


class ScratchRepository:
    """A new repository in an empty folder, with the branch `main`. The user's Git configuration plays no part."""

    __slots__ = ("_plumbing", "folder")

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Make it; only the PATH of `environ` is used. Raises `GitError`."""
        self.folder = folder
        self._plumbing = Plumbing(folder, {"PATH": environ.get("PATH", "")}, untrusted=folder)
        self._plumbing.output("init", "--quiet", "--initial-branch=main", "--template=")

    def commit(self, message: str) -> None:
        """Commit everything in the folder."""
        self._plumbing.output("add", "--all")
        self._plumbing.output(*AUTHOR, "commit", "--quiet", "-m", message)

    def branch(self, name: str) -> None:
        """Start a branch and go to it."""
        self._plumbing.output("checkout", "--quiet", "-b", name)
