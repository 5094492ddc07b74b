"""CRY: data keys, IVs and ciphertexts. CRY05 to CRY08 are in `earlier`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document import Leaf
from sopskit.document.model import position
from sopskit.review.findings.earlier import tokens_of
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.review.findings.spelling import key_list
from sopskit.review.model import Sides
from sopskit.review.sharing import sharing_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Comment
    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Severity
    from sopskit.review.sides import Side
    from sopskit.sops.values import EncryptedValue

SHORT_KINDS = frozenset(("bool", "int"))


def cry01(subject: Subject) -> Iterator[Hit]:
    """With a key: everything is encrypted anew, and nothing is different."""
    base, head = subject.plain
    tokens = subject.comparison.tokens
    if base is None or head is None or not subject.may_compare or tokens.identical or tokens.same_iv:
        return
    if tokens.new_iv and not any(
        change.change not in {"reencrypted", "comment"} for change in subject.comparison.changes
    ):
        yield Hit("{count} values are encrypted anew, and all are what they were", {"count": tokens.new_iv})


def cry02(subject: Subject) -> Iterator[Hit]:
    """A data key that base did not have. Only a key tells whether the values are the old ones."""
    base, head = subject.sides
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return
    if subject.comparison.data_key == "same" or base.wrapped_keys() & head.wrapped_keys():
        yield from _partly_wrapped(subject, base, head)
        return
    if subject.may_compare and subject.mac.head == "valid" and subject.plain.head is not None:
        return
    message = "a new data key{where}: whether the values are the old ones, only somebody with a private key can confirm"
    if subject.plain.head is not None:
        message = (
            "a new data key{where}, and its author is not known to be a reader: a stranger can have written the values"
        )
    elif subject.comparison.data_key == "unknown":
        message = (
            "nothing of the old file is left to compare with{where}: it may be another one for the same recipients"
        )
    where = " in a protected environment" if subject.is_protected else ""
    yield Hit(message.replace("{where}", where), severity=_severity(subject))


def _partly_wrapped(subject: Subject, base: Side, head: Side) -> Iterator[Hit]:
    """Whether some wrapped keys stayed and others came, which may be for another data key.

    sops wraps the data key for all recipients or for none; sopskit wraps it for newcomers alone, and then the values that
    stayed show that it is the same one.
    """
    old, new = base.wrapped_keys(), head.wrapped_keys()
    fresh = sorted({recipient for recipient, _ in new - old})
    if not old & new or not fresh:
        return
    was_there = not {recipient for recipient, _ in old}.isdisjoint(fresh)
    if not was_there and subject.comparison.tokens.identical:
        return
    yield Hit(
        "only {recipients} got a new wrapped key: it may hold another data key than that of the others",
        {"recipients": ", ".join(map(subject.spelled, fresh))},
        "high" if was_there else None,
    )


def _severity(subject: Subject) -> Severity | None:
    """What the team says of writers counts before the protection: it says it of this very environment."""
    if subject.environment is not None and subject.environment.writers == "public-key":
        return "low"
    return "high" if subject.is_protected else None


def cry03(subject: Subject) -> Iterator[Hit]:
    """Another file has the same wrapped data key."""
    copied = subject.status == "copied"  # base is the original then
    sides = Sides(None, subject.sides.head) if copied else subject.sides
    is_new = sides.base is None or subject.comparison.data_key == "new"
    others = sharing_files(subject.change, subject.path, sides) if is_new else []
    others = [other for other in others if copied or other != subject.old_path]
    if others:
        args: dict[str, int | str] = {"other": others[0], "count": len(others) - 1}
        yield Hit("shares its data key with {other}" + (" and {count} other files" if others[1:] else ""), args)


def cry04(subject: Subject) -> Iterator[Hit]:
    """One IV, two ciphertexts, one data key: what the two hide can be computed from each other."""
    head = subject.sides.head
    if head is None or head.document is None or head.metadata is None:
        return
    seen: dict[bytes, EncryptedValue] = {}
    if subject.comparison.data_key == "same" and subject.sides.base is not None:
        seen.update((token.iv, token) for _, token in tokens_of(subject.sides.base))
    for item, token in tokens_of(head):
        other = seen.setdefault(token.iv, token)
        if other.body != token.body:
            yield _at(head, item, "{keys}: its IV stands at another ciphertext of the same data key")
            return


def _at(side: Side, item: Leaf | Comment, message: str) -> Hit:
    if side.document is None:
        raise AssertionError("a token stands in a document")
    if isinstance(item, Leaf):
        return Hit(message, {"keys": key_list([item.path])}, **place(side.document, item))
    line = position(side.document.text, item.marker)[0]
    return Hit(message, {"keys": "a comment"}, document=item.parent.document, line=line)


def cry09(subject: Subject) -> Iterator[Hit]:
    """Values of few possibilities that are encrypted for the first time."""
    head = subject.sides.head
    if head is None or head.document is None:
        return
    before = subject.comparison.states.base
    found = [
        state.leaf
        for where, state in subject.comparison.states.head.items()
        if state.token is not None and state.type in SHORT_KINDS
        if where not in before or before[where].token is None
    ]
    if found:
        message = "{keys}: type and length of a ciphertext can be read, and tell most of such a value"
        yield Hit(message, {"keys": key_list(leaf.path for leaf in found)}, **place(head.document, found[0]))


POLICIES = (
    FilePolicy(
        "CRY01",
        "low",
        "encrypted anew, nothing changed",
        why="Every ciphertext is a new one though every value is the old one. The diff shows nothing to a reviewer, and the history "
        "of single values is lost. Decrypting and encrypting again does this; edit and set do not.",
        remedy="change files with sopskit edit or set, which leave the ciphertext of unchanged values alone",
        find=cry01,
        key="yes",
    ),
    FilePolicy(
        "CRY02",
        "medium",
        "a new data key",
        why="Recipients are public, so anybody can write a whole file for them with values of their own. That looks like a rotation, "
        "or like decrypting and encrypting again: the IVs that a rotation keeps can be read by everybody.",
        remedy="let somebody who can decrypt the file approve the change, or run the review with a key and a known author",
        find=cry02,
        key="helps",
    ),
    FilePolicy(
        "CRY03",
        "medium",
        "a data key that two files share",
        why="A copied file keeps the data key of the original. Whoever may read one of them can read both, also after they were "
        "removed from one, and an encrypted value can be moved from one file into the other under the same key.",
        remedy="sopskit rotate -i FILE gives the copy a data key of its own",
        find=cry03,
    ),
    FilePolicy(
        "CRY04",
        "block",
        "an IV that is used twice",
        why="AES-GCM is safe only while an IV is used once under a key. With two ciphertexts of one IV, the difference of the values "
        "and the key that authenticates them can be computed. sops never writes this; a hand or a broken tool does.",
        remedy="restore the file, rotate its data key with sopskit rotate, and change the two values",
        find=cry04,
        check=True,
    ),
    FilePolicy(
        "CRY09",
        "low",
        "an encrypted value that its length gives away",
        why="The type of a value and the length of its ciphertext can be read by everybody: a boolean of four bytes is true, one of "
        "five is false. Encryption hides nothing there, and makes the file harder to review.",
        remedy="leave such values in plain text by the rule, or make them long texts",
        find=cry09,
    ),
)
