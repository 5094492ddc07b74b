"""Whether a MAC can still be right, seen without a key.

The MAC covers the values of all leaves in the order of the file, one after the other without a separator (SOPS section 5).
If its text is the old one, so must be that sequence. Empty values and where one value ends and the next begins leave no
trace in it, nor do comments, types, metadata and the keys of plain values: such edits are findings of their own. The keys
of an encrypted value are its additional data: under others it does not open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sopskit.review.sides import Side

COMMENT = "comment"


def is_stale(base: Side | None, head: Side | None) -> bool:
    """Whether head's MAC, the very text that base has, cannot be right for what it covers."""
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return False
    if not head.metadata.mac or base.metadata.mac != head.metadata.mac:
        return False
    if base.metadata.mac_only_encrypted != head.metadata.mac_only_encrypted:
        return True
    return covered(base) != covered(head)


def covered(side: Side) -> list[bytes | tuple[str, bytes, bytes]]:
    """What a file's MAC covers: ciphertexts with keys and IVs, and the plain bytes between them in one piece.

    Comments that stand as elements of a list are left out.
    """
    sequence: list[bytes | tuple[str, bytes, bytes]] = []
    plain: list[bytes] = []
    only_encrypted = side.metadata is not None and side.metadata.mac_only_encrypted
    for leaf in side.document.leaves() if side.document else ():
        token = side.token(leaf)
        if token is None:
            if not only_encrypted:
                plain.append(leaf.data)
            continue
        if token.type == COMMENT:
            continue
        if any(plain):
            sequence.append(b"".join(plain))
        plain.clear()
        sequence.append((leaf.aad, token.iv, token.body))
    if any(plain):
        sequence.append(b"".join(plain))
    return sequence
