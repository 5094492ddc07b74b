"""Whether a source needs a round at all: asked in the supervisor, without any key, and cheap enough for hundreds."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.reconcile.access import account_of
from sopskit.deploy.reconcile.idle import snapshot
from sopskit.deploy.reconcile.repository import remote_of
from sopskit.git import fetch as remote_git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sopskit.cluster import Connection
    from sopskit.deploy.reconcile.report import Report
    from sopskit.deploy.reconcile.source import Source

PATIENCE = 15.0  # seconds for an answer about a branch; a round has more
FRESH = 2.0  # seconds for which an answer about a branch is taken for another source of the same branch


class _Branch(NamedTuple):
    """A branch, and whose credentials ask for it."""

    namespace: str
    credentials: str
    repository: str
    branch: str


class _Head:
    """What one branch points to, asked by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.commit = ""
        self.at = float("-inf")


class Looker:
    """Compares what a round found with what is there now. Any number of threads may use it."""

    def __init__(
        self,
        connection: Connection,
        *,
        account: str,
        search_path: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`connection` is the supervisor's own, `account` the service account of sources that name none."""
        self._connection = connection
        self._account = account
        self._search_path = search_path
        self._clock = clock
        self._lock = threading.Lock()
        self._heads: dict[_Branch, _Head] = {}

    def is_settled(self, source: Source, report: Report) -> bool:
        """Whether branch, keys and objects are those of the report. Raises `SopskitError`."""
        if not report.seen:
            return False
        if self._head(source) != report.revision or self._key_version(source) != report.key_version:
            return False
        acting = self._connection.acting_as(account_of(source, default=self._account))
        return snapshot(acting, report.collections, source.owner) == report.seen

    def forget(self, keep: Iterable[Source]) -> None:
        """Drop what is remembered of branches that no source has any more."""
        wanted = {_branch(source) for source in keep}
        with self._lock:
            self._heads = {branch: head for branch, head in self._heads.items() if branch in wanted}

    def _head(self, source: Source) -> str:
        """The commit of the branch. Many sources of one branch ask at the same time, and git is started once."""
        with self._lock:
            head = self._heads.setdefault(_branch(source), _Head())
        with head.lock:
            now = self._clock()
            if now - head.at > FRESH:
                head.commit = remote_git.head(remote_of(self._connection, source), self._search_path, seconds=PATIENCE)
                head.at = now
            return head.commit

    def _key_version(self, source: Source) -> str:
        """The version of the Secret with the keys, by its metadata: the keys themselves do not come here."""
        path = f"/api/v1/namespaces/{source.id.namespace}/secrets/{source.keys}"
        content = self._connection.metadata_of(path)
        return str((content or {}).get("metadata", {}).get("resourceVersion", ""))


def _branch(source: Source) -> _Branch:
    return _Branch(source.id.namespace, source.credentials, source.repository, source.branch)
