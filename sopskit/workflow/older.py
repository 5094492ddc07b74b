"""Finding the older encrypted version of a file, so that a Git diff shows what changed and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError, SopskitError
from sopskit.git import open_repository
from sopskit.sops.crypt import load, open_file
from sopskit.workflow.encrypt import Older
from sopskit.workflow.folders import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sopskit.document import Format
    from sopskit.git import Repository, TreeEntry
    from sopskit.sops.masterkeys import Keyring


class Found(NamedTuple):
    """Bytes of an older version. `trusted`: outside Git, or merged into the upstream default branch."""

    data: bytes
    trusted: bool


class History:
    """The Git side of older versions, for many files: git is asked a handful of times for each repository."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` is what git may read its user's settings by."""
        self._environ = environ
        self._trees: dict[str, _Trees | None] = {}

    def close(self) -> None:
        """End the git processes."""
        for trees in self._trees.values():
            if trees is not None:
                trees.repository.close()

    def committed(self, path: str, format: Format) -> Found | None:
        """The encrypted version of `path` in Git that a new one is to resemble; None if there is none. Raises `GitError`.

        That is the one in the index, else in HEAD. If it was never merged, the upstream default branch's own version
        is taken: it can be trusted, and it is what a pull request is compared with.
        """
        trees, relative = self._place(path)
        if trees is None or relative is None:
            return None
        untrusted: Found | None = None
        for tree in (trees.index, trees.head, trees.merged):
            entry = tree.get(relative)
            data = trees.repository.blob(entry.id) if entry is not None else b""
            if entry is None or not _is_encrypted(data, format):
                continue
            if tree is trees.merged or trees.has_merged(entry, data):
                return Found(data, trusted=True)
            untrusted = untrusted or Found(data, trusted=False)
        return untrusted

    def stood_encrypted(self, path: str, format: Format) -> bool:
        """Whether an encrypted version of `path` is in the index or in HEAD. Raises `GitError`, `LimitError`."""
        trees, relative = self._place(path)
        if trees is None or relative is None:
            return False
        entries = (tree.get(relative) for tree in (trees.index, trees.head))
        ids = dict.fromkeys(entry.id for entry in entries if entry is not None)
        versions = (trees.repository.blob(id) for id in ids)
        return any(looks_encrypted(data, format.NAME) and _is_encrypted(data, format) for data in versions)

    def judge(self, path: str, data: bytes) -> Found:
        """A version that stands in the file `path`. Raises `GitError`."""
        trees, relative = self._place(path)
        if trees is None or relative is None:
            return Found(data, trees is None)
        return Found(data, trees.repository.is_in_upstream_default(relative, data))

    def _place(self, path: str) -> tuple[_Trees | None, bytes | None]:
        folder = path.rpartition("/")[0]
        if folder not in self._trees:
            repository = open_repository(folder or ".", self._environ)
            known = (trees for trees in self._trees.values() if trees and repository)
            same = next((trees for trees in known if repository and trees.repository.root == repository.root), None)
            self._trees[folder] = same or (None if repository is None else _Trees(repository))
        trees = self._trees[folder]
        relative = None if trees is None else trees.repository.relative(path)
        return trees, None if relative is None else os.fsencode(relative)


class _Trees:
    """The paths of a repository's HEAD, index and upstream default branch, each read when it is first needed."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._head: dict[bytes, TreeEntry] | None = None
        self._index: dict[bytes, TreeEntry] | None = None
        self._merged: dict[bytes, TreeEntry] | None = None

    @property
    def head(self) -> dict[bytes, TreeEntry]:
        if self._head is None:
            try:
                self._head = _by_path(self.repository.tree_paths("HEAD"))
            except GitError:  # before the first commit
                self._head = {}
        return self._head

    @property
    def index(self) -> dict[bytes, TreeEntry]:
        if self._index is None:
            self._index = dict(self.head)
            for change in self.repository.staged():
                if change.base is not None:
                    self._index.pop(change.base.path, None)
                if change.head is not None and change.head.is_file:
                    self._index[change.head.path] = change.head
        return self._index

    @property
    def merged(self) -> dict[bytes, TreeEntry]:
        """The tip of the upstream default branch; nothing if there is no such branch."""
        if self._merged is None:
            branch = self.repository.upstream_default()
            self._merged = {} if branch is None else _by_path(self.repository.tree_paths(branch))
        return self._merged

    def has_merged(self, entry: TreeEntry, data: bytes) -> bool:
        """Whether this version is in the upstream default branch, at its tip or in its history."""
        merged = self.merged.get(entry.path)
        if merged is not None and merged.id == entry.id:
            return True
        return self.repository.is_in_upstream_default(entry.path, data)


def _by_path(entries: Iterable[TreeEntry]) -> dict[bytes, TreeEntry]:
    return {entry.path: entry for entry in entries if entry.is_file}


def _is_encrypted(data: bytes, format: Format) -> bool:
    try:
        load(data, format)
    except SopskitError:
        return False
    return True


def open_older(found: Found, format: Format, keyring: Keyring) -> Older:
    """Open an older version. Raises what opening a file raises, `KeyAccessError` among them."""
    return Older(open_file(load(found.data, format), keyring), found.trusted)
