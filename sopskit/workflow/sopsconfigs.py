"""The `.sops.yaml` files of a work tree, asked about paths that are relative to its root."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.config.search import NAME
from sopskit.config.sops_yaml import SopsConfig
from sopskit.errors import NoMatchingRuleError
from sopskit.workflow import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.config.sops_yaml import CreationRule

LIMIT = 1024 * 1024  # bytes


class SopsConfigs:
    """Each is read once, when it is first needed."""

    def __init__(self, root: str) -> None:
        """Nothing is read yet."""
        self._root = root
        self._configs: dict[str, SopsConfig | None] = {}

    def shown(self, name: str) -> str:
        """A file of the work tree as seen from the current folder."""
        return os.path.relpath(os.path.join(self._root, name))

    def put(self, name: str, data: bytes) -> None:
        """Go on as if a file had this content."""
        self._configs[name] = SopsConfig(self.shown(name), data)

    def at(self, name: str) -> SopsConfig | None:
        """One of them by its path; None if it is not there. Raises `ConfigError`, `FileAccessError`, `LimitError`."""
        if name not in self._configs:
            place = os.path.join(self._root, name)
            data = files.read(place, limit=LIMIT).data if os.path.lexists(place) else None
            self._configs[name] = None if data is None else SopsConfig(self.shown(name), data)
        return self._configs[name]

    def above(self, path: str) -> Iterator[SopsConfig]:
        """Those in the folders above a path, the nearest first, which is the one that sops reads."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            config = self.at(f"{folder}/{NAME}" if folder else NAME)
            if config is not None:
                yield config

    def is_covered(self, path: str) -> bool:
        """Whether a rule of any of them means a path."""
        return any(config.explain(self.shown(path)).matched for config in self.above(path))

    def rule_for(self, path: str) -> tuple[SopsConfig, CreationRule] | None:
        """The rule that counts for a path and where it stands; None if there is none. Raises as `SopsConfig.rule_for`."""
        config = next(self.above(path), None)
        try:
            rule = None if config is None else config.rule_for(self.shown(path))
        except NoMatchingRuleError:
            return None
        return None if config is None or rule is None else (config, rule)
