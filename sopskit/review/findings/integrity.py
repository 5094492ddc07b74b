"""MAC, CRY and GIT: whether the file is what a reader of it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import Subject


def mac02(subject: Subject) -> Iterator[Finding]:
    """A value that the MAC covers changed, and the MAC did not."""
    if subject.comparison.stale:
        yield Finding(
            "MAC02",
            "block",
            "the MAC is older than the file",
            "a value that the MAC covers changed, the MAC did not: decrypting will fail; a formatter, a bot or a hand wrote it",
            "restore the file, and make the change with sopskit edit or set",
            subject.path,
        )


def mac03(subject: Subject) -> Iterator[Finding]:
    """There is no MAC."""
    head = subject.sides.head
    if head is not None and head.metadata is not None and not head.metadata.mac:
        yield Finding(
            "MAC03",
            "block",
            "the MAC is missing",
            "nothing vouches for the values of this file: decrypting will fail",
            "restore the mac line from the file's history",
            subject.path,
        )


def cry02(subject: Subject) -> Iterator[Finding]:
    """A new data key. Without a key nobody can tell a rotation from other values written by a stranger."""
    if subject.comparison.data_key == "new":
        yield Finding(
            "CRY02",
            "medium",
            "a new data key",
            "every value is encrypted anew; that they are the old ones can only be seen with a key",
            "let somebody who can decrypt the file approve the change",
            subject.path,
            needs_key=True,
        )


def git04(subject: Subject) -> Iterator[Finding]:
    """An encrypted file became something else, a symbolic link for instance."""
    sides = [side for side in subject.sides if side is not None and side.metadata is not None]
    if subject.status == "type-changed" and sides:
        yield Finding(
            "GIT04",
            "high",
            "no ordinary file any more",
            "an encrypted file was replaced by a symbolic link or a submodule, or the other way round",
            "make sure that this is meant",
            subject.path,
        )
