"""Edits that need no key and that the MAC does not see.

The MAC covers the values of the leaves one after the other, without keys, separators, types, comments and metadata (SOPS
section 5). A file whose MAC is byte for byte the old one was not written by sops in between, so each such difference was made
by hand: by a reader, or by somebody who cannot read the file.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.document import Comment, Leaf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from sopskit.document import Document
    from sopskit.review.compare import Comparison, Place, State
    from sopskit.review.model import Change, Sides
    from sopskit.review.sides import Side

    BlindKind: TypeAlias = Literal[
        "renamed",
        "shifted",
        "emptied",
        "relabelled",
        "uncovered",
        "comment-added",
        "comment-removed",
        "secret-comment-removed",
        "secret-comment-replaced",
        "selection",
        "recipients-reordered",
        "recipient-relabelled",
    ]


class BlindEdit(NamedTuple):
    """One kind of edit in one file, and the items that it is about, all of them on `side`.

    `emptied` are keys with an empty value that came or went, `shifted` plain values of which one gave bytes to its
    neighbour, `uncovered` plain values that `mac_only_encrypted` leaves out. `recipients` are those whose entries are concerned.
    """

    kind: BlindKind
    side: Literal["base", "head"] = "head"
    items: tuple[Leaf | Comment, ...] = ()
    recipients: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Kind and places, not content."""
        return f"BlindEdit({self.kind!r}, {self.side!r}, {self.items!r})"


class Shadow(NamedTuple):
    """An entry of `stringData` without a value that hides one of `data`."""

    empty: Leaf
    hidden: Leaf


def blind_edits(sides: Sides[Side | None], comparison: Comparison) -> list[BlindEdit]:
    """What changed under a MAC that is still the old one and may still be right."""
    base, head = sides
    if base is None or head is None or comparison.stale or not has_same_mac(base, head):
        return []
    return [*_values(head, comparison), *_comments(base, head), *_metadata(base, head)]


def has_same_mac(base: Side, head: Side) -> bool:
    """Whether both have the very same MAC text, so that sops wrote nothing in between but wrapped keys."""
    if base.metadata is None or head.metadata is None:
        return False
    return bool(head.metadata.mac) and base.metadata.mac == head.metadata.mac


def shadows(document: Document) -> Iterator[Shadow]:
    """Entries of Secrets that the cluster gets empty, though `data` holds a value: stringData wins over data."""
    for obj in manifest.objects(document):
        if obj.identity.kind != "Secret":
            continue
        depth = len(obj.path)
        fields = {leaf.path[depth:]: leaf for leaf in obj.leaves if len(leaf.path) == depth + 2}
        for path, leaf in fields.items():
            hidden = fields.get(("data", path[1])) if path[0] == "stringData" and not leaf.data else None
            if hidden is not None and hidden.data:
                yield Shadow(leaf, hidden)


def _values(head: Side, comparison: Comparison) -> Iterator[BlindEdit]:
    only_encrypted = head.metadata is not None and head.metadata.mac_only_encrypted
    gone = Counter(state.leaf.data for state in _plain_states(comparison, "removed"))
    found: dict[tuple[BlindKind, Literal["base", "head"]], list[Leaf]] = {}
    for change in comparison.changes:
        state = _state(change, comparison)
        kind = _value_kind(change, state, gone, only_encrypted=only_encrypted) if state else None
        if kind is not None and state is not None:
            found.setdefault((kind, "base" if change.change == "removed" else "head"), []).append(state.leaf)
    for (kind, side), leaves in found.items():
        yield BlindEdit(kind, side, tuple(leaves))


def _value_kind(change: Change, state: State, gone: Counter[bytes], *, only_encrypted: bool) -> BlindKind | None:
    if change.change in {"added", "removed"} and not state.leaf.data:
        return "emptied"
    is_plain = True not in change.encrypted
    if only_encrypted and is_plain:
        return "uncovered"
    if change.change == "retyped":
        return "relabelled"
    if change.change == "moved":
        return "renamed"
    if not is_plain:
        return None
    if change.change == "added":
        return "renamed" if gone[state.leaf.data] else "shifted"
    return "shifted" if change.change == "changed" else None


def _plain_states(comparison: Comparison, kind: str) -> Iterator[State]:
    for change in comparison.changes:
        state = _state(change, comparison) if change.change == kind else None
        if state is not None and state.token is None:
            yield state


def _state(change: Change, comparison: Comparison) -> State | None:
    """The changed leaf, as it is in head; in base if it is gone."""
    if change.change == "comment":
        return None
    place: Place = (change.document, change.path)
    if change.change != "removed":
        return comparison.states.head.get(place)
    return next((state for state in comparison.states.base.values() if state.own_place == place), None)


def _comments(base: Side, head: Side) -> Iterator[BlindEdit]:
    """Comments as the whole file has them: which container one belongs to is a guess that another layout changes."""
    old, new = _by_text(base), _by_text(head)
    lost = [comment for text, comment in old.items() if text not in new]
    gained = tuple(comment for text, comment in new.items() if text not in old)
    secret = tuple(comment for comment in lost if base.token(comment))
    plain = tuple(comment for comment in lost if not base.token(comment))
    replaced = tuple(comment for comment in gained if any(comment.parent.path == one.parent.path for one in secret))
    if replaced:
        yield BlindEdit("secret-comment-replaced", "head", replaced)
    elif secret:
        yield BlindEdit("secret-comment-removed", "base", secret)
    if gained != replaced:
        yield BlindEdit("comment-added", "head", tuple(comment for comment in gained if comment not in replaced))
    elif plain:
        yield BlindEdit("comment-removed", "base", plain)


def _by_text(side: Side) -> dict[tuple[str, int], Comment]:
    """Comments by their text and how often it stood there before."""
    found: dict[tuple[str, int], Comment] = {}
    count: Counter[str] = Counter()
    for item in side.document.items if side.document else ():
        if isinstance(item, Comment):
            text = item.value.strip()
            found[text, count[text]] = item
            count[text] += 1
    return found


def _metadata(base: Side, head: Side) -> Iterator[BlindEdit]:
    if base.metadata is None or head.metadata is None:
        return
    if base.metadata.selection != head.metadata.selection and coverage(base) == coverage(head):
        yield BlindEdit("selection")
    old = {key.enc: key.id for key in base.metadata.master_keys() if key.enc}
    new = {key.enc: key.id for key in head.metadata.master_keys() if key.enc}
    relabelled = tuple(new[enc] for enc in new if enc in old and old[enc] != new[enc])
    if relabelled:
        yield BlindEdit("recipient-relabelled", recipients=relabelled)
    elif old == new and list(old) != list(new):
        moved = tuple(name for name, other in zip(new.values(), old.values(), strict=True) if name != other)
        yield BlindEdit("recipients-reordered", recipients=moved)


def coverage(side: Side) -> frozenset[Place]:
    """The places of the values that the file's own rule encrypts; empty ones, which stay as they are, left out."""
    if side.metadata is None or side.document is None:
        return frozenset()
    encrypts = side.metadata.selection.walk(lenient=True).encrypts
    items = [(item, encrypts(item)) for item in side.document.items]
    return frozenset(
        (item.parent.document, item.path)
        for item, selected in items
        if selected and isinstance(item, Leaf) and item.data
    )
