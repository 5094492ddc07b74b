"""The values that a change brings, opened with a private key, as whoever uses them will see them."""

from __future__ import annotations

from binascii import a2b_base64
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit import manifest
from sopskit.review.findings.policy import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from sopskit.document import Document, Leaf, Path
    from sopskit.redact.kinds import Described
    from sopskit.review.compare import Place, State
    from sopskit.review.findings.subject import Subject
    from sopskit.review.sides import Side

    # an entry of a Kubernetes object whatever field it stands in, or the place of another leaf
    Slot: TypeAlias = "tuple[manifest.Identity, str] | Place"

REPLAYED = frozenset(("copy", "revert"))


class Held(NamedTuple):
    """A value and where it stands. `raw` is what was encrypted, `data` what a container sees: base64 of `data` undone.

    `place` is where it is compared: the number of the document is head's on both sides.
    """

    leaf: Leaf
    place: Place
    slot: Slot
    raw: bytes
    data: bytes
    type: str

    @property
    def key(self) -> str:
        """The last key of its path: an element of a list is named as the list is."""
        return self.leaf.keys[-1] if self.leaf.keys else ""

    @property
    def contents(self) -> bytes:
        """The value with base64 and literal line feeds undone where it is something structured."""
        from sopskit.redact.kinds import contents

        return contents(self.data)

    def describe(self) -> Described:
        """Its kind."""
        from sopskit.redact.kinds import describe

        return describe(self.data, key=self.key, type=self.type)

    def at(self, subject: Subject) -> dict[str, Any]:
        """The fields of a `Hit` about it."""
        head = subject.sides.head
        return place(head.document, self.leaf) if head is not None and head.document is not None else {}

    def __repr__(self) -> str:
        """Where, not what."""
        return f"Held({self.leaf!r})"


def head_values(subject: Subject) -> dict[Place, Held]:
    """All encrypted values of head, if a private key opened it and its MAC is right.

    Where the verdict on the MAC may not be said, nothing may hang on it either: then its author speaks for the values,
    unless they are those of another file or version.
    """
    if subject.plain.head is None or subject.mac.head not in {"valid", "unchecked"}:
        return {}
    if subject.mac.head == "unchecked" and is_replayed(subject):
        return {}
    return _held(subject.comparison.states.head, subject.sides.head)


def base_values(subject: Subject) -> dict[Slot, Held]:
    """All encrypted values of base by slot. Empty under the oracle guard, since the only use of them is to compare."""
    if subject.plain.base is None or not subject.may_compare:
        return {}
    return {held.slot: held for held in _held(subject.comparison.states.base, subject.sides.base).values()}


def new_values(subject: Subject) -> Iterator[Held]:
    """The encrypted values of head that are not known to be base's.

    Under the oracle guard every value counts that does not look unchanged to everybody, by its token or IV: left out because
    it is equal, a guess would be confirmed. Whoever forges a rotation to hide a weak value has to bring a new data key,
    which is a finding.
    """
    before = subject.comparison.states.base
    for at, held in head_values(subject).items():
        if not _is_old(before.get(at), subject.comparison.states.head[at], may_compare=subject.may_compare):
            yield held


def _is_old(old: State | None, new: State, *, may_compare: bool) -> bool:
    if old is None or old.token is None:
        return False
    if new.token is not None and old.token.iv == new.token.iv:
        return True
    if not may_compare or old.plain is None or new.plain is None:
        return False
    return (old.plain.kind, old.plain.data) == (new.plain.kind, new.plain.data)


def is_replayed(subject: Subject) -> bool:
    """Whether head is a copy of what stood elsewhere or before, brought by somebody who may not be able to read it.

    Such a file opens and its MAC is right, though the author of the change wrote none of the values. The MAC's text is as
    good as a mark of the version: without the data key nobody can make another one.
    """
    if subject.may_compare:
        return False
    if any(operation.id in REPLAYED for operation in subject.operations):
        return True
    head = subject.sides.head
    mac = head.metadata.mac if head is not None and head.metadata is not None else ""
    history, path = subject.change.history, subject.old_path or subject.path
    sides = (history.side(path, version) for version in history.recent(path))
    return any(side is not None and side.metadata is not None and side.metadata.mac == mac for side in sides)


def _held(states: Mapping[Place, State], side: Side | None) -> dict[Place, Held]:
    entries = _entries(side.document if side else None)
    found: dict[Place, Held] = {}
    for at, state in states.items():
        if state.token is None or state.plain is None:
            continue
        entry = entries.get((state.leaf.parent.document, state.leaf.path))
        raw = state.plain.data
        data = undo_base64(raw) if entry is not None and entry.is_base64 else None
        slot: Slot = at if entry is None else (entry.identity, entry.key)
        found[at] = Held(state.leaf, at, slot, raw, raw if data is None else data, state.plain.kind)
    return found


class Entry(NamedTuple):
    """What an entry of a Secret or ConfigMap is."""

    identity: manifest.Identity
    key: str
    is_base64: bool


def _entries(document: Document | None) -> dict[tuple[int, Path], Entry]:
    """The leaves that are entries of Secrets and ConfigMaps, those hidden by a later field included."""
    found: dict[tuple[int, Path], Entry] = {}
    for obj in manifest.objects(document) if document is not None else ():
        kind = obj.identity.kind
        for leaf in obj.leaves:
            field = obj.own_path(leaf.parent)
            if len(field) == 1 and field[0] in manifest.DATA_FIELDS.get(kind, ()):
                is_base64 = (kind, field[0]) in manifest.BASE64_FIELDS
                found[obj.document, leaf.path] = Entry(obj.identity, str(leaf.key), is_base64)
    return found


def undo_base64(raw: bytes) -> bytes | None:
    """What Kubernetes makes of the base64 in a manifest (line feeds are allowed); None where it refuses it."""
    try:
        return a2b_base64(raw.replace(b"\n", b"").replace(b"\r", b""), strict_mode=True)
    except ValueError:
        return None
