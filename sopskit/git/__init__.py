"""Git repositories as typed answers: commits, trees, blobs and the index, read as objects only.

The only importer of GitPython, which serves as the process runner: plumbing commands with bytes and `-z`, and one
persistent `cat-file --batch`. Its object model is not used: one file name that is not UTF-8 makes its
`diff()` return nothing, and repositories with SHA-256 object names fail. Nothing is checked out, written or fetched (but in
`scratch`, for the demo), and no program that a repository's configuration names is run.
"""

from __future__ import annotations

from sopskit.git.changes import TreeChange, TreeEntry
from sopskit.git.repository import Repository, open_repository

__all__ = ["Repository", "TreeChange", "TreeEntry", "open_repository"]
