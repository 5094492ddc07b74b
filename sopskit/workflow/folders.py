"""Which files a command means when it is given folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import FileAccessError
from sopskit.workflow.files import reason
from sopskit.workflow.writer import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


class Found(NamedTuple):
    """A file that a command is to work on; `named` if it was named itself, not found in a folder."""

    path: str
    named: bool = True


def expand(paths: Iterable[str]) -> Iterator[Found]:
    """The files named, and those in the folders named, each once, in a stable order.

    Symbolic links in folders are not followed. Raises `FileAccessError` for a folder that cannot be listed.
    """
    given: set[str] = set()
    for path in paths:
        for found in _walk(path) if os.path.isdir(path) else (Found(path),):
            if found.path not in given:
                given.add(found.path)
                yield found


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
