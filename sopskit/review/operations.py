"""What was done to a file, as far as it can be seen without a key.

Every row can be imitated by somebody who cannot read the file, so the words are "looks like".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.model import Operation

if TYPE_CHECKING:
    from sopskit.review.compare import Comparison
    from sopskit.review.model import FileStatus
    from sopskit.review.sides import Side

MOVES: dict[FileStatus, str] = {
    "renamed": "renamed, nothing in it changed",
    "copied": "copied, nothing in it changed",
    "mode-changed": "only the file mode changed",
}
VALUE_CHANGES = frozenset(("added", "removed", "changed", "retyped", "encrypted", "decrypted", "reencrypted"))


def unchanged(status: FileStatus) -> Operation:
    """The operation on a file whose bytes are the same on both sides."""
    return Operation("unchanged", "consistent", MOVES.get(status, "nothing in it changed"))


def classify(base: Side | None, head: Side | None, comparison: Comparison) -> tuple[Operation, ...]:
    """The operations that a comparison looks like: one, or `updatekeys` and another."""
    if base is None and head is None:
        return ()
    if base is None or head is None:
        return (_one_side(head is not None, head or base),)
    if base.metadata is None and head.metadata is None:
        return (Operation("plain-edit", "consistent", "plain text before and after"),)
    if base.metadata is None:
        return (
            Operation("encrypt", "consistent", "was plain text, is encrypted now; the history keeps the plain text"),
        )
    if head.metadata is None:
        return (Operation("decrypt", "consistent", "was encrypted, is plain text now"),)
    return _both_encrypted(base, head, comparison)


def _one_side(created: bool, side: Side | None) -> Operation:
    kind = "encrypted" if side is not None and side.metadata is not None else "plain"
    if created:
        return Operation("create", "consistent", f"a new file, {kind}")
    return Operation("delete", "consistent", f"the file is gone; it was {kind}")


def _both_encrypted(base: Side, head: Side, comparison: Comparison) -> tuple[Operation, ...]:
    if base.metadata is None or head.metadata is None:
        raise AssertionError("both sides are encrypted")
    count = sum(change.change in VALUE_CHANGES for change in comparison.changes)
    args: dict[str, int | str] = {"changed": count}
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
