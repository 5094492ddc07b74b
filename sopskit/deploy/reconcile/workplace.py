"""The folders of rounds: one for each, removed when the child has ended, however it ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

PREFIX = "round-"
STORES = "stores"  # of Git, one for each branch


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

    def keep_stores(self, names: AbstractSet[str]) -> None:
        """Remove the stores of branches that no source has any more."""
        stores = self._scratch / STORES
        for path in stores.iterdir() if stores.is_dir() else ():
            if path.suffix == ".lock" and path.stem not in names:
                path.unlink(missing_ok=True)
            elif path.suffix != ".lock" and path.name not in names:
                shutil.rmtree(path, ignore_errors=True)

    def take(self) -> str:
        """The path of a folder for a round, which is not there yet."""
        self._count += 1
        return str(self._scratch / f"{PREFIX}{self._count}")

    def leave(self, folder: str) -> None:
        """A round has ended: nothing of it stays."""
        shutil.rmtree(folder, ignore_errors=True)
