"""The repository of a source: its credentials, its store in the scratch folder, the tip of its branch."""

from __future__ import annotations

import fcntl
import hashlib
import os
from typing import TYPE_CHECKING

from sopskit.deploy.reconcile.access import secret_of
from sopskit.deploy.reconcile.workplace import STORES
from sopskit.errors import RefusedError
from sopskit.git import fetch as remote_git
from sopskit.git.checkout import check_out
from sopskit.git.credentials import credentials_from
from sopskit.git.remote import Remote
from sopskit.git.signatures import signer

if TYPE_CHECKING:
    from pathlib import Path

    from sopskit.cluster import Connection
    from sopskit.deploy.reconcile.source import Source

__all__ = ["check_out", "remote_of", "store_name", "tip"]


def remote_of(base: Connection, source: Source) -> Remote:
    """Where a source's branch is, with the credentials in the Secret that it names. Raises `ClusterError`, `RefusedError`."""
    if not source.credentials:
        return Remote(source.repository, source.branch)
    data, _ = secret_of(base, source.id.namespace, source.credentials)
    return Remote(source.repository, source.branch, credentials_from(data), data.get("ca.crt", b""))


def tip(base: Connection, source: Source, scratch: Path, search_path: str) -> tuple[Path, str]:
    """Fetch the tip of the branch, and verify who signed it if the source says who must.

    Gives the store and the commit's id. Raises `GitError`, `RefusedError`.
    """
    remote = remote_of(base, source)
    store = scratch / STORES / store_name(source)
    store.parent.mkdir(mode=0o700, exist_ok=True)
    # several sources of one branch share a store, and git does not let two fetch into it at once
    with open(f"{store}.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        commit = remote_git.fetch(remote, store, search_path)
    if source.signers:
        content = remote_git.commit_object(store, commit, search_path)
        if signer(content, source.signers) is None:
            raise RefusedError(
                f"the commit {commit[:12]} is not signed by any of the keys in signedBy",
                hint="sign it with one of these SSH keys (git commit -S), or name its key",
            )
    return store, commit


def store_name(source: Source) -> str:
    """One store for a branch and those who may read it: a namespace never gets what another one has fetched."""
    parts = [source.id.namespace, source.credentials, source.repository, source.branch]
    return hashlib.sha256(os.fsencode("\0".join(parts))).hexdigest()[:32]
