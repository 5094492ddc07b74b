"""ENC07: plain text that is gone from the files and stays in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.errors import FormatError
from sopskit.review.findings.keymaterial import lines_with_keys
from sopskit.review.findings.plaintext import (
    SUFFIXES,
    demands,
    in_utf8,
    is_steering,
    naming_rules,
    plain_secrets,
    recoded_side,
)
from sopskit.review.findings.policy import ChangePolicy, Hit
from sopskit.review.findings.secrettext import find_plain
from sopskit.review.sides import looks_encrypted, read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.sides import Side

MOST_READ = 5_000  # blobs of the branch


def enc07(change: ChangeSet) -> Iterator[Hit]:
    """A commit of the branch, or base, has a file's secrets in plain text; head has not."""
    found: set[str] = set()
    for commit, path, blob in _versions(change):
        if path in found:
            continue
        what = plaintext(change, path, change.read_blob(blob))
        if what is not None and plaintext(change, path, change.trees.head.data(path)) is None:
            found.add(path)
            yield Hit(
                "commit {commit} has {what} in this file in plain text, and the history keeps it",
                {"commit": commit[:12], "what": what},
                path=path,
                commit=commit,
            )
    for subject in change.subjects:
        if subject.path not in found:
            yield from _in_base(change, subject)


def _versions(change: ChangeSet) -> Iterator[tuple[str, str, str]]:
    """Commit, path and blob of what the commits of the branch wrote and head has not, each blob once, oldest first."""
    seen: set[tuple[str, str]] = set()
    for commit in change.commits.commits if change.commits else ():
        for item in commit.changes:
            if item.head is None or not item.head.is_file:
                continue
            path, blob = path_text(item.head.path), item.head.id
            now, before = change.trees.head.entries.get(path), change.trees.base.entries.get(path)
            if (path, blob) in seen or blob in {now.id if now else None, before.id if before else None}:
                continue
            if len(seen) >= MOST_READ:
                return
            seen.add((path, blob))
            yield commit.id, path, blob


def plaintext(change: ChangeSet, path: str, data: bytes | None) -> str | None:
    """What of a file ought not to be readable, in words; None if nothing is seen."""
    if not data:
        return None
    if next(lines_with_keys(data), None) is not None:
        return "a private key"
    try:
        side: Side | None = read_side(path, data)
    except FormatError:
        side = recoded_side(path, data)
    if side is None:
        return "the data of a Secret" if _is_secret_text(path, in_utf8(data)) else None
    if side.metadata is not None:
        return "values that its rule covers" if next(side.uncovered(), None) is not None else None
    if not is_steering(path) and any(demands(rule, side) for rule in naming_rules(change, path)):
        return "values that a creation rule covers"
    if side.document is not None and next(plain_secrets(side.document, side), None) is not None:
        return "the data of a Secret"
    return None


def _is_secret_text(path: str, data: bytes) -> bool:
    """Whether a file that cannot be read looks like a plain Secret, as ENC04 sees it."""
    return path.endswith(SUFFIXES) and not looks_encrypted(data) and find_plain(data) is not None


def _in_base(change: ChangeSet, subject: Subject) -> Iterator[Hit]:
    """A file that was plain before this change, and is encrypted or gone after it."""
    base, head = subject.sides
    if base is None or base.metadata is not None or subject.status in {"added", "copied"}:
        return
    path = subject.old_path or subject.path
    if head is None:
        lost = subject.status == "deleted" and plaintext(change, path, subject.data.base) is not None
    else:
        lost = head.metadata is not None and any(one.change == "encrypted" for one in subject.comparison.changes)
    if not lost:
        return
    versions = change.history.versions(path)
    yield Hit(
        "the file was plain text before this change, and the history keeps what stood there",
        severity="medium",
        remedy="change the values: whoever could read the repository could read them",
        path=subject.path,
        side="base",
        commit=versions[0].commit if versions else None,
    )


POLICIES = (
    ChangePolicy(
        "ENC07",
        "high",
        "plain text in the history",
        why="A secret that was committed once is in every clone that fetched the branch, and in the forge's cache of the pull "
        "request. Encrypting or deleting the file in a later commit changes nothing about that.",
        remedy="change the values, and squash or rewrite the branch before it is merged",
        find=enc07,
        check=True,
    ),
)
