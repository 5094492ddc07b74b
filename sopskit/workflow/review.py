"""review-diff: the objects of two states in, one review out. Nothing is checked out or written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import DEFAULT
from sopskit.errors import FileAccessError, GitError, LimitError
from sopskit.git import TreeChange, TreeEntry
from sopskit.review.assemble import review as assemble
from sopskit.review.model import ConfigSource, End, Sides
from sopskit.review.request import DEFAULTS, Objects, Request
from sopskit.review.trees import Tree, path_text
from sopskit.workflow.ends import limit_changes, require_paths
from sopskit.workflow.teamconfig import load_team_config

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Literal, TypeAlias

    from sopskit.git import Repository, Version
    from sopskit.review.model import ReviewDiff
    from sopskit.review.request import Options
    from sopskit.workflow.ends import Ends

    Uncommitted: TypeAlias = Literal["staged", "worktree"]

LARGEST_FILE = 64 * 1024 * 1024


def review(
    repository: Repository, ends: Ends, *, paths: tuple[bytes, ...] = (), options: Options = DEFAULTS
) -> ReviewDiff:
    """Review what changed between two commits, if `paths` are given only at or below them.

    Raises `GitError` if an object is not here, `UsageError` for a path that neither commit has, and `ConfigError` for a
    `.sopskit.yaml` of the target that cannot be read.
    """
    base, head = str(ends.base.commit), str(ends.head.commit)
    entries, differences = repository.tree_paths(base), repository.changes(base, head)
    after = entries_after(entries, differences)
    require_paths(paths, [*entries, *after])
    read = _blob_reader(repository)
    trees = Sides(Tree(entries, read, repository.expect_blobs), Tree(after, read, repository.expect_blobs))
    target = trees.base
    if ends.target is not None and ends.target != base:
        target = Tree(repository.tree_paths(ends.target), read, repository.expect_blobs)
    team, config = load_team_config(target, ends.target or base)
    changes = limit_changes(differences, paths)
    expect(repository, changes)
    return assemble(
        Request(
            base=ends.base,
            head=ends.head,
            changes=changes,
            trees=trees,
            target=target,
            read=Sides(read, read),
            team=team,
            config=config,
            commits=repository.range(base, head),
            objects=_objects(repository, base),
            paths=tuple(path_text(path) for path in paths),
            options=options,
        )
    )


def review_uncommitted(
    repository: Repository,
    base: End | None,
    state: Uncommitted,
    *,
    paths: tuple[bytes, ...] = (),
    options: Options = DEFAULTS,
) -> ReviewDiff:
    """Review what the index or the work tree changes against a commit (None: there is none yet). Raises as `review`."""
    commit = base.commit if base is not None else None
    old = repository.tree_paths(commit) if commit is not None else []
    changes = uncommitted_changes(repository, commit, state)
    new = entries_after(old, changes)
    require_paths(paths, [*old, *new])
    from_blob = _blob_reader(repository)
    from_head = from_blob if state == "staged" else _file_reader(repository)
    trees = Sides(Tree(old, from_blob), Tree(new, from_head))
    team, config = load_team_config(trees.base if commit is not None else trees.head, commit)
    wanted = limit_changes(changes, paths)
    if state == "staged":
        expect(repository, wanted)
    return assemble(
        Request(
            base=base,
            head=End(state, None),
            changes=wanted,
            trees=trees,
            read=Sides(from_blob, from_head),
            team=team,
            config=config,
            objects=_objects(repository, commit) if commit is not None else Objects(),
            paths=tuple(path_text(path) for path in paths),
            options=options,
        )
    )


def expect(repository: Repository, changes: Iterable[TreeChange]) -> None:
    """Say that both sides of changes will be read, one change after the other."""
    sides = (side for change in changes for side in (change.base, change.head))
    repository.expect_blobs(side.id for side in sides if side is not None and side.is_file)


def uncommitted_changes(repository: Repository, commit: str | None, state: Uncommitted) -> list[TreeChange]:
    """What differs between a commit (None: nothing) and the index or the work tree."""
    if state == "worktree":
        return repository.worktree(commit if commit is not None else repository.empty_tree)
    return repository.staged() if commit is None else repository.staged_against(commit)


def entries_after(entries: Iterable[TreeEntry], changes: Iterable[TreeChange]) -> list[TreeEntry]:
    """The files of a state, from those of another and the differences."""
    found = {entry.path: entry for entry in entries}
    for change in changes:
        if change.base is not None and change.status != "C":
            found.pop(change.base.path, None)
    found.update({change.head.path: change.head for change in changes if change.head is not None})
    return list(found.values())


def review_files(old: Path, new: Path, options: Options = DEFAULTS) -> ReviewDiff:
    """Review two files on a disk. No repository plays a part, so there are no rules and no history.

    Raises `FileAccessError`.
    """
    data = {b"old": _read(old), b"new": _read(new)}
    base, head = (TreeEntry(os.fsencode(path), 0o100644, id) for path, id in ((old, "old"), (new, "new")))
    read = Sides(lambda _: data[b"old"], lambda _: data[b"new"])
    return assemble(
        Request(
            base=End(str(old), None),
            head=End(str(new), None),
            changes=[TreeChange("M", base, head)],
            trees=Sides(Tree([base], read.base), Tree([head], read.head)),
            read=read,
            team=DEFAULT,
            config=ConfigSource(),
            options=options,
        )
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileAccessError(f"the file cannot be read: {error.strerror}").at(file=str(path)) from None
    if len(data) > LARGEST_FILE:
        raise LimitError(f"more than {LARGEST_FILE} bytes").at(file=str(path))
    return data


def _blob_reader(repository: Repository) -> Callable[[TreeEntry], bytes]:
    return lambda entry: repository.blob(entry.id)


def _file_reader(repository: Repository) -> Callable[[TreeEntry], bytes]:
    return lambda entry: repository.worktree_file(entry.path)


def _objects(repository: Repository, base: str) -> Objects:
    """The ways into a repository's past, from base back."""

    def versions(names: Collection[bytes]) -> Mapping[bytes, Sequence[Version]]:
        return repository.versions(names, base)

    def blob(id: str) -> bytes | None:
        try:
            return repository.blob(id)
        except LimitError:
            return None

    def at(commit: str, path: str) -> bytes | None:
        try:
            return repository.blob_at(commit, path.encode())
        except LimitError:
            return None

    return Objects(versions, blob, at, repository.commit_object)


def missing_repository() -> GitError:
    """The error for a folder that is in no repository."""
    return GitError("this folder is in no git repository", hint="run sopskit review-diff inside a work tree")
