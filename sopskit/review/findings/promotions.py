"""ENV03: a protected environment that goes ahead of the others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import FormatError
from sopskit.review.findings.environments import shared_entries, sibling
from sopskit.review.findings.policy import ChangePolicy, Hit
from sopskit.review.findings.spelling import key_list
from sopskit.review.sides import read_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from sopskit.document import Leaf
    from sopskit.git import Version
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.sides import Side

    Slot: TypeAlias = tuple[str, ...]  # a key that environments share, as ENV01 has it

MONTH = timedelta(days=30)
MOST_FILES = 200  # changed files of protected environments; in larger changes nobody reads who was first


class _State(NamedTuple):
    """A file of an environment at some time, with the leaves under the keys that environments share."""

    side: Side
    entries: Mapping[Slot, Leaf]


class _Sibling(NamedTuple):
    """The same file in an environment that is not protected: as it is in head, and as it was then, None if it was not."""

    environment: str
    now: _State
    then: _State | None

    def has_stood(self, slot: Slot) -> bool:
        """Whether a value is still the one of then; without a key its token tells it, and through a rotation the IV."""
        new, old = self.now.entries.get(slot), self.then.entries.get(slot) if self.then is not None else None
        if new is None or old is None or self.then is None:
            return False
        token, before = self.now.side.token(new), self.then.side.token(old)
        if token is None or before is None:
            return new.value == old.value
        return token == before or token.iv == before.iv


def env03(change: ChangeSet) -> Iterator[Hit]:
    """Encrypted values of a protected environment changed, and for a month no other one's did.

    Asking git for the history of every sibling would take long. So one older commit has to do: the newest of those that
    touched a changed file and are a month old. What a sibling was then is compared with what it is now; without such a
    commit nothing is said.
    """
    subjects = [subject for subject in change.subjects if subject.is_protected and _changed(subject)]
    then = _a_month_ago(change) if 0 < len(subjects) <= MOST_FILES else None
    if then is not None:
        for subject in subjects:
            yield from _ahead(subject, then)


def _changed(subject: Subject) -> Mapping[Slot, Leaf]:
    """The keys of head whose encrypted values are others than before."""
    head, environment = subject.sides.head, subject.environment
    if head is None or head.metadata is None or environment is None:
        return {}
    changed = {
        state.own_place
        for change in subject.comparison.changes
        if change.change == "changed"
        and change.encrypted.head
        and (state := subject.comparison.states.head.get((change.document, change.path))) is not None
    }
    entries = shared_entries(head, environment.name) or {} if changed else {}
    return {slot: leaf for slot, leaf in entries.items() if (leaf.parent.document, leaf.path) in changed}


def _a_month_ago(change: ChangeSet) -> Version | None:
    limit = (change.now - MONTH).timestamp()
    histories = (change.history.versions(subject.old_path or subject.path) for subject in change.subjects)
    found = (next((version for version in versions if version.time <= limit), None) for versions in histories)
    return max((version for version in found if version is not None), key=lambda version: version.time, default=None)


def _ahead(subject: Subject, then: Version) -> Iterator[Hit]:
    siblings = _siblings(subject, then.commit)
    behind: dict[tuple[str, ...], list[Leaf]] = {}
    for slot, leaf in _changed(subject).items() if siblings else ():
        having = [one for one in siblings if slot in one.now.entries]
        if having and all(one.has_stood(slot) for one in having):
            behind.setdefault(tuple(one.environment for one in having), []).append(leaf)
    for environments, leaves in behind.items():
        args: dict[str, int | str] = {
            "keys": key_list(leaf.path for leaf in leaves),
            "others": ", ".join(environments),
            "days": int(subject.change.now.timestamp() - then.time) // 86_400,
        }
        yield Hit("{keys}: changed here, and in {others} not for {days} days", args, path=subject.path)


def _siblings(subject: Subject, commit: str) -> Sequence[_Sibling]:
    change, here = subject.change, subject.environment
    found: list[_Sibling] = []
    for other in change.team.environments if here is not None else ():
        if other.protected or here is None:
            continue
        path = sibling(change, subject.path, here.name, other.name)
        now = _state(change.trees.head.side(path), other.name) if path is not None else None
        if path is not None and now is not None:
            found.append(_Sibling(other.name, now, _state(_side_at(change, commit, path), other.name)))
    return found


def _state(side: Side | None, environment: str) -> _State | None:
    entries = shared_entries(side, environment) if side is not None else None
    return None if side is None or entries is None else _State(side, entries)


def _side_at(change: ChangeSet, commit: str, path: str) -> Side | None:
    data = change.read_at(commit, path)
    try:
        return None if data is None else read_side(path, data)
    except FormatError:
        return None


POLICIES = (
    ChangePolicy(
        "ENV03",
        "low",
        "a protected environment goes ahead of the others",
        why="Values are usually tried in an environment where nothing breaks. Here the protected one gets something new, and the "
        "others have not changed for a month: it was not tried, or the others have been forgotten. A rotation of this "
        "environment's own secret looks the same.",
        remedy="make sure that only this environment was meant; otherwise change the others first",
        find=env03,
    ),
)
