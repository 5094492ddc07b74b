"""What became of one file that a command worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sopskit.errors import SopskitError

# states of an outcome
DONE = "done"
UNCHANGED = "unchanged"
SKIPPED = "skipped"
FAILED = "failed"
# stages at which a file can fail: sops's exit codes depend on them
READ = "read"
CHANGE = "change"
WRITE = "write"


class Outcome(NamedTuple):
    """What became of one file. `error` and `stage` are set if it failed; `note` says why it was left alone.

    A `notable` note is one that the user must see.
    """

    path: str
    state: str
    note: str = ""
    error: SopskitError | None = None
    stage: str = CHANGE
    notable: bool = False


class Left(NamedTuple):
    """Given by a change instead of new content: the file stays as it is. `skipped` tells a file that is not meant.

    `notable` tells a reason that the user must see.
    """

    note: str
    skipped: bool = False
    notable: bool = False
