"""What a policy is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sopskit.review.compare import Comparison
    from sopskit.review.model import FileStatus, Operation, Sides
    from sopskit.review.sides import Side
    from sopskit.sops.selection import Selection


class Rule(NamedTuple):
    """What `.sops.yaml` says about a path: who may read the file, and what is encrypted in it.

    `by_path` tells a rule that names paths from one that takes whatever comes.
    """

    recipients: frozenset[str]
    selection: Selection
    by_path: bool


class Subject(NamedTuple):
    """One changed file, its bytes in `data`. A side that could not be read is None and may have `data` all the same.

    `rules` are those of base's and of head's `.sops.yaml`, each for this path; None if none fits.
    """

    path: str
    status: FileStatus
    sides: Sides[Side | None]
    comparison: Comparison
    operations: tuple[Operation, ...]
    rules: Sides[Rule | None]
    data: Sides[bytes | None]

    def __repr__(self) -> str:
        """The path."""
        return f"Subject({self.path!r})"
