"""The folders of rounds: one for each, removed when the child has ended, however it ended."""

from __future__ import annotations

import shutil
from pathlib import Path

PREFIX = "round-"


class Workplace:
    """The folders in a scratch folder that no other supervisor uses. For one thread."""

    def __init__(self, scratch: str) -> None:
        """Nothing is made: a child makes its own."""
        self._scratch = Path(scratch)
        self._count = 0

    def clear(self) -> None:
        """Remove what a supervisor before this one has left."""
        for folder in self._scratch.glob(f"{PREFIX}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def take(self) -> str:
        """The path of a folder for a round, which is not there yet."""
        self._count += 1
        return str(self._scratch / f"{PREFIX}{self._count}")

    def leave(self, folder: str) -> None:
        """A round has ended: nothing of it stays."""
        shutil.rmtree(folder, ignore_errors=True)
