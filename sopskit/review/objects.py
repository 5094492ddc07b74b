"""What the cluster gets: the entries of Secrets and ConfigMaps, `data` and `stringData` unified."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.review.model import ObjectChange, ObjectKey, Sides

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    from sopskit.review.compare import Comparison, Place
    from sopskit.review.model import ChangeKind
    from sopskit.review.sides import Side

    KeyChange: TypeAlias = Literal["added", "removed", "changed", "reencrypted", "encrypted", "decrypted"]

KINDS = frozenset(("Secret", "ConfigMap"))


class _Entry(NamedTuple):
    place: Place
    origin: str
    plain: bytes | None  # what a container sees, if that can be read


def changed_objects(
    base: Side | None, head: Side | None, comparison: Comparison, numbers: Mapping[int, int]
) -> tuple[ObjectChange, ...]:
    """The objects of a file whose entries changed, with those entries."""
    if not comparison.changes:
        return ()
    old, new = _objects(base, numbers), _objects(head, {})
    kinds = {(change.document, change.path): change.change for change in comparison.changes}
    found: list[ObjectChange] = []
    for identity in dict.fromkeys((*old, *new)):
        keys = tuple(_compare(old.get(identity, {}), new.get(identity, {}), kinds))
        if keys:
            found.append(ObjectChange(identity.kind, identity.namespace, identity.name, keys))
    return tuple(found)


def _objects(side: Side | None, numbers: Mapping[int, int]) -> dict[manifest.Identity, dict[str, _Entry]]:
    if side is None or side.document is None:
        return {}
    found: dict[manifest.Identity, dict[str, _Entry]] = {}
    for obj in manifest.objects(side.document):
        if obj.identity.kind not in KINDS:
            continue
        entries = found.setdefault(obj.identity, {})
        for key, entry in manifest.effective_data(obj).items():
            number, path = entry.leaf.parent.document, entry.leaf.path
            plain = None if side.token(entry.leaf) else entry.value(obj.identity.kind)
            entries[key] = _Entry((numbers.get(number, number), path), entry.field, plain)
    return found


def _compare(
    old: Mapping[str, _Entry], new: Mapping[str, _Entry], kinds: Mapping[Place, ChangeKind]
) -> list[ObjectKey]:
    keys: list[ObjectKey] = []
    for key in dict.fromkeys((*old, *new)):
        sides = Sides(old.get(key), new.get(key))
        if sides.head is None and sides.base is not None:
            keys.append(ObjectKey(key, "removed", sides.base.origin))
        elif sides.base is None and sides.head is not None:
            keys.append(ObjectKey(key, "added", sides.head.origin))
        elif sides.base is not None and sides.head is not None:
            change = _change(sides.base, sides.head, kinds)
            if change is not None:
                keys.append(ObjectKey(key, change, sides.head.origin))
    return keys


def _change(old: _Entry, new: _Entry, kinds: Mapping[Place, ChangeKind]) -> KeyChange | None:
    if old.plain is not None and new.plain is not None:
        return None if old.plain == new.plain else "changed"
    if old.place != new.place:
        return "changed"
    kind = kinds.get(new.place)
    if kind is None:
        return None
    if kind == "encrypted" or kind == "decrypted" or kind == "reencrypted":  # noqa: PLR1714 mypy narrows this one
        return kind
    return "changed"
