"""env-diff: the keys of environments side by side, of a work tree or a commit. Nothing is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError, LimitError, UsageError
from sopskit.review.correspondence import environment_names
from sopskit.review.envdiff import compare_environments
from sopskit.review.keyed import Opener
from sopskit.review.trees import Tree
from sopskit.workflow.check import entry_at
from sopskit.workflow.teamconfig import load_team_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.git import Repository, TreeEntry
    from sopskit.git.worktree import WorkTree
    from sopskit.review.envdiff import EnvDiff
    from sopskit.sops.masterkeys import Keyring


class Wanted(NamedTuple):
    """What to compare: environments (none: all there are), with which keys, and whether equality is told."""

    environments: Sequence[str] = ()
    keyring: Keyring | None = None
    equality: bool = False


def diff_commit(repository: Repository, commit: str, wanted: Wanted) -> EnvDiff:
    """Compare the environments of a commit. Raises `GitError`, `ConfigError`, and `UsageError` for an unknown environment."""
    return _diff(Tree(repository.tree_paths(commit), lambda entry: repository.blob(entry.id)), commit, wanted)


def diff_worktree(repository: Repository, files: WorkTree, wanted: Wanted) -> EnvDiff:
    """Compare the environments of a work tree: its tracked files, and new ones that git does not ignore. Raises as above."""
    root = os.fsencode(repository.root)
    found = (entry_at(os.path.join(root, name), name) for name in files.files())

    def read(entry: TreeEntry) -> bytes:
        try:
            return repository.worktree_file(entry.path)
        except GitError as error:
            raise LimitError(error.message) from None  # it is there, and not to be read: told like what is too large

    return _diff(Tree([entry for entry in found if entry is not None], read), None, wanted)


def _diff(tree: Tree, commit: str | None, wanted: Wanted) -> EnvDiff:
    team, _ = load_team_config(tree, commit)
    known = environment_names(tree, team)
    for name in wanted.environments:
        if name not in known:
            listed = f"there are {', '.join(known)}" if known else "name them in .sopskit.yaml"
            raise UsageError(f"there is no environment {name}", hint=listed)
    chosen = tuple(dict.fromkeys(wanted.environments or known))
    if len(chosen) < 2:
        raise UsageError("two environments are needed to compare them", hint="sopskit env-diff dev prod")
    opener = Opener(wanted.keyring) if wanted.keyring is not None else None
    return compare_environments(tree, team, chosen, opener, equality=wanted.equality)
