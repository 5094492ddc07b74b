"""log: the commits that changed one file, and what each did to its values. Objects only, no key."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError, PathNotFoundError, UsageError
from sopskit.redact import escape_path
from sopskit.review.history import FileHistory, KeyFilter, ages
from sopskit.review.trees import path_text
from sopskit.workflow.keypath import parse_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.git import Repository
    from sopskit.review.history import Entry, KeyAge
    from sopskit.review.sides import Side

# commits that changed the file; a file with more is read as far
MOST_COMMITS = 5_000


class FileLog(NamedTuple):
    """The newest commits that changed a file or one of its keys. Not `complete`: there are more, older ones."""

    path: str
    commit: str
    entries: tuple[Entry, ...]
    complete: bool


class Ages(NamedTuple):
    """The keys of a file, the oldest values first."""

    path: str
    commit: str
    keys: tuple[KeyAge, ...]


class _Opened(NamedTuple):
    path: str
    commit: str
    history: FileHistory
    is_whole: bool


def read_log(
    repository: Repository, file: str, revision: str, *, key: str | None = None, limit: int | None = None
) -> FileLog:
    """The log of `file` as it is in `revision`, newest first; with `key` only what it did to that.

    Raises `UsageError` for what is no file of the repository, `PathNotFoundError` for a key that no version has, and
    `GitError` if an object is not in this clone.
    """
    opened = _open(repository, file, revision)
    entries = opened.history.entries()
    if key is not None:
        entries = _picked(opened.history, key, entries)
    shown = list(islice(entries, limit))
    more = next(entries, None) is not None
    return FileLog(opened.path, opened.commit, tuple(shown), opened.is_whole and not more)


def read_ages(repository: Repository, file: str, revision: str, *, key: str | None = None) -> Ages:
    """When each value of `file` in `revision` became what it is. Raises as `read_log` does."""
    opened = _open(repository, file, revision)
    newest = opened.history.newest()
    keys = ages(newest, opened.history.entries())
    if key is not None:
        wanted = _filter(key)
        keys = [one for one in keys if wanted.fits(one.path)]
        if not keys:
            raise _unknown(key, newest)
    ordered = sorted(keys, key=lambda one: one.last.commit.time if one.last else 0)
    return Ages(opened.path, opened.commit, tuple(ordered))


def _open(repository: Repository, file: str, revision: str) -> _Opened:
    name = repository.relative(file)
    if name is None:
        raise UsageError(f"{file} lies outside of the repository")
    if os.path.isdir(file):
        raise UsageError(f"{file} is a folder", hint="log tells of one file at a time")
    commit = repository.resolve(revision)
    revisions = list(repository.revisions(name, commit, limit=MOST_COMMITS))
    if not revisions:
        raise UsageError(
            f"no commit of {revision} has {file}", hint="git log --all -- FILE finds files of other branches"
        )
    history = FileHistory(revisions, repository.blob, repository.is_cut_off)
    whole = len(revisions) < MOST_COMMITS and not repository.is_cut_off(revisions[-1].commit)
    return _Opened(path_text(os.fsencode(name)), commit, history, whole)


def _picked(history: FileHistory, key: str, entries: Iterator[Entry]) -> Iterator[Entry]:
    wanted = _filter(key)
    for entry in entries:
        picked = wanted.pick(entry)
        if picked is not None:
            yield picked
    newest = history.newest()
    if not wanted.seen and not any(wanted.fits(path) for path in _paths(newest)):
        raise _unknown(key, newest)


def _filter(key: str) -> KeyFilter:
    """The form of a path that sops takes begins with a bracket."""
    return KeyFilter(parse_path(key) if key.startswith("[") else key)


def _paths(side: Side | None) -> list[tuple[str | int, ...]]:
    return [leaf.path for leaf in side.document.leaves()] if side is not None and side.document is not None else []


def _unknown(key: str, newest: Side | None) -> PathNotFoundError:
    from difflib import get_close_matches

    near = get_close_matches(key, [escape_path(path) for path in _paths(newest)], n=1)
    hint = f"did you mean {near[0]}" if near else "sopskit log FILE --summary lists the keys"
    return PathNotFoundError(f"no version of this file has the key {key}", hint=hint)


def missing_repository() -> GitError:
    """The error for a file that is in no repository."""
    return GitError("this file is in no git repository", hint="log reads the history that git keeps")
