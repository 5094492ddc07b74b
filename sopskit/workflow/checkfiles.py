"""check outside of any repository: files on a disk, and the `.sops.yaml` above them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.config.search import find_config
from sopskit.errors import FileAccessError, LimitError, UsageError
from sopskit.review.model import End
from sopskit.review.request import DEFAULTS
from sopskit.workflow.check import Contents, State, appears, check, entry_at
from sopskit.workflow.files import reason
from sopskit.workflow.review import LARGEST_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.git import TreeEntry
    from sopskit.review.model import ReviewDiff
    from sopskit.review.request import Options

# what version control keeps for itself
SKIPPED = frozenset((".git", ".hg", ".svn"))


def check_files(words: Sequence[str], options: Options = DEFAULTS) -> ReviewDiff:
    """Check the files named and those in the folders named. There is no older state, and no `.sopskit.yaml`.

    Paths in the result are relative to the folder that has them all, and the `.sops.yaml` that hold for them. A link that is
    named is followed, others are not. Raises `UsageError` for a path that is not there and `FileAccessError` for a folder
    that cannot be listed.
    """
    places = list(dict.fromkeys(place for word in words for place in _expand(word)))
    folders = {os.path.dirname(place) for place in places}
    configs = {os.path.abspath(path) for folder in folders if (path := find_config(folder).path) is not None}
    root = os.path.commonpath([*folders, *map(os.path.dirname, configs)]) if folders else os.curdir
    contents = Contents(lambda entry: _read(os.path.join(os.fsencode(root), entry.path)))
    entries = list(_entries(root, sorted({*places, *configs})))
    chosen = {os.fsencode(os.path.relpath(place, root)) for place in places}
    changes = [appears(entry) for entry in entries if entry.path in chosen and contents.try_read(entry) is not None]
    return check(
        State(End("files", None), None, entries, contents.read),
        changes,
        (),
        contents.read,
        contents.problems,
        (),
        options,
    )


def _expand(word: str) -> Iterator[str]:
    """Absolute paths without links in their folders."""
    if os.path.isdir(word):
        yield from _walk(os.path.realpath(word))
    elif os.path.isfile(word):
        yield os.path.realpath(word)
    else:
        what = "this is no file" if os.path.lexists(word) else "there is no such file"
        raise UsageError(f"{word}: {what}", hint="paths are relative to the current folder")


def _walk(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as found:
            listed = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise FileAccessError(f"cannot be listed: {reason(error)}").at(file=folder) from None
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED:
                yield from _walk(entry.path)
        else:
            yield entry.path


def _entries(root: str, places: Sequence[str]) -> Iterator[TreeEntry]:
    for place in places:
        entry = entry_at(os.fsencode(place), os.fsencode(os.path.relpath(place, root)))
        if entry is not None:
            yield entry


def _read(place: bytes) -> bytes:
    try:
        with open(place, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise FileAccessError(f"the file cannot be read: {reason(error)}") from None
    if len(data) > LARGEST_FILE:
        raise LimitError(f"more than {LARGEST_FILE} bytes")
    return data
