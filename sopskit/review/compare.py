"""Two states of a file, leaf by leaf: what is the same, what changed, and how that is known.

Without a key encrypted values are told apart by their tokens. With one, the plaintexts of both sides say more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Leaf
from sopskit.review.alignment import align, pair_moved
from sopskit.review.model import Change, Sides, Value
from sopskit.review.sides import is_empty
from sopskit.review.staleness import is_stale

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from sopskit.document import Path, Plain
    from sopskit.review.model import ChangeKind, DataKeyState, Range
    from sopskit.review.sides import Side
    from sopskit.sops.values import EncryptedValue

    Place: TypeAlias = tuple[int, Path]

EMPTY, OPAQUE = Value("empty"), Value("opaque")
NO_PLAIN: Mapping[Place, Plain] = {}


class State(NamedTuple):
    """A leaf on one side; `token` is None for plain text, `plain` what is in the token if it was opened."""

    leaf: Leaf
    token: EncryptedValue | None
    plain: Plain | None = None

    @property
    def type(self) -> str:
        """The type that a token names (nothing vouches for it), or that the text has."""
        return self.token.type if self.token else self.leaf.kind

    @property
    def own_place(self) -> Place:
        """Document number and path on its own side."""
        return (self.leaf.parent.document, self.leaf.path)

    def __repr__(self) -> str:
        """Place, not content."""
        return f"State({self.leaf!r})"


class Keys(NamedTuple):
    """What a private key tells: the opened leaves of each side, and whether both sides share the data key.

    `may_compare` is False under the oracle guard: what the plaintexts say about each other is then left unsaid.
    """

    plain: Sides[Mapping[Place, Plain] | None] = Sides(None, None)
    same_data_key: bool | None = None
    may_compare: bool = False

    def __repr__(self) -> str:
        """No content."""
        return f"Keys(may_compare={self.may_compare})"


KEYLESS = Keys()


class Tokens(NamedTuple):
    """How the leaves that are encrypted on both sides compare."""

    identical: int = 0
    same_iv: int = 0
    new_iv: int = 0


class Comparison(NamedTuple):
    """The outcome for one file. `stale`: what the MAC covers changed, the MAC's text did not.

    `unchanged` counts leaves that are the same, or look the same under another data key. `states` are the leaves of each
    side by place, where the documents of base have the numbers of those of head that they correspond to.
    """

    changes: tuple[Change, ...]
    tokens: Tokens
    data_key: DataKeyState
    stale: bool
    unchanged: int = 0
    states: Sides[Mapping[Place, State]] = Sides({}, {})

    def __repr__(self) -> str:
        """How much."""
        return f"<{len(self.changes)} changes, data key {self.data_key}>"


class _Verdicts(NamedTuple):
    """What the comparison of a single leaf depends on."""

    data_key: DataKeyState
    tokens: Tokens
    keys: Keys
    sides: Sides[Side | None]


def as_it_stands(head: Side | None, keys: Keys = KEYLESS) -> Comparison:
    """A state that is looked at without another: nothing in it counts as a change."""
    return Comparison((), Tokens(), "unknown", stale=False, states=Sides({}, _states(head, keys.plain.head, {})))


def compare(base: Side | None, head: Side | None, keys: Keys = KEYLESS) -> Comparison:
    """Compare two sides by leaf path. A side is None where the file does not exist."""
    numbers = align(base.document if base else None, head.document if head else None)
    before, after = _states(base, keys.plain.base, numbers), _states(head, keys.plain.head, {})
    tokens = _count(before, after)
    verdicts = _Verdicts(_data_key(base, head, tokens, keys), tokens, keys, Sides(base, head))
    moved = pair_moved(before, after, same_plaintext=_says_same_plaintext(verdicts)) if before and after else {}
    origins = set(moved.values())
    changes: list[Change] = []
    unchanged = 0
    for place in [*before, *(place for place in after if place not in before)]:
        old, new = before.get(place), after.get(place)
        if place in moved:
            changes.append(_moved(before[moved[place]], after[place], verdicts))
            new = None
        if place in origins:
            old = None
        if old is None and new is None:
            continue
        kind = _kind(old, new, verdicts)
        if kind is None:
            unchanged += 1
        else:
            changes.append(_change(kind, old, new, verdicts))
    stale = is_stale(base, head)
    changes += _compare_comments(base, head, verdicts.data_key)
    return Comparison(tuple(changes), tokens, verdicts.data_key, stale, unchanged, Sides(before, after))


def _says_same_plaintext(verdicts: _Verdicts) -> bool:
    return verdicts.keys.may_compare and None not in verdicts.keys.plain


def _states(side: Side | None, plain: Mapping[Place, Plain] | None, numbers: Mapping[int, int]) -> dict[Place, State]:
    if side is None or side.document is None:
        return {}
    plain = plain or NO_PLAIN
    states: dict[Place, State] = {}
    for leaf in side.document.leaves():
        number, path = leaf.parent.document, leaf.path
        states[numbers.get(number, number), path] = State(leaf, side.token(leaf), plain.get((number, path)))
    return states


def _count(before: Mapping[Place, State], after: Mapping[Place, State]) -> Tokens:
    identical = same_iv = new_iv = 0
    for place, old in before.items():
        new = after.get(place)
        if new is None or old.token is None or new.token is None:
            continue
        if old.token == new.token:
            identical += 1
        elif old.token.iv == new.token.iv:
            same_iv += 1
        else:
            new_iv += 1
    return Tokens(identical, same_iv, new_iv)


def _data_key(base: Side | None, head: Side | None, tokens: Tokens, keys: Keys) -> DataKeyState:
    """Whether both sides share the data key: a token, the MAC or a wrapped key in common is proof enough without one.

    A wrapped key is none if somebody who had one before has another now: the values may be under that one's data key.
    """
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return "unknown"
    if keys.same_data_key is not None:
        return "same" if keys.same_data_key else "new"
    if tokens.identical or (base.metadata.mac and base.metadata.mac == head.metadata.mac):
        return "same"
    old, new = base.wrapped_keys(), head.wrapped_keys()
    if old & new:
        return "unknown" if {id for id, _ in old - new} & {id for id, _ in new - old} else "same"
    return "new" if tokens.same_iv or tokens.new_iv else "unknown"


def _kind(old: State | None, new: State | None, verdicts: _Verdicts) -> ChangeKind | None:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.token is not None and new.token is not None:
        return _token_kind(old, new, verdicts)
    if old.token is None and new.token is None:
        if old.leaf.data == new.leaf.data:
            return None if old.type == new.type else "retyped"
        return "changed"
    plain = old.leaf if old.token is None else new.leaf
    if is_empty(plain):  # SOPS never encrypts an empty text, so this is a new value, not another protection
        return "changed"
    return "encrypted" if old.token is None else "decrypted"


def _token_kind(old: State, new: State, verdicts: _Verdicts) -> ChangeKind | None:
    if old.token is None or new.token is None:
        raise AssertionError("both sides are encrypted")
    if old.type != new.type:
        return "retyped"
    rekeyed = verdicts.data_key == "new"
    if old.token == new.token and not rekeyed:
        return None
    if _says_same_plaintext(verdicts) and old.plain is not None and new.plain is not None:
        if old.plain.data != new.plain.data:
            return "changed"
        return None if rekeyed and old.token.iv == new.token.iv else "reencrypted"
    if rekeyed:
        if old.token.iv == new.token.iv:
            return None  # the same plaintext under another data key, as `rotate` writes it: looks unchanged
        return "changed" if verdicts.tokens.same_iv else "reencrypted"
    return "changed"


def _change(kind: ChangeKind, old: State | None, new: State | None, verdicts: _Verdicts) -> Change:
    sides = verdicts.sides
    rekeyed = old is not None and new is not None and old.token is not None and new.token is not None
    known = _says_same_plaintext(verdicts)
    document, path = (new or old).own_place  # type: ignore[union-attr]
    return Change(
        document=document,
        path=path,
        change=kind,
        encrypted=Sides(_is_encrypted(old), _is_encrypted(new)),
        type=Sides(old.type if old else None, new.type if new else None),
        value=Sides(_value(old), _value(new)),
        range=Sides(_range(old, sides.base), _range(new, sides.head)),
        certain=known or not (rekeyed and verdicts.data_key == "new"),
    )


def _moved(old: State, new: State, verdicts: _Verdicts) -> Change:
    return _change("moved", old, new, verdicts)._replace(origin=old.leaf.path, certain=True)


def _is_encrypted(state: State | None) -> bool | None:
    return None if state is None else state.token is not None


def _value(state: State | None) -> Value | None:
    if state is None:
        return None
    return EMPTY if is_empty(state.leaf) or state.type == "null" else OPAQUE


def _range(state: State | None, side: Side | None) -> Range | None:
    return None if state is None or side is None else side.range_of(state.leaf)


def _compare_comments(base: Side | None, head: Side | None, data_key: DataKeyState) -> list[Change]:
    if base is None or head is None or base.document is None or head.document is None:
        return []
    before, after = _comments(base, data_key), _comments(head, data_key)
    return [
        Change(
            document=place[0],
            path=place[1],
            change="comment",
            encrypted=Sides(_any_encrypted(before.get(place)), _any_encrypted(after.get(place))),
            type=Sides(None, None),
            value=Sides(None, None),
            range=Sides(None, None),
            certain=data_key != "new",
        )
        for place in [*before, *(place for place in after if place not in before)]
        if before.get(place) != after.get(place)
    ]


def _comments(side: Side, data_key: DataKeyState) -> dict[Place, list[tuple[bool, str | bytes]]]:
    """The comments of each container: whether encrypted, and what tells them apart (the IV, under a new data key)."""
    found: dict[Place, list[tuple[bool, str | bytes]]] = {}
    for item in side.document.items if side.document else ():
        if isinstance(item, Leaf):
            continue
        token = side.token(item)
        mark = token.iv if token and data_key == "new" else item.value
        found.setdefault((item.parent.document, item.parent.path), []).append((token is not None, mark))
    return found


def _any_encrypted(comments: list[tuple[bool, str | bytes]] | None) -> bool | None:
    return None if comments is None else any(encrypted for encrypted, _ in comments)
