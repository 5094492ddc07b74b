"""What may be said about the values of a change: kinds, allow-listed facts, equality as ordinals, public texts.

Here the plaintexts of a change become something that can be printed; after it nothing of them is in the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.alignment import SHORTEST_TOLD
from sopskit.review.model import Change, Sides, Value
from sopskit.review.sides import is_empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sopskit.review.compare import Comparison, Place, State
    from sopskit.review.model import Fact

CERTIFICATE = "certificate"
PLAIN_KINDS = {"int": "number", "float": "number", "bool": "boolean", "null": "empty"}


class Described(NamedTuple):
    """A change with the two states behind it; `group` names the values that it may be compared with, None: no others."""

    change: Change
    states: Sides[State | None]
    group: int | None


def describe(comparison: Comparison, *, may_compare: bool, group: int | None) -> list[Described]:
    """The changes of a file with what may be said about their values."""
    found: list[Described] = []
    before = {state.own_place: state for state in comparison.states.base.values()}
    after = {state.own_place: state for state in comparison.states.head.values()}
    aligned = {state.own_place: place for place, state in comparison.states.head.items()}
    for change in comparison.changes:
        states = _states(change, comparison, before, after, aligned)
        value = Sides(_value(states.base, comparison.states.base), _value(states.head, comparison.states.head))
        if may_compare:
            value = Sides(_with_match(value.base, states.base, before), _with_match(value.head, states.head, after))
        parts = _parts(states, value) if may_compare else ()
        found.append(Described(change._replace(value=value, parts=parts), states, group))
    return found


def _states(
    change: Change,
    comparison: Comparison,
    before: Mapping[Place, State],
    after: Mapping[Place, State],
    aligned: Mapping[Place, Place],
) -> Sides[State | None]:
    if change.change == "comment":
        return Sides(None, None)
    own = (change.document, change.path)
    if change.change == "removed":
        return Sides(before.get(own), None)
    head = after.get(own)
    if change.change == "added":
        return Sides(None, head)
    place = aligned.get(own, own)
    origin = (place[0], change.origin) if change.origin is not None else place
    return Sides(comparison.states.base.get(origin), head)


def _value(state: State | None, side: Mapping[Place, State]) -> Value | None:  # noqa: ARG001 symmetrical call
    if state is None:
        return None
    if is_empty(state.leaf) or state.type == "null":
        return Value("empty")
    if state.token is None:
        return Value(PLAIN_KINDS.get(state.leaf.kind, "text"))
    if state.plain is None:
        return Value("opaque")
    from sopskit.redact import kinds  # only where a key opened something

    described = kinds.describe(state.plain.data, key=str(state.leaf.key), type=state.plain.kind)
    return Value(described.kind, described.facts)


def _with_match(value: Value | None, state: State | None, side: Mapping[Place, State]) -> Value | None:
    """Whether a private key beside a certificate is the one that belongs to it."""
    if value is None or value.kind != CERTIFICATE or state is None or state.plain is None:
        return value
    parent = state.leaf.path[:-1]
    for (document, path), other in side.items():
        if document != state.leaf.parent.document or path[:-1] != parent or other.plain is None:
            continue
        if b"PRIVATE KEY-----" not in other.plain.data:
            continue
        from sopskit.redact import kinds

        matches = kinds.private_key_matches(state.plain.data, other.plain.data)
        if matches is not None:
            facts: dict[str, Fact] = {**value.facts, "private_key_matches": matches}
            return value._replace(facts=facts)
    return value


def _parts(states: Sides[State | None], value: Sides[Value | None]) -> tuple[str, ...]:
    """Which components of a value changed, where both are of one kind that has some."""
    old, new = states
    if old is None or new is None or old.plain is None or new.plain is None or value.base is None or value.head is None:
        return ()
    if value.base.kind != value.head.kind or old.plain.data == new.plain.data:
        return ()
    from sopskit.redact import kinds

    return tuple(kinds.compare_parts(old.plain.data, new.plain.data, value.head.kind))


def number_equal_values(described: Iterable[Sequence[Described]]) -> list[list[Change]]:
    """Give values that are equal, and may be said to be, the same ordinal. The order of the files stays."""
    files = [list(file) for file in described]
    seen: dict[tuple[int, bytes], list[tuple[int, int, int]]] = {}
    for number, file in enumerate(files):
        for index, item in enumerate(file):
            for side, state in enumerate(item.states):
                if item.group is not None and state is not None and state.plain is not None:
                    data = state.plain.data
                    if len(data) >= SHORTEST_TOLD:
                        seen.setdefault((item.group, data), []).append((number, index, side))
    ordinals = {place: ordinal for ordinal, places in enumerate(_repeated(seen.values()), 1) for place in places}
    return [
        [_with_ordinals(item.change, number, index, ordinals) for index, item in enumerate(file)]
        for number, file in enumerate(files)
    ]


def _repeated(groups: Iterable[list[tuple[int, int, int]]]) -> Iterable[list[tuple[int, int, int]]]:
    return (places for places in groups if len(places) > 1)


def _with_ordinals(change: Change, number: int, index: int, ordinals: Mapping[tuple[int, int, int], int]) -> Change:
    value = Sides(
        *(
            one._replace(same_as=ordinals[number, index, side])
            if one is not None and (number, index, side) in ordinals
            else one
            for side, one in enumerate(change.value)
        )
    )
    return change if value == change.value else change._replace(value=value)
