"""Two states of a file, leaf by leaf, without a key: what is the same, what changed, and how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import Leaf
from sopskit.document.model import position
from sopskit.review.model import Change, Point, Range, Sides, Value
from sopskit.review.sides import is_empty

if TYPE_CHECKING:
    from typing import TypeAlias

    from sopskit.document import Document, Path
    from sopskit.review.model import ChangeKind, DataKeyState
    from sopskit.review.sides import Side
    from sopskit.sops.values import EncryptedValue

    Place: TypeAlias = tuple[int, Path]

COVERED = frozenset(("added", "removed", "changed", "reencrypted"))


class State(NamedTuple):
    """A leaf on one side; `token` is None for plain text."""

    leaf: Leaf
    token: EncryptedValue | None

    @property
    def type(self) -> str:
        """The type that a token names (nothing vouches for it), or that the text has."""
        return self.token.type if self.token else self.leaf.kind

    def __repr__(self) -> str:
        """Place, not content."""
        return f"State({self.leaf!r})"


class Tokens(NamedTuple):
    """How the leaves that are encrypted on both sides compare."""

    identical: int = 0
    same_iv: int = 0
    new_iv: int = 0


class Comparison(NamedTuple):
    """The outcome for one file. `stale`: a value that the MAC covers changed, the MAC's text did not."""

    changes: tuple[Change, ...]
    tokens: Tokens
    data_key: DataKeyState
    stale: bool


def compare(base: Side | None, head: Side | None) -> Comparison:
    """Compare two sides by leaf path. A side is None where the file does not exist."""
    before, after = _states(base), _states(head)
    tokens = _count(before, after)
    data_key = _data_key(base, head, tokens)
    changes: list[Change] = []
    for place in [*before, *(place for place in after if place not in before)]:
        change = _compare_leaf(before.get(place), after.get(place), place, data_key, tokens, Sides(base, head))
        if change is not None:
            changes.append(change)
    stale = _is_stale(base, head, changes, before, after)
    changes += _compare_comments(base, head, data_key)
    return Comparison(tuple(changes), tokens, data_key, stale)


def _states(side: Side | None) -> dict[Place, State]:
    if side is None or side.document is None:
        return {}
    return {(leaf.parent.document, leaf.path): State(leaf, side.token(leaf)) for leaf in side.document.leaves()}


def _count(before: dict[Place, State], after: dict[Place, State]) -> Tokens:
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


def _data_key(base: Side | None, head: Side | None, tokens: Tokens) -> DataKeyState:
    """Whether both sides share the data key: a wrapped key, the MAC or a token in common is proof enough."""
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return "unknown"
    if tokens.identical or base.wrapped_keys() & head.wrapped_keys():
        return "same"
    if base.metadata.mac and base.metadata.mac == head.metadata.mac:
        return "same"
    return "new" if tokens.same_iv or tokens.new_iv else "unknown"


def _compare_leaf(
    old: State | None,
    new: State | None,
    place: Place,
    data_key: DataKeyState,
    tokens: Tokens,
    sides: Sides[Side | None],
) -> Change | None:
    kind = _kind(old, new, data_key, tokens)
    if kind is None:
        return None
    rekeyed = old is not None and new is not None and old.token is not None and new.token is not None
    return Change(
        document=place[0],
        path=place[1],
        change=kind,
        encrypted=Sides(_is_encrypted(old), _is_encrypted(new)),
        type=Sides(old.type if old else None, new.type if new else None),
        value=Sides(_value(old), _value(new)),
        range=Sides(_range(old, sides.base), _range(new, sides.head)),
        certain=not (rekeyed and data_key == "new"),
    )


def _kind(old: State | None, new: State | None, data_key: DataKeyState, tokens: Tokens) -> ChangeKind | None:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.token is not None and new.token is not None:
        return _token_kind(old.token, new.token, data_key, tokens)
    if old.token is None and new.token is None:
        if old.leaf.data == new.leaf.data:
            return None if old.type == new.type else "retyped"
        return "changed"
    plain = old.leaf if old.token is None else new.leaf
    if is_empty(plain):  # SOPS never encrypts an empty text, so this is a new value, not another protection
        return "changed"
    return "encrypted" if old.token is None else "decrypted"


def _token_kind(old: EncryptedValue, new: EncryptedValue, data_key: DataKeyState, tokens: Tokens) -> ChangeKind | None:
    if old.type != new.type:
        return "retyped"
    if old == new:
        return None
    if data_key == "new":
        if old.iv == new.iv:
            return None  # the same plaintext under another data key, as `rotate` writes it: looks unchanged
        return "changed" if tokens.same_iv else "reencrypted"
    return "changed"


def _is_encrypted(state: State | None) -> bool | None:
    return None if state is None else state.token is not None


def _value(state: State | None) -> Value | None:
    if state is None:
        return None
    return Value("empty" if is_empty(state.leaf) or state.type == "null" else "opaque")


def _range(state: State | None, side: Side | None) -> Range | None:
    if state is None or side is None or side.document is None:
        return None
    return locate(side.document, state.leaf)


def locate(document: Document, leaf: Leaf) -> Range:
    """Where a leaf stands."""
    return Range(Point(*position(document.text, leaf.start)), Point(*position(document.text, leaf.end)))


def _is_stale(
    base: Side | None,
    head: Side | None,
    changes: list[Change],
    before: dict[Place, State],
    after: dict[Place, State],
) -> bool:
    """Whether head's MAC, the very text that base has, cannot be right for what it covers."""
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return False
    if not head.metadata.mac or base.metadata.mac != head.metadata.mac:
        return False
    only_encrypted = head.metadata.mac_only_encrypted
    for change in changes:
        states = (before.get((change.document, change.path)), after.get((change.document, change.path)))
        fed = [state for state in states if state is not None and state.leaf.data]
        if change.change in COVERED and any(state.token is not None or not only_encrypted for state in fed):
            return True
    return False


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
