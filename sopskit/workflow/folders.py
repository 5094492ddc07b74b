"""Which files a command means when it is given folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import FileAccessError
from sopskit.workflow.files import reason
from sopskit.workflow.writer import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# repositories of tools, never of secrets
SKIPPED_FOLDERS = frozenset((".git", ".hg", ".svn", ".venv", "node_modules", "__pycache__"))
# files that steer sops, sopskit, git and kustomize: read as plain text by them
NEVER_SECRET = frozenset(
    (
        ".gitattributes",
        ".gitignore",
        ".sops.yaml",
        ".sops.yml",
        ".sopskit.yaml",
        "Kustomization",
        "kustomization.yaml",
        "kustomization.yml",
    )
)
# what `edit` appends to the name of a file whose edits it could not save
RESCUED = ".edited"


class Found(NamedTuple):
    """A file that a command is to work on; `named` if it was named itself, not found in a folder."""

    path: str
    named: bool = True


def expand(paths: Iterable[str], *, rescued: Callable[[str], None] | None = None) -> Iterator[Found]:
    """The files named, and those in the folders named, each once, in a stable order.

    Symbolic links in folders are not followed, and edits that `edit` has kept are told to `rescued` and left alone.
    Raises `FileAccessError` for a folder that cannot be listed.
    """
    given: set[str] = set()
    for path in paths:
        for found in _walk(path) if os.path.isdir(path) else (Found(path),):
            if found.path in given:
                continue
            given.add(found.path)
            if found.named or not is_rescued(found.path):
                yield found
            elif rescued is not None:
                rescued(found.path)


def is_rescued(path: str) -> bool:
    """Whether this is the name of edits that `edit` has kept: `FILE.edited`, `FILE.edited.1` and so on."""
    stem, _, number = path.rpartition(".")
    return path.endswith(RESCUED) or (number.isdecimal() and stem.endswith(RESCUED))


def _walk(folder: str) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise FileAccessError(f"cannot be listed: {reason(error)}").at(file=folder) from error
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_FOLDERS:
                yield from _walk(entry.path)
        elif entry.is_file(follow_symlinks=False) and entry.name not in NEVER_SECRET and MARK not in entry.name:
            yield Found(entry.path, named=False)


def looks_encrypted(data: bytes, format_name: str) -> bool:
    """Whether a file found in a folder is worth reading as a SOPS file.

    Cheap, and wrong only for files that speak of SOPS: those are read, and found to be none.
    """
    if format_name == "binary" and not data.lstrip().startswith(b"{"):
        return False
    return b"lastmodified" in data and b"sops" in data
