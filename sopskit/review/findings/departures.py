"""RCP01 and RCP02: recipients that can no longer open a file, and what they know all the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import canonical
from sopskit.review.findings.policy import FilePolicy, Hit
from sopskit.review.findings.spelling import key_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.document import Path
    from sopskit.review.findings.subject import Subject
    from sopskit.review.sides import Side

MOST_FILES_WITH_PAST = 50  # changed files; in larger changes only those count who leave now
MOST_VERSIONS = 20
# how a recipient of age or PGP stands in a file of any format: versions without another one are not read as what they are
RECIPIENT = re.compile(rb"(?:recipient|fp)\"?\s*[:=]\s*([^\r\n]+)")


def rcp01(subject: Subject) -> Iterator[Hit]:
    """A recipient was removed, the data key stayed: they know it."""
    base, head = subject.sides
    if base is None or head is None or subject.comparison.data_key != "same":
        return
    for gone in _gone(base, head):
        message = "{recipient} can no longer open this file, but knew its data key, which is still the one in use"
        yield Hit(message, {"recipient": subject.spelled(gone)}, "high" if subject.is_protected else None)


def rcp02(subject: Subject) -> Iterator[Hit]:
    """Values that a departed recipient could read, and that are still the same."""
    base, head = subject.sides
    if base is None or head is None or base.metadata is None or head.metadata is None:
        return
    left = _gone(base, head)
    for gone in left:
        yield from _still_known(subject, gone, base)
    known = {canonical(recipient) for recipient in left}
    for old in _past(subject):
        for gone in _gone(old, head):
            if canonical(gone) not in known:
                known.add(canonical(gone))
                for hit in _still_known(subject, gone, old):
                    yield hit._replace(severity="low")


def _gone(before: Side, after: Side) -> list[str]:
    """The recipients of one side that the other has not, as they are spelled."""
    present = {canonical(recipient.id) for recipient in after.recipients()}
    spelled = {canonical(recipient.id): recipient.id for recipient in before.recipients()}
    return [spelled[name] for name in sorted(spelled) if name not in present]


def _past(subject: Subject) -> Iterator[Side]:
    """Older versions with recipients that head has not, newest first."""
    history, path = subject.change.history, subject.old_path or subject.path
    if len(subject.change.subjects) > MOST_FILES_WITH_PAST:
        return
    present = set(RECIPIENT.findall(subject.data.head or b""))
    for version in history.recent(path)[1:MOST_VERSIONS]:
        data = subject.change.read_blob(version.blob) or b""
        side = history.side(path, version) if set(RECIPIENT.findall(data)) - present else None
        if side is not None and side.metadata is not None:
            yield side


def _still_known(subject: Subject, gone: str, old: Side) -> Iterator[Hit]:
    head = subject.sides.head
    if head is None:
        return
    recipient = subject.spelled(gone)
    if any(operation.id == "reencrypt" for operation in subject.operations) and not subject.may_compare:
        message = "{recipient} could read this file; which values are still the old ones only a private key tells"
        yield Hit(message, {"recipient": recipient})
        return
    paths = _same_values(subject, old, head)
    if paths:
        words = "look like the old ones" if _is_guess(subject) else "are still the old ones"
        args: dict[str, int | str] = {"recipient": recipient, "count": len(paths), "keys": key_list(paths)}
        yield Hit(f"{{recipient}} could read {{count}} values that {words}: {{keys}}", args)


def _is_guess(subject: Subject) -> bool:
    return subject.comparison.data_key != "same" and not subject.may_compare


def _same_values(subject: Subject, old: Side, head: Side) -> list[Path]:
    """Leaves of head that stand where they stood, with the same IV, or with the same plaintext if that may be told."""
    ivs = {
        (leaf.aad, token.iv)
        for leaf in (old.document.leaves() if old.document else ())
        if (token := old.token(leaf)) is not None
    }
    changed = {
        (change.document, change.path)
        for change in subject.comparison.changes
        if change.change not in {"reencrypted", "comment"}
    }
    reads_both = subject.may_compare and None not in subject.plain and old is subject.sides.base
    found: list[Path] = []
    for leaf in head.document.leaves() if head.document else ():
        token = head.token(leaf)
        is_same = (leaf.parent.document, leaf.path) not in changed if reads_both else token is not None
        if token is not None and is_same and (reads_both or (leaf.aad, token.iv) in ivs):
            found.append(leaf.path)
    return found


POLICIES = (
    FilePolicy(
        "RCP01",
        "medium",
        "a recipient was removed, but knows the data key",
        why="updatekeys takes a recipient out of the list and leaves the data key as it is. Whoever was removed may have kept that "
        "key, and it opens every later version of the file.",
        remedy="sopskit rotate -i FILE, and change the values: the history stays readable to them",
        find=rcp01,
    ),
    FilePolicy(
        "RCP02",
        "medium",
        "values that a removed recipient knows",
        why="Neither a removal nor a rotation takes back what somebody has read. As long as a password is the old one, whoever "
        "could read it can use it.",
        remedy="change these values where they are made (the database, the provider), then write them with sopskit set",
        find=rcp02,
        key="helps",
    ),
)
