"""Changes as people read them: what only says the same again in more rows is told in one.

The leaves of a new Secret are told with the object that they make, those of a plain new file with the file, and the lists and
rules of a `.sops.yaml`, which are compared by position, as lists and rules. Programs get every change (`json`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.model import Sides
from sopskit.review.render.fileline import is_plain_and_alone
from sopskit.review.render.rulelist import condense_rules

if TYPE_CHECKING:
    from sopskit.review.model import Change, FileReview, ObjectChange

ONE_SIDED = (Sides(None, True), Sides(True, None))
DATA = frozenset(("data", "stringData"))
TELLING = frozenset(("opaque", "text", "empty"))  # kinds that tell no more than the object's line


class Told(NamedTuple):
    """A change that gets a row. `words` are ours and stand for what would be said of its value.

    `recipients`: its parts are those who joined a list of recipients and those who left it.
    """

    change: Change
    words: str = ""
    recipients: bool = False


def changes(file: FileReview) -> list[Told]:
    """The changes of a file that get a row, some of them made of several."""
    if is_plain_and_alone(file):
        return []
    if file.encrypted in ONE_SIDED and file.objects:
        keys = {key.key for one in file.objects for key in one.keys}
        return [Told(change) for change in file.changes if not _is_told_by_object(change, keys)]
    if file.path.rpartition("/")[2] == ".sops.yaml":
        return [Told(change, words, _are_recipients(change)) for change, words in condense_rules(file.changes)]
    return [Told(change) for change in file.changes]


def objects(file: FileReview) -> tuple[ObjectChange, ...]:
    """The objects that get a row, since their leaves have none."""
    return file.objects if file.encrypted in ONE_SIDED else ()


def _are_recipients(change: Change) -> bool:
    return bool(change.parts) and all(part.startswith(("+ ", "- ")) for part in change.parts)


def _is_told_by_object(change: Change, keys: set[str]) -> bool:
    if change.encrypted in ((None, False), (False, None)):
        return True
    value = change.value.head or change.value.base
    if value is None or value.facts or value.same_as is not None or value.kind not in TELLING:
        return value is None
    return len(change.path) > 1 and change.path[-2] in DATA and change.path[-1] in keys
