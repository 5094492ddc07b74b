"""MAC: whether the file is what a reader of it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import EncryptedValueError
from sopskit.review.blind import coverage, has_same_mac, shadows
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.review.findings.spelling import key_list
from sopskit.review.findings.writers import likely_writer
from sopskit.sops.values import EncryptedValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Document, Leaf
    from sopskit.review.compare import Comparison
    from sopskit.review.findings.subject import Subject
    from sopskit.review.sides import Side
    from sopskit.sops.selection import Selection


def mac01(subject: Subject) -> Iterator[Hit]:
    """With a private key: the MAC does not fit."""
    if subject.mac.head == "invalid":
        yield Hit("opened with a private key, the file is not what its MAC says: sops refuses to decrypt it")


def mac02(subject: Subject) -> Iterator[Hit]:
    """The MAC cannot be right, as can be seen without a key."""
    base, head = subject.sides
    if base is None or head is None or head.document is None:
        return
    strayed = list(_strayed(base, head))
    if strayed:
        message = "{keys}: an encrypted value stands under a key for which it was not encrypted: it will not open"
        yield _hit(head.document, strayed, message)
    elif subject.comparison.stale:
        found = list(_changed_leaves(subject.comparison))
        yield _hit(head.document, found, f"{_subject_of(found)}: decrypting will fail; {likely_writer(subject)}")
    elif has_same_mac(base, head) and _selection(base) != _selection(head) and coverage(base) != coverage(head):
        yield Hit("the rule in the file covers other values than before, the MAC is the old one: decrypting will fail")


def _selection(side: Side) -> Selection | None:
    return side.metadata.selection if side.metadata is not None else None


def _subject_of(found: list[Leaf]) -> str:
    return "{keys} changed, the MAC did not" if found else "what the MAC covers changed, the MAC did not"


def _changed_leaves(comparison: Comparison) -> Iterator[Leaf]:
    for change in comparison.changes:
        state = comparison.states.head.get((change.document, change.path))
        if state is not None and change.change != "comment":
            yield state.leaf


def _strayed(base: Side, head: Side) -> Iterator[Leaf]:
    """Leaves of head whose token base has under other keys only. Its path is part of what a token authenticates."""
    homes: dict[EncryptedValue, set[str]] = {}
    for leaf in base.document.leaves() if base.document else ():
        token = base.token(leaf)
        if token is not None:
            homes.setdefault(token, set()).add(leaf.aad)
    for leaf in head.document.leaves() if head.document else ():
        token = head.token(leaf)
        if token is not None and leaf.aad not in homes.get(token, {leaf.aad}):
            yield leaf


def mac03(subject: Subject) -> Iterator[Hit]:
    """There is no MAC, or it is none that could open."""
    base, head = subject.sides
    if head is None or head.metadata is None:
        return
    if not head.metadata.mac:
        yield Hit("there is no MAC: nothing vouches for the values of this file, and decrypting will fail")
        return
    try:
        EncryptedValue.parse(head.metadata.mac)
    except EncryptedValueError:
        yield Hit("the MAC is no ENC[...] token: decrypting will fail")
        return
    if base is None or base.metadata is None or not has_same_mac(base, head):
        return
    if base.metadata.aad != head.metadata.aad:
        yield Hit("lastmodified changed, the MAC did not: it opens only with the time that it was written with")


def mac04(subject: Subject) -> Iterator[Hit]:
    """`mac_only_encrypted` came or went."""
    base, head = subject.sides
    if base is None or head is None or base.metadata is None or head.metadata is None or head.document is None:
        return
    if base.metadata.mac_only_encrypted == head.metadata.mac_only_encrypted:
        return
    if not head.metadata.mac_only_encrypted:
        yield Hit("mac_only_encrypted is gone: the MAC covers plain values too from now on")
        return
    plain = [leaf for leaf in head.document.leaves() if leaf.data and head.token(leaf) is None]
    message = "mac_only_encrypted is new: anybody can change plain values from now on unnoticed"
    yield _hit(head.document, plain, f"{message} ({{keys}})" if plain else message)


def mac06(subject: Subject) -> Iterator[Hit]:
    """An empty entry of `stringData` over one of `data`, which was not there before."""
    base, head = subject.sides
    if head is None or head.metadata is None or head.document is None:
        return
    before = {shadow.empty.path for shadow in shadows(base.document)} if base is not None and base.document else set()
    found = [shadow.empty for shadow in shadows(head.document) if shadow.empty.path not in before]
    if found:
        yield _hit(head.document, found, "{keys} is empty, wins over the entry of the same name in data, and blanks it")


def mac07(subject: Subject) -> Iterator[Hit]:
    """Metadata that sops does not know, or that was touched by hand."""
    base, head = subject.sides
    if head is None or head.metadata is None:
        return
    old = base.metadata.unknown if base is not None and base.metadata is not None else {}
    odd = [name for name, value in head.metadata.unknown.items() if name not in old or old[name] != value]
    if odd:
        yield Hit(
            "fields in the metadata that sops does not know: {fields}", {"fields": key_list((name,) for name in odd)}
        )
    if base is None or base.metadata is None or not has_same_mac(base, head):
        return
    if base.metadata.version != head.metadata.version:
        yield Hit("the version in the metadata was changed by hand: the MAC is the old one")
    if base.wrapped_keys() == head.wrapped_keys() and _are_reordered(base, head):
        yield Hit("the fields of the metadata stand in another order, and sops wrote nothing else")


def _are_reordered(base: Side, head: Side) -> bool:
    old, new = _fields(base.document), _fields(head.document)
    return [name for name in old if name in new] != [name for name in new if name in old]


def _fields(document: Document | None) -> list[str]:
    tree = document.block.tree if document is not None and document.block is not None else None
    return list(tree) if isinstance(tree, dict) else []


def _hit(document: Document, leaves: list[Leaf], message: str) -> Hit:
    if not leaves:
        return Hit(message)
    return Hit(message, {"keys": key_list(leaf.path for leaf in leaves)}, **place(document, leaves[0]))


POLICIES = (
    FilePolicy(
        "MAC01",
        "block",
        "the MAC does not fit",
        why="The MAC is what a reader of the file put over its values. If it does not fit, somebody changed the file without sops, "
        "or merged it as text. sops and sopskit refuse to decrypt it; Flux does not look, and applies it.",
        remedy="restore the file from Git and make the change with sopskit edit or set; if every value is known and wanted, "
        "write a new MAC with sopskit rotate -i --ignore-mac FILE",
        find=mac01,
        key="yes",
        check=True,
    ),
    FilePolicy(
        "MAC02",
        "block",
        "the MAC is older than the file",
        why="The MAC covers the values of the file. One of them changed and the MAC is byte for byte the old one, so it cannot be "
        "right. Bots that raise image tags, formatters and merges are the usual cause. Decrypting fails, but Flux does not look "
        "at the MAC and applies the change.",
        remedy="restore the file, and make the change with sopskit edit or set; where a bot has to write plain values, give the "
        "rule mac_only_encrypted: true",
        find=mac02,
        check=True,
    ),
    FilePolicy(
        "MAC03",
        "block",
        "the MAC is missing or cannot open",
        why="Without a MAC nothing vouches for the values of the file. The MAC is bound to the time in lastmodified: if only one of "
        "the two was taken from another version, it cannot be opened.",
        remedy="restore mac and lastmodified together from the file's history",
        find=mac03,
        check=True,
    ),
    FilePolicy(
        "MAC04",
        "high",
        "the MAC covers other values than before",
        why="With mac_only_encrypted plain values are not covered by the MAC: whoever can write to the repository can change "
        "names, namespaces and settings in the file, and nothing will notice.",
        remedy="make sure that this is meant; otherwise take mac_only_encrypted out of the rule, decrypt the file and encrypt it "
        "again",
        find=mac04,
        check=True,
    ),
    FilePolicy(
        "MAC06",
        "block",
        "an empty entry blanks a secret",
        why="Kubernetes lets stringData win over data. A key of stringData without a value needs no private key to be written and "
        "leaves the MAC valid, and the cluster gets an empty password in the place of the encrypted one.",
        remedy="take the empty entry out of stringData; to empty the value on purpose, change the entry in data",
        find=mac06,
        check=True,
    ),
    FilePolicy(
        "MAC07",
        "medium",
        "metadata that sops did not write",
        why="The metadata of a file is not covered by its MAC. Fields that sops does not know, or fields that changed while sops "
        "wrote nothing, come from a hand or from another program.",
        remedy="restore the sops block from the file's history",
        find=mac07,
        check=True,
    ),
)
