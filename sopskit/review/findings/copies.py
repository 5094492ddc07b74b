"""ENC05: the plain text of an encrypted file, committed beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit.document import parse
from sopskit.errors import FormatError
from sopskit.review.findings.plaintext import is_committed
from sopskit.review.findings.policy import ChangePolicy, Hit
from sopskit.review.sides import is_empty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.document import Document, Format
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.sides import Side

DECRYPTED = frozenset(("dec", "decrypted", "plain", "plaintext", "cleartext", "unencrypted", "edited"))
ENCRYPTED = frozenset(("enc", "encrypted", "sops", "age"))
BACKUP = frozenset(("bak", "backup", "orig", "old", "tmp", "save", "rej"))
FORMATS = frozenset(("yaml", "yml", "json", "env", "ini", "txt"))
# `secrets-decrypted.yaml`, `decrypted_secrets.yaml`, and the counter of `FILE.edited.2`
AFFIX = re.compile(r"^(?:decrypted|plaintext)[-_]|[-_](?:decrypted|plaintext|encrypted)$|~$")
COUNTER = re.compile(r"\.(edited)\.\d+$")


def enc05(change: ChangeSet) -> Iterator[Hit]:
    """A plain file whose name or keys say that it is an encrypted one, opened."""
    siblings: Mapping[tuple[str, str], list[str]] | None = None
    for subject in change.subjects:
        head = subject.sides.head
        if head is None or not subject.data.head:
            continue
        siblings = _by_stem(change) if siblings is None else siblings
        if head.metadata is not None:
            yield from _left_behind(change, subject, head, siblings)
            continue
        others = siblings.get(_stem(subject.path), ())
        twin = next((path for path in others if _is_twin(change, subject.path, head, path)), None)
        if twin is not None:
            yield _hit(change, subject.path, twin)
        elif "decrypted" in subject.path.rpartition("/")[2].lower():
            yield Hit("the name says that this is a decrypted file", severity="medium", path=subject.path)


def twins(change: ChangeSet, path: str) -> list[str]:
    """The files beside an encrypted one that look like its plain text."""
    folder, encrypted = path.rpartition("/")[0], change.trees.head.side(path)
    found = []
    for other in change.trees.head.entries:
        if other == path or other.rpartition("/")[0] != folder or _stem(other) != _stem(path):
            continue
        side = change.trees.head.side(other)
        if side and encrypted and side.metadata is None and _fits(change, other, side, path, encrypted):
            found.append(other)
    return found


def _left_behind(
    change: ChangeSet, subject: Subject, head: Side, siblings: Mapping[tuple[str, str], list[str]]
) -> Iterator[Hit]:
    """A file that was there before, and now has an encrypted twin."""
    if subject.sides.base is not None:
        return
    for path in siblings.get(_stem(subject.path), ()):
        if path == subject.path or path in change.by_path or not change.trees.head.data(path):
            continue
        plain = change.trees.head.side(path)
        if plain is not None and plain.metadata is None and _fits(change, path, plain, subject.path, head):
            yield _hit(change, path, subject.path)


def _hit(change: ChangeSet, path: str, twin: str) -> Hit:
    message = "this looks like the plain text of {twin}, which is encrypted"
    remedy = None if is_committed(change, path) else "delete the copy, and name it in .gitignore"
    return Hit(message, {"twin": twin}, remedy=remedy, path=path)


def _by_stem(change: ChangeSet) -> dict[tuple[str, str], list[str]]:
    """The files of head by folder and stem, for the folders with changed files."""
    folders = {subject.path.rpartition("/")[0] for subject in change.subjects}
    found: dict[tuple[str, str], list[str]] = {}
    for path in change.trees.head.entries:
        if path.rpartition("/")[0] in folders:
            found.setdefault(_stem(path), []).append(path)
    return found


def _stem(path: str) -> tuple[str, str]:
    """A file's folder, and its name without what tells a decrypted, encrypted or kept copy, and without its format."""
    folder, _, name = path.rpartition("/")
    parts = [AFFIX.sub("", part) for part in COUNTER.sub(r".\1", name.lower()).split(".")]
    parts = [parts[0], *(part for part in parts[1:] if part not in DECRYPTED | ENCRYPTED | BACKUP)]
    while len(parts) > 1 and parts[-1] in FORMATS:
        parts.pop()
    return folder, ".".join(parts)


def _is_twin(change: ChangeSet, path: str, plain: Side, other: str) -> bool:
    if other == path:
        return False
    side = change.trees.head.side(other)
    return side is not None and side.metadata is not None and _fits(change, path, plain, other, side)


def _fits(change: ChangeSet, path: str, plain: Side, other: str, encrypted: Side) -> bool:
    """Whether a plain file is an encrypted one, opened: its name says so, or it has the same keys with values."""
    if _marks(path) & DECRYPTED or AFFIX.search(path.rpartition("/")[2].lower().partition(".")[0]):
        return True
    if encrypted.document is None or encrypted.document.format.NAME == "binary":
        return plain.document is None and bool(_marks(other) & ENCRYPTED)
    document = plain.document or _read_as(change.trees.head.data(path), encrypted.document.format)
    values = {leaf.path: leaf for leaf in document.leaves()} if document else {}
    others = encrypted.document.leaves()
    if values.keys() != {leaf.path for leaf in others}:
        return False
    return any(encrypted.token(leaf) and not is_empty(values[leaf.path]) for leaf in others)


def _read_as(data: bytes | None, format: Format) -> Document | None:
    """A file of another suffix (`secrets.yaml.bak`), read in the format of its twin."""
    try:
        return parse(data, format) if data else None
    except FormatError:
        return None


def _marks(path: str) -> frozenset[str]:
    name = path.rpartition("/")[2].lower()
    return frozenset(COUNTER.sub(r".\1", name).split(".")[1:])


POLICIES = (
    ChangePolicy(
        "ENC05",
        "block",
        "a decrypted copy of an encrypted file",
        why="Somebody opened an encrypted file, and the opened copy came along with the commit. All of its values can be read "
        "by everybody who can read the repository, and the history keeps them.",
        remedy="delete the copy, name it in .gitignore, and change the values: they stand in the history",
        find=enc05,
        check=True,
    ),
)
