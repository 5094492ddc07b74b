"""Finding the older encrypted version of a file, so that a Git diff shows what changed and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import SopskitError
from sopskit.git import open_repository
from sopskit.sops.crypt import load, open_file
from sopskit.workflow.encrypt import Older

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.document import Format
    from sopskit.git import Repository
    from sopskit.sops.masterkeys import Keyring

PLACES = ("INDEX", "HEAD")


class Found(NamedTuple):
    """Bytes of an older version. `trusted`: outside Git, or merged into the upstream default branch."""

    data: bytes
    trusted: bool


class History:
    """The Git side of older versions, for many files: repositories are opened once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` is what git may read its user's settings by."""
        self._environ = environ
        self._repositories: dict[str, Repository | None] = {}

    def __enter__(self) -> History:  # noqa: PYI034 final
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the git processes."""
        for repository in self._repositories.values():
            if repository is not None:
                repository.close()

    def committed(self, path: str, format: Format) -> Found | None:
        """The encrypted version of `path` in the index, else in HEAD; None if there is none. Raises `GitError`."""
        repository, relative = self._place(path)
        if repository is None or relative is None:
            return None
        for place in PLACES:
            blob = repository.blob_at(place, relative)
            if blob is not None and _is_encrypted(blob, format):
                return Found(blob, repository.is_in_upstream_default(relative, blob))
        return None

    def judge(self, path: str, data: bytes) -> Found:
        """A version that stands in the file `path`. Raises `GitError`."""
        repository, relative = self._place(path)
        if repository is None or relative is None:
            return Found(data, repository is None)
        return Found(data, repository.is_in_upstream_default(relative, data))

    def _place(self, path: str) -> tuple[Repository | None, str | None]:
        folder = path.rpartition("/")[0]
        if folder not in self._repositories:
            self._repositories[folder] = open_repository(folder or ".", self._environ)
        repository = self._repositories[folder]
        return repository, None if repository is None else repository.relative(path)


def _is_encrypted(data: bytes, format: Format) -> bool:
    try:
        load(data, format)
    except SopskitError:
        return False
    return True


def open_older(found: Found, format: Format, keyring: Keyring) -> Older:
    """Open an older version. Raises what opening a file raises, `KeyAccessError` among them."""
    return Older(open_file(load(found.data, format), keyring), found.trusted)
