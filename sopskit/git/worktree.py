"""What git says about a work tree beside its objects: the files that count, who works here, and where its hooks are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.git.plumbing import Plumbing, failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOOKS_PATH = "core.hooksPath"
# the scopes whose settings hold for this repository alone
OWN_SCOPES = frozenset(("local", "worktree"))


class HooksFolder(NamedTuple):
    """Where git looks for hooks.

    `shared` is set where a setting of the user or the machine says so: a hook there runs in other repositories as well.
    """

    path: str
    shared: bool


class WorkTree:
    """The work tree at `root`, the folder that `Repository.root` gives."""

    __slots__ = ("_plumbing", "root")

    def __init__(self, root: Path, environ: Mapping[str, str] | None) -> None:
        """Start nothing yet. Raises `GitError` if there is no git."""
        self.root = root
        self._plumbing = Plumbing(root, environ, untrusted=root)

    def tracked_files(self) -> list[bytes]:
        """The paths in the index, relative to the root, each once."""
        return self._listed("--cached")

    def files(self) -> list[bytes]:
        """The tracked files, and the untracked ones that are not ignored."""
        return self._listed("--cached", "--others", "--exclude-standard")

    def _listed(self, *options: str) -> list[bytes]:
        return list(dict.fromkeys(self._plumbing.output("ls-files", "-z", *options).split(b"\0")[:-1]))

    def user_name(self) -> str | None:
        """The name that commits made here carry, as the configuration says."""
        answer = self._plumbing.run("config", "-z", "--get", "user.name")
        name = answer.output.rstrip(b"\0").decode("utf-8", "replace").strip()
        return name or None

    def hooks_folder(self) -> HooksFolder:
        """The folder of hooks: `core.hooksPath`, a relative one counting from the root, else the repository's own.

        Git reads the setting from all its files; the one of our own command line, which keeps hooks from running, does not
        count. Raises `GitError`.
        """
        answer = self._plumbing.run("config", "-z", "--show-scope", "--type=path", "--get-all", HOOKS_PATH)
        if answer.status not in (0, 1):  # 1: it is not set
            raise failure("config", answer)
        fields = answer.output.split(b"\0")[:-1]
        settings = [(scope.decode(), path) for scope, path in zip(fields[::2], fields[1::2], strict=True)]
        found = [(scope, path) for scope, path in settings if scope != "command"]
        if found and found[-1][1]:
            scope, path = found[-1]
            return HooksFolder(os.path.join(self.root, os.fsdecode(path)), scope not in OWN_SCOPES)
        return HooksFolder(os.path.join(self.git_folder(), "hooks"), shared=False)

    def git_folder(self) -> str:
        """The repository's own folder, which all its work trees share."""
        common = self._plumbing.output("rev-parse", "--git-common-dir").removesuffix(b"\n")
        return os.path.join(self.root, os.fsdecode(common))
