"""Which two states of a repository a command line means, and which paths of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import UsageError
from sopskit.review.model import End
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sopskit.git import Repository, TreeChange, TreeEntry

ROOT = b"."


class Ends(NamedTuple):
    """The two commits to compare, each with the words that named it.

    `target` is the commit that the change is to go into, where `base` is only where the two came apart: settings, names
    and rules are its own, since whoever starts a branch chooses from where. None: base.
    """

    base: End
    head: End
    target: str | None = None


def choose_ends(repository: Repository, words: Sequence[str], folder: Path, *, separated: bool = False) -> Ends:
    """The commits that a command line means.

    `A..B`: these two. `A...B` and `A B`: the merge base of the two, and B. `A`: the same with HEAD as B. Nothing: the same
    with the upstream default branch as A. A word that is a path in `folder` as well is refused, as git does, unless two
    dashes `separated` the revisions from paths. Raises `UsageError` and `GitError`.
    """
    base, head, merge = _names(repository, words)
    for word in words:
        if not separated and os.path.lexists(folder / word):
            raise UsageError(
                f"{word} may be a revision or a path",
                hint=f"write {word} -- if you mean the branch, and paths after the two dashes",
            )
    base_id, head_id = repository.resolve(base), repository.resolve(head)
    start = repository.merge_base(base_id, head_id) if merge else base_id
    return Ends(End(_short(base), start), End(head, head_id), base_id)


def base_of_uncommitted(repository: Repository, words: Sequence[str], folder: Path, *, separated: bool) -> End | None:
    """The commit that the index or the work tree is compared with: HEAD, or the one named. None before the first commit.

    Raises `UsageError` and `GitError`.
    """
    if len(words) > 1 or any(".." in word for word in words):
        raise UsageError("the index and the work tree are compared with one commit", hint="name at most one")
    if not words:
        commit = repository.head()
        return None if commit is None else End("HEAD", commit)
    return choose_ends(repository, [f"{words[0]}..{words[0]}"], folder, separated=separated).base


def _names(repository: Repository, words: Sequence[str]) -> tuple[str, str, bool]:
    """Base, head, and whether the merge base of the two is meant."""
    if len(words) == 2:
        return words[0], words[1], True
    if not words:
        default = repository.upstream_default()
        if default is None:
            raise UsageError(
                "there is no upstream default branch to compare with", hint="name one: sopskit review-diff main"
            )
        return default, "HEAD", True
    for separator, merge in (("...", True), ("..", False)):
        base, found, head = words[0].partition(separator)
        if found:
            return base or "HEAD", head or "HEAD", merge
    return words[0], "HEAD", True


def choose_paths(repository: Repository, words: Sequence[str], folder: Path) -> tuple[bytes, ...]:
    """Paths relative to `folder` as paths of the repository; `.` is its root. Raises `UsageError` for one outside."""
    paths: list[bytes] = []
    for word in words:
        relative = repository.relative(folder / word)
        if relative is None:
            raise UsageError(f"{word} lies outside of the repository")
        paths.append(os.fsencode(relative))
    return tuple(paths)


def limit_changes(changes: Iterable[TreeChange], paths: Sequence[bytes]) -> list[TreeChange]:
    """Those at or below one of the paths, on either side; without paths all."""
    return [
        change
        for change in changes
        if not paths or any(_covers(path, side) for path in paths for side in (change.base, change.head))
    ]


def require_paths(paths: Sequence[bytes], tree: Sequence[TreeEntry]) -> None:
    """Refuse a path that no file of `tree` is at or below: a slip shall not be taken for a clean review."""
    for path in paths:
        if path != ROOT and not any(_covers(path, entry) for entry in tree):
            raise UsageError(f"{path_text(path)} is on neither side", hint="paths are relative to the current folder")


def _covers(path: bytes, entry: TreeEntry | None) -> bool:
    return entry is not None and (path in (ROOT, entry.path) or entry.path.startswith(path + b"/"))


def _short(name: str) -> str:
    """`origin/main` for `refs/remotes/origin/main`."""
    for prefix in ("refs/heads/", "refs/remotes/"):
        name = name.removeprefix(prefix)
    return name
