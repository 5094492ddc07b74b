"""Where `.sops.yaml` is (SOPS section 8.1). Apart from reading it, so that a run without one loads no YAML library."""

from __future__ import annotations

import os
from typing import NamedTuple

NAME = ".sops.yaml"
IGNORED_NAME = ".sops.yml"
MAX_LEVELS = 100  # folders looked at, upwards


class FoundConfig(NamedTuple):
    """Where the configuration is, if anywhere; `ignored` is a `.sops.yml` seen on the way, which sops never reads."""

    path: str | None
    ignored: str | None

    @property
    def notice(self) -> str | None:
        """What to tell the user about the ignored file."""
        if self.ignored is None:
            return None
        instead = f"; {self.path} is used instead" if self.path else ""
        return f"{self.ignored} is ignored: the file must be called {NAME}{instead}"


def find_config(start: str | os.PathLike[str]) -> FoundConfig:
    """Look for `.sops.yaml` in the folder `start`, then in the ones above it. Paths are relative to `start`'s spelling."""
    folder = "" if os.fspath(start) == os.curdir else os.fspath(start)
    ignored: str | None = None
    for _ in range(MAX_LEVELS):
        candidate = os.path.join(folder, NAME)
        if os.path.isfile(candidate):
            return FoundConfig(candidate, ignored)
        other = os.path.join(folder, IGNORED_NAME)
        if ignored is None and os.path.exists(other):
            ignored = other
        if _is_root(folder):
            break
        folder = os.path.join(folder, os.pardir)
    return FoundConfig(None, ignored)


def _is_root(folder: str) -> bool:
    resolved = os.path.realpath(folder)
    return os.path.dirname(resolved) == resolved
