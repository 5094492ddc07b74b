"""Reviews of two states of a repository that a test writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sopskit.git import open_repository
from sopskit.review.model import End
from sopskit.review.request import Options
from sopskit.workflow.ends import Ends
from sopskit.workflow.review import review
from tests.repositories import Git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sopskit.review.model import Finding, ReviewDiff
    from sopskit.sops.masterkeys import Keyring

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Reviewer:
    """Commits states of a repository and reviews the last one against the first."""

    def __init__(self, git: Git) -> None:
        self.git = git

    def commit(self, files: Mapping[str, bytes | None]) -> str:
        """Commit files; None takes one away. Gives the commit's id."""
        for name, data in files.items():
            if data is None:
                (self.git.folder / name).unlink()
        return self.git.commit({name: data for name, data in files.items() if data is not None})

    def __call__(
        self,
        base: Mapping[str, bytes | None],
        head: Mapping[str, bytes | None],
        *more: Mapping[str, bytes | None],
        keyring: Keyring | None = None,
        trusted: bool = False,
        now: datetime | None = None,
    ) -> ReviewDiff:
        """Review `base` against what `head` and `more` make of it, one commit after the other."""
        first = self.commit(base)
        last = first
        for files in (head, *more):
            last = self.commit(files)
        return self.between(first, last, keyring=keyring, trusted=trusted, now=now)

    def between(
        self,
        base: str,
        head: str,
        *,
        keyring: Keyring | None = None,
        trusted: bool = False,
        now: datetime | None = None,
        strict: bool = False,
    ) -> ReviewDiff:
        """Review one commit against another."""
        repository = open_repository(self.git.folder)
        assert repository is not None
        with repository:
            ends = Ends(End("base", base), End("head", head))
            options = Options(keyring=keyring, vouched=trusted, now=now, strict=strict)
            return review(repository, ends, options=options)


def ids(report: ReviewDiff) -> list[str]:
    """Each finding as `RCP01 medium path`, worst first."""
    return [_spelled(finding) for finding in report.findings]


def _spelled(finding: Finding) -> str:
    return f"{finding.id} {finding.severity} {finding.path}"
