"""GIT01 to GIT03: what a merge left behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit import manifest
from sopskit.document import format_for_path, parse
from sopskit.errors import DocumentSyntaxError, FormatError, MetadataError
from sopskit.review.compare import compare
from sopskit.review.findings.plaintext import STEERING, SUFFIXES
from sopskit.review.findings.policy import ChangePolicy, FilePolicy, Hit, place
from sopskit.review.sides import looks_encrypted, read_side
from sopskit.review.trees import path_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sopskit.document import Leaf
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.model import Severity
    from sopskit.review.sides import Side

# git's marks stand at the start of a line; text that was put into a value may be indented
OPEN, MIDDLE, CLOSE = (re.compile(mark) for mark in (rb"[ \t]*<{7} \S", rb"[ \t]*={7}\r?$", rb"[ \t]*>{7} \S"))
MARKS = (b"<" * 7 + b" ", b">" * 7 + b" ")
# how the readers of the formats say that a key, or the metadata, is there twice
DUPLICATES = (
    "in its mapping already",
    "stands twice",
    "two sops entries",
    "duplicate sops entry",
    "duplicate metadata",
)


def git01(subject: Subject) -> Iterator[Hit]:
    """The marks of a merge conflict stand in a file that sopskit or the cluster reads."""
    data, plain, head = subject.data.head, subject.plain.head, subject.sides.head
    if data is None or not _is_ours(subject):
        return
    line = conflict_line(data)
    if line is not None:
        yield Hit("a merge conflict was committed unresolved", line=line)
    elif plain is not None and head is not None and head.document is not None:
        for leaf in head.document.leaves():
            value = plain.get((leaf.parent.document, leaf.path))
            if value is not None and head.token(leaf) and conflict_line(value.data) is not None:
                yield Hit("an encrypted value holds an unresolved merge conflict", **place(head.document, leaf))


def _is_ours(subject: Subject) -> bool:
    """Whether it is a file of SOPS's formats, or one that steers what is encrypted and applied."""
    data = subject.data.head or b""
    name = subject.path.rpartition("/")[2]
    return name.endswith(SUFFIXES) or name in STEERING or looks_encrypted(data)


def conflict_line(data: bytes) -> int | None:
    """The line, 1-based, of the first mark of a conflict; None without one.

    At the start of a line the opening or the closing mark is enough, since half a conflict is left when only the other
    mark was deleted. Indented, all three have to be there: such lines occur in texts about Git.
    """
    if not any(mark in data for mark in MARKS):
        return None
    opened: int | None = None
    middle = False
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith(MARKS):
            return opened or number
        if OPEN.match(line):
            opened, middle = number, False
        elif opened is not None and MIDDLE.fullmatch(line):
            middle = True
        elif middle and CLOSE.match(line):
            return opened
    return None


def git02(change: ChangeSet) -> Iterator[Hit]:
    """A merge took the MAC of one parent, and values of both."""
    for commit in change.commits.commits if change.commits else ():
        if len(commit.parents) < 2:
            continue
        for item in commit.changes:
            path = path_text(item.path)
            subject = change.by_path.get(path)
            head = subject.sides.head if subject else None
            if head is None or head.metadata is None or item.head is None:
                continue
            merged = _read(path, change.read_blob(item.head.id))
            if merged is None or merged.metadata is None or merged.metadata.mac != head.metadata.mac:
                continue  # mended since
            if _mixes(change, commit.parents, path, merged):
                message = "both sides of a merge changed this file, and its MAC is that of one of them"
                yield Hit(message, path=path, commit=commit.id)


def _mixes(change: ChangeSet, parents: Iterable[str], path: str, merged: Side) -> bool:
    """Whether a merged file has values of several parents under the MAC of one."""
    sides = [_read(path, change.read_at(parent, path)) for parent in parents]
    return all(sides) and any(compare(side, merged).stale for side in sides)


def _read(path: str, data: bytes | None) -> Side | None:
    try:
        return None if data is None else read_side(path, data)
    except FormatError:
        return None


def git03(subject: Subject) -> Iterator[Hit]:
    """A key, a document or the metadata stands in the file twice."""
    data, head = subject.data.head, subject.sides.head
    if data is None:
        return
    if head is None:
        yield from _refused(subject.path, data)
        return
    if head.document is None:
        return
    seen: set[object] = set()
    for leaf in head.document.leaves() if head.metadata else ():
        where = (leaf.parent.document, leaf.path)
        if where in seen:  # the readers let an encrypted dotenv file through
            yield Hit("a key stands twice in the file", **place(head.document, leaf))
        seen.add(where)
    known = {} if subject.status == "copied" else _identities(subject.sides.base)
    for identity, leaves in _identities(head).items():
        if len(leaves) > 1:
            severity: Severity | None = "medium" if len(known.get(identity, ())) > 1 else None
            args = {"kind": identity[1], "name": identity[3]}
            message = "{kind} {name} stands twice in the file: kustomize refuses it, or the last one wins"
            yield Hit(message, args, severity, **place(head.document, leaves[1]))


def _refused(path: str, data: bytes) -> Iterator[Hit]:
    """Whether a file of ours cannot be read because something stands in it twice."""
    if not (looks_encrypted(data) or (b"apiVersion" in data and b"kind" in data)) or conflict_line(data) is not None:
        return
    try:
        parse(data, format_for_path(path), encrypted=True)
    except (DocumentSyntaxError, MetadataError) as error:
        if any(words in error.message for words in DUPLICATES):
            where = error.location
            yield Hit(
                "a key, or the sops block, stands twice in the file: its readers refuse it, or take one of the two",
                line=where.line if where else None,
                key=where.key if where else None,
            )
    except FormatError:
        return


def _identities(side: Side | None) -> dict[tuple[str, str, str, str], list[Leaf]]:
    """The `kind` leaves of the objects that have a readable name, by API version, kind, namespace and name."""
    found: dict[tuple[str, str, str, str], list[Leaf]] = {}
    if side is None or side.document is None:
        return found
    for obj in manifest.objects(side.document):
        top = {leaf.path[len(obj.path)]: leaf for leaf in obj.leaves if len(leaf.path) == len(obj.path) + 1}
        if "apiVersion" not in top or "kind" not in top:
            continue  # merged or left out, so that there is nothing to point at
        identity = (top["apiVersion"].value, *obj.identity)
        if obj.identity.name and not any(part.startswith("ENC[") for part in identity):
            found.setdefault(identity, []).append(top["kind"])
    return found


POLICIES = (
    FilePolicy(
        "GIT01",
        "block",
        "an unresolved merge conflict",
        why="Git wrote both versions into the file, between marks, for somebody to choose from. Nobody did. The file cannot be "
        "read, or its value holds both versions and the marks.",
        remedy="take one version of the whole file, and make the other change again with sopskit edit or set",
        find=git01,
        key="helps",
        check=True,
    ),
    ChangePolicy(
        "GIT02",
        "block",
        "a merge of two encrypted versions",
        why="Git merged an encrypted file line by line. The MAC covers all values and is that of one side, so it cannot fit "
        "the values of both: decrypting will fail.",
        remedy="take one parent's version of the whole file, and make the other's change again with sopskit edit or set",
        find=git02,
    ),
    FilePolicy(
        "GIT03",
        "block",
        "something stands twice in a file",
        why="A merge can leave the same key or the same object twice, each with another value. Programs differ in which one "
        "they take, so what the reviewer sees need not be what the cluster gets.",
        remedy="delete one of the two",
        find=git03,
        check=True,
    ),
)
