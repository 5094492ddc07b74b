"""Git repositories as typed answers: commits, trees, blobs and the index, read as objects only.

The git program is asked with plumbing commands, bytes and `-z`, and one `cat-file --batch` that stays open; why no
library is used is told in docs/decisions/0012. Nothing is checked out, written or fetched (but in
`scratch`, for the demo), and no program that a repository's configuration names is run.
"""

from __future__ import annotations

from sopskit.git.changes import TreeChange, TreeEntry
from sopskit.git.history import CommitInfo, CommitRange, Revision, Version
from sopskit.git.repository import Repository, open_repository

__all__ = [
    "CommitInfo",
    "CommitRange",
    "Repository",
    "Revision",
    "TreeChange",
    "TreeEntry",
    "Version",
    "open_repository",
]
