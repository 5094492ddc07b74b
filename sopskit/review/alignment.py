"""Which document of one side is which of the other, and which leaf went where."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sopskit.document import Document
    from sopskit.review.compare import Place, State

# bytes: shorter plaintexts are equal by chance, and saying so would tell too much about them
SHORTEST_TOLD = 8


def align(base: Document | None, head: Document | None) -> dict[int, int]:
    """The number in head of each document of base, by the object that is in it, else by position.

    A document that head does not have gets a number of its own. Nothing for files of one document.
    """
    if base is None or head is None or (len(base.roots) < 2 and len(head.roots) < 2):
        return {}
    old, new = _identities(base), _identities(head)
    free = {identity: number for number, identity in reversed(list(new.items()))}
    numbers: dict[int, int] = {}
    for number, identity in old.items():
        if identity in free:
            numbers[number] = free.pop(identity)
    taken = set(numbers.values())
    beyond = len(head.roots)
    for number in range(len(base.roots)):
        if number in numbers:
            continue
        if number < len(head.roots) and number not in taken and (number not in old or number not in new):
            numbers[number] = number
        else:
            numbers[number] = beyond
            beyond += 1
    return numbers


def _identities(document: Document) -> dict[int, manifest.Identity]:
    """The object that each document is, where it is one and has a name."""
    return {obj.document: obj.identity for obj in manifest.objects(document) if obj.path == () and obj.identity.name}


class _Mark(NamedTuple):
    """What makes two leaves the same: of list elements their token, of plain ones type and bytes."""

    kind: str
    data: object


def pair_moved(
    before: Mapping[Place, State], after: Mapping[Place, State], *, same_plaintext: bool
) -> dict[Place, Place]:
    """For leaves of head that stood elsewhere in base, where: by a content that only one leaf lost and only one gained.

    Elements of a list keep their token when they move. With `same_plaintext`, opened values are known again by it.
    """
    lost = _unique(state_place for state_place in before.items() if _is_lost(state_place, after))
    gained = _unique(state_place for state_place in after.items() if _is_lost(state_place, before))
    moved = {gained[mark]: lost[mark] for mark in gained if mark in lost}
    if same_plaintext:
        moved |= _pair_plaintexts(before, after, moved)
    return moved


def _is_lost(item: tuple[Place, State], other: Mapping[Place, State]) -> bool:
    """Whether the other side has no such leaf, or, of a list element, another one at its position."""
    place, state = item
    there = other.get(place)
    if there is None:
        return True
    return isinstance(place[1][-1], int) and _mark(state) != _mark(there) if place[1] else False


def _mark(state: State) -> _Mark | None:
    if state.token is not None:
        return _Mark("token", (state.token.iv, state.token.body, state.leaf.aad))
    return _Mark(state.leaf.kind, state.leaf.data) if state.leaf.data else None


def _unique(items: Iterable[tuple[Place, State]]) -> dict[_Mark, Place]:
    found: dict[_Mark, Place] = {}
    twice: set[_Mark] = set()
    for place, state in items:
        mark = _mark(state)
        if mark is None:
            continue
        if mark in found:
            twice.add(mark)
        found[mark] = place
    return {mark: place for mark, place in found.items() if mark not in twice}


def _pair_plaintexts(
    before: Mapping[Place, State], after: Mapping[Place, State], moved: Mapping[Place, Place]
) -> dict[Place, Place]:
    gone = _plaintexts(before, after, set(moved.values()))
    new = _plaintexts(after, before, set(moved))
    return {new[data]: gone[data] for data in new if data in gone}


def _plaintexts(states: Mapping[Place, State], other: Mapping[Place, State], done: set[Place]) -> dict[bytes, Place]:
    found: dict[bytes, Place] = {}
    twice: set[bytes] = set()
    for place, state in states.items():
        if place in other or place in done or state.plain is None or len(state.plain.data) < SHORTEST_TOLD:
            continue
        if state.plain.data in found:
            twice.add(state.plain.data)
        found[state.plain.data] = place
    return {data: place for data, place in found.items() if data not in twice}
