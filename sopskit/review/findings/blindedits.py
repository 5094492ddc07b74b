"""MAC05: edits that the MAC does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import Leaf
from sopskit.document.model import position
from sopskit.errors import FormatError
from sopskit.review.blind import blind_edits, shadows
from sopskit.review.compare import compare
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.review.findings.spelling import key_list
from sopskit.review.findings.writers import commits_touching
from sopskit.review.model import Sides
from sopskit.review.sides import read_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from sopskit.document import Comment, Document
    from sopskit.git import TreeEntry
    from sopskit.review.blind import BlindEdit, BlindKind
    from sopskit.review.compare import Place
    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Severity
    from sopskit.review.sides import Side

SHORT = 12  # characters of a commit id
MOST_COMMITS = 20  # of a range, in which a file is looked at
IDENTITY = frozenset(("apiVersion", "kind", "metadata"))

# what is said of an edit that the MAC does not see, and how bad it is
BLIND: Mapping[BlindKind, tuple[str, Severity]] = {
    "renamed": ("{keys}: a plain value stands under another key; the MAC does not cover keys", "high"),
    "shifted": ("{keys}: bytes were moved between neighbouring plain values; the MAC covers only their sequence", "high"),
    "emptied": ("{keys}: a key with an empty value came or went; it leaves no trace in the MAC", "high"),
    "relabelled": ("{keys}: the type of a value was changed; the MAC does not cover types", "high"),
    "uncovered": ("{keys}: a plain value changed, and mac_only_encrypted leaves plain values out of the MAC", "low"),
    "comment-added": ("a comment was added or changed without sops; anybody can write one", "low"),
    "comment-removed": ("a comment was removed without sops", "low"),
    "secret-comment-removed": ("an encrypted comment was removed without sops", "medium"),
    "secret-comment-replaced": ("a plain comment stands in the place of an encrypted one; anybody can write it", "medium"),
    "selection": ("the rule that says what is encrypted was reworded: the same values today, others tomorrow", "high"),
    "recipients-reordered": ("the entries of recipients change places, and nothing else in them changed", "low"),
    "recipient-relabelled": ("{recipients}: the wrapped key of another recipient stands under this name", "high"),
}  # fmt: skip


def mac05(subject: Subject) -> Iterator[Hit]:
    """Edits that the MAC does not see, in the whole change or in one of its commits."""
    edits = blind_edits(subject.sides, subject.comparison)
    for edit in edits:
        hit = _blind_hit(edit, subject.sides)
        if hit is not None:
            yield hit
    if not edits:
        yield from _covered_up(subject)


def _blind_hit(edit: BlindEdit, sides: Sides[Side | None], commit: str | None = None) -> Hit | None:
    side = sides.base if edit.side == "base" else sides.head
    document = side.document if side is not None else None
    items = _told_items(edit, document)
    if edit.items and not items:
        return None
    message, severity = BLIND[edit.kind]
    leaves = [item for item in items if isinstance(item, Leaf)]
    if edit.kind == "uncovered" and any(leaf.path[0] in IDENTITY for leaf in leaves):
        severity = "medium"
    args: dict[str, int | str] = {"keys": key_list(leaf.path for leaf in leaves)} if leaves else {}
    if edit.recipients:
        args["recipients"] = ", ".join(edit.recipients)
    if commit is not None:
        message += "; commit {commit} did it, a later one wrote a new MAC"
        args["commit"] = commit[:SHORT]
    where = _place(document, items[0]) if items and document is not None else {}
    return Hit(message, args, severity, side=edit.side, commit=commit, **where)


def _told_items(edit: BlindEdit, document: Document | None) -> tuple[Leaf | Comment, ...]:
    """The items of an edit without those that MAC06 tells of."""
    if edit.kind != "emptied" or edit.side == "base" or document is None:
        return edit.items
    hiding = {shadow.empty for shadow in shadows(document)}
    return tuple(item for item in edit.items if item not in hiding)


def _covered_up(subject: Subject) -> Iterator[Hit]:
    """Blind edits of a commit that are still there after a reader has written a new MAC over them."""
    kept = {(change.document, change.path) for change in subject.comparison.changes if change.change != "comment"}
    now = subject.comparison.states.head
    commits = commits_touching(subject) if kept else []
    for commit, change in commits[:MOST_COMMITS] if len(commits) > 1 else ():
        sides = Sides(_side(subject, change.base), _side(subject, change.head))
        for edit in blind_edits(sides, compare(*sides)) if None not in sides else ():
            places = [place for item in edit.items if (place := _own_place(item)) in kept and place in now]
            leaves = tuple(now[place].leaf for place in places if place is not None)
            hit = _blind_hit(edit._replace(items=leaves), subject.sides, commit.id) if leaves else None
            if hit is not None:
                yield hit


def _side(subject: Subject, entry: TreeEntry | None) -> Side | None:
    data = subject.change.read_blob(entry.id) if entry is not None and entry.is_file else None
    try:
        return None if data is None else read_side(subject.path, data)
    except FormatError:
        return None


def _own_place(item: Leaf | Comment) -> Place | None:
    return (item.parent.document, item.path) if isinstance(item, Leaf) else None


def _place(document: Document, item: Leaf | Comment) -> dict[str, Any]:
    if isinstance(item, Leaf):
        return place(document, item)
    return {"document": item.parent.document, "line": position(document.text, item.marker)[0]}


POLICIES = (
    FilePolicy(
        "MAC05",
        "high",
        "an edit that the MAC does not see",
        why="The MAC covers the values one after the other: no keys, no separators, no types, no comments, no metadata. Such an edit "
        "needs no private key, and the file still decrypts without a complaint.",
        remedy="ask who made this edit and why; if it is wanted, make it with sopskit edit, so that a reader answers for it",
        find=mac05,
        check=True,
    ),
)
