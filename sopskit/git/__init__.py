"""Git repositories as typed answers: commits, trees, blobs and the index, read as objects only; and branches elsewhere.

The git program is asked with plumbing commands, bytes and `-z`, and one `cat-file --batch` that stays open; why no
library is used is told in docs/decisions/0012. In the user's repositories nothing is checked out, written or fetched
(`scratch` makes one for the demo), and no program that a repository's configuration names is run. `fetch` brings a branch
of a remote into a store of our own, `checkout` writes its files.
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
