"""What was done to a file, as far as it can be seen without a key.

Every row can be imitated by somebody who cannot read the file, so the words are "looks like".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.review.model import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.review.compare import Comparison
    from sopskit.review.model import FileStatus
    from sopskit.review.sides import Side

MOVES: dict[FileStatus, str] = {
    "renamed": "renamed, nothing in it changed",
    "copied": "copied, nothing in it changed",
    "mode-changed": "only the file mode changed",
}
VALUE_CHANGES = frozenset(("added", "removed", "changed", "moved", "retyped", "encrypted", "decrypted", "reencrypted"))
SHORT = 12  # characters of a commit id


class Moved(NamedTuple):
    """Where a new file was before, and what it was there (see `moves`)."""

    path: str
    side: Side


class Clues(NamedTuple):
    """What the rest of the repository tells about a file.

    `older`: the commit that left this very content at this path before. `shares`: another file of base with the same
    wrapped data key. `parents`: the file in the parents of the merge commit that wrote head's version. `moved`: the file of
    base that is this one; it counts where no encrypted file was at this path, or was renamed to it.
    """

    older: str | None = None
    shares: str | None = None
    parents: Sequence[Side] = ()
    moved: Moved | None = None


NO_CLUES = Clues()


def unchanged(status: FileStatus) -> Operation:
    """The operation on a file whose bytes are the same on both sides."""
    return Operation("unchanged", "consistent", MOVES.get(status, "nothing in it changed"))


def classify(
    base: Side | None, head: Side | None, comparison: Comparison, clues: Clues = NO_CLUES
) -> tuple[Operation, ...]:
    """The operations that a comparison looks like: one, or `updatekeys` and another."""
    if base is None and head is None:
        return ()
    if clues.shares is not None:
        args = {"other": clues.shares}
        copy = Operation("copy", "consistent", "carries the wrapped data key of {other}: copied from it", args)
        return (copy,)
    if clues.moved is not None and head is not None and (base is None or base.metadata is None):
        return _moved(clues.moved, head)
    if base is None or head is None:
        return (_one_side(head is not None, head or base),)
    if base.metadata is None and head.metadata is None:
        return (Operation("plain-edit", "consistent", "plain text before and after"),)
    if clues.older is not None:
        return (_revert(clues.older),)
    if base.metadata is None:
        return (
            Operation("encrypt", "consistent", "was plain text, is encrypted now; the history keeps the plain text"),
        )
    if head.metadata is None:
        return (Operation("decrypt", "consistent", "was encrypted, is plain text now"),)
    if is_textual_merge(head, clues.parents):
        return (Operation("merge", "consistent", "lines of two branches were put together by a merge without sops"),)
    return _both_encrypted(base, head, comparison)


def _moved(moved: Moved, head: Side) -> tuple[Operation, ...]:
    """What was done to a file while it was moved."""
    from sopskit.review.compare import compare

    told = classify(moved.side, head, compare(moved.side, head))
    return tuple(
        one._replace(explanation=f"moved here from {{old}}: {one.explanation}", args={**one.args, "old": moved.path})
        for one in told
    )


def is_textual_merge(head: Side, parents: Sequence[Side]) -> bool:
    """Whether a merged file has values of both parents, and the MAC of one of them, which cannot fit."""
    if len(parents) < 2 or head.metadata is None:
        return False
    macs = [parent.metadata.mac for parent in parents if parent.metadata]
    if head.metadata.mac not in macs:
        return False
    tokens = [_texts(parent) for parent in parents]
    own = _texts(head)
    return all(own != other for other in tokens) and own <= frozenset().union(*tokens)


def _texts(side: Side) -> frozenset[tuple[tuple[str | int, ...], str]]:
    """Leaves with their texts: tokens, or what stands there in plain."""
    leaves = side.document.leaves() if side.document else ()
    return frozenset((leaf.path, leaf.value) for leaf in leaves)


def _revert(commit: str) -> Operation:
    return Operation(
        "revert", "consistent", "the content that commit {commit} had left here before", {"commit": commit[:SHORT]}
    )


def _one_side(created: bool, side: Side | None) -> Operation:
    kind = "encrypted" if side is not None and side.metadata is not None else "plain"
    if created:
        return Operation("create", "consistent", f"a new file, {kind}")
    return Operation("delete", "consistent", f"the file is gone; it was {kind}")


def _both_encrypted(base: Side, head: Side, comparison: Comparison) -> tuple[Operation, ...]:
    if base.metadata is None or head.metadata is None:
        raise AssertionError("both sides are encrypted")
    count = sum(change.change in VALUE_CHANGES for change in comparison.changes)
    args: dict[str, int | str] = {"changed": count, "values": count + comparison.unchanged}
    same_mac = base.metadata.mac == head.metadata.mac
    rewrapped = base.wrapped_keys() != head.wrapped_keys()
    if comparison.data_key == "new":
        return (_rekeyed(comparison, args),)
    if same_mac:
        return _same_mac(base, head, comparison, args, rewrapped=rewrapped)
    if comparison.data_key == "unknown":
        return (Operation("unknown", "ambiguous", "no encrypted value is on both sides to compare"),)
    edit = Operation("edit", "consistent", "looks like an edit by a reader of the file", args)
    return (_updatekeys(), edit) if rewrapped else (edit,)


CONFIRMED = {
    "rotate": "a new data key over the old values, by somebody who can read the file",
    "reencrypt": "decrypted and encrypted again by somebody who can read the file",
}


def confirmed(operation: Operation) -> Operation:
    """The operation once a private key has opened both sides, and the author is known to be a reader."""
    if operation.id not in CONFIRMED or "old" in operation.args:  # what a moved file was before was not opened
        return operation
    return operation._replace(confidence="consistent", explanation=CONFIRMED[operation.id])


def _updatekeys() -> Operation:
    return Operation(
        "updatekeys", "consistent", "looks like updatekeys: the same data key, wrapped for other recipients"
    )


def _rekeyed(comparison: Comparison, args: dict[str, int | str]) -> Operation:
    if comparison.tokens.same_iv:
        return Operation(
            "rotate",
            "ambiguous",
            "looks like a new data key over unchanged values; without a key, values written by somebody else look the same",
            args,
        )
    return Operation(
        "reencrypt",
        "ambiguous",
        "everything is encrypted anew: decrypted and encrypted again, or replaced by somebody who cannot read it",
        args,
    )


def _same_mac(
    base: Side, head: Side, comparison: Comparison, args: dict[str, int | str], *, rewrapped: bool
) -> tuple[Operation, ...]:
    by_hand = Operation("hand-edit", "consistent", "changed without sops: the MAC is the old one", args)
    if rewrapped:
        return (_updatekeys(), by_hand) if args["changed"] else (_updatekeys(),)
    if args["changed"] or base.rules() != head.rules() or base.recipients() != head.recipients():
        return (by_hand,)
    if comparison.changes:
        return (Operation("hand-edit", "consistent", "only comments changed, without sops", args),)
    return (Operation("format-only", "consistent", "the same values in another layout"),)
