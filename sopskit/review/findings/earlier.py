"""CRY05 to CRY08: what stood there before, and when and with what the file was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sopskit.document import Leaf
from sopskit.errors import FormatError
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.review.findings.spelling import key_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.document import Comment
    from sopskit.git import Version
    from sopskit.review.findings.subject import Subject
    from sopskit.review.sides import Side
    from sopskit.sops.metadata import Metadata
    from sopskit.sops.values import EncryptedValue

SHORT = 12  # characters of a commit id
OLDEST_DATA_KEY = timedelta(days=365)
SKEW = timedelta(days=1)  # clocks of honest machines differ by less
SAME_MOMENT = 60  # seconds in which a script may write a file twice and commit it
MOST_FILES_WITH_PAST = 200  # changed files; in larger changes nobody reads what stood there before, and it takes long
# releases whose files others cannot always open, and why
BAD_VERSIONS: Mapping[str, str] = {"3.13.2": "it computes another MAC for files with an encrypted comment in a list"}


def tokens_of(side: Side) -> Iterator[tuple[Leaf | Comment, EncryptedValue]]:
    """The encrypted values and comments of a side, with their tokens."""
    for item in side.document.items if side.document else ():
        token = side.token(item)
        if token is not None:
            yield item, token


def cry05(subject: Subject) -> Iterator[Hit]:
    """Ciphertexts that are not in base, and were in an older version of the file."""
    head, versions = subject.sides.head, _older_versions(subject)
    if head is None or head.document is None or head.metadata is None or not versions:
        return
    known = {token for _, token in tokens_of(subject.sides.base)} if subject.sides.base else set()
    fresh = [item for item, token in tokens_of(head) if token not in known and isinstance(item, Leaf)]
    if not fresh:
        return
    whole = _same_content(subject, versions) if _is_older_version(subject) else None
    if whole is not None:
        commit = whole.commit
        yield Hit(
            "the whole file is what commit {commit} had left here before", {"commit": commit[:SHORT]}, commit=commit
        )
        return
    for version in versions:
        data = subject.change.read_blob(version.blob) or b""
        back = [leaf for leaf in fresh if leaf.value.encode("utf-8", "surrogateescape") in data]
        if back:
            args: dict[str, int | str] = {
                "keys": key_list(leaf.path for leaf in back),
                "commit": version.commit[:SHORT],
            }
            message = "{keys}: the ciphertext is an old one, last seen in commit {commit}"
            yield Hit(message, args, commit=version.commit, **place(head.document, back[0]))
            return


def _same_content(subject: Subject, versions: Sequence[Version]) -> Version | None:
    return next((one for one in versions if subject.change.read_blob(one.blob) == subject.data.head), None)


def _older_versions(subject: Subject) -> list[Version]:
    """What stood at the path before base, newest first. The first version that the history knows is base's own."""
    if _is_large(subject):
        return []
    versions = subject.change.history.recent(subject.old_path or subject.path)
    return list(versions[1:] if subject.sides.base is not None else versions)


def _is_large(subject: Subject) -> bool:
    return len(subject.change.subjects) > MOST_FILES_WITH_PAST


def cry06(subject: Subject) -> Iterator[Hit]:
    """The data key was in use a year ago already."""
    head = subject.sides.head
    if head is None or head.metadata is None or subject.comparison.data_key != "same" or _is_large(subject):
        return
    limit = (subject.change.now - OLDEST_DATA_KEY).timestamp()
    path, history = subject.old_path or subject.path, subject.change.history
    then = next((version for version in history.versions(path) if version.time <= limit), None)
    old = history.side(path, then) if then is not None else None
    if then is None or old is None or old.metadata is None:
        return
    shared = old.wrapped_keys() & head.wrapped_keys()
    if shared or {token for _, token in tokens_of(old)} & {token for _, token in tokens_of(head)}:
        days = int(subject.change.now.timestamp() - then.time) // 86_400
        message = "the data key is at least {days} days old: commit {commit} had it"
        yield Hit(message, {"days": days, "commit": then.commit[:SHORT]}, commit=then.commit)


def cry07(subject: Subject) -> Iterator[Hit]:
    """A time in `lastmodified` that cannot be."""
    base, head = subject.sides
    if head is None or head.metadata is None:
        return
    new = _time(head.metadata)
    if new is not None and new > subject.change.now + SKEW:
        yield Hit("lastmodified lies in the future")
    old = _time(base.metadata) if base is not None and base.metadata is not None else None
    if base is None or base.metadata is None or old is None or new is None:
        return
    if new < old and not _is_older_version(subject):
        yield Hit("lastmodified is earlier than it was: the file, or its metadata, comes from an older version")
    elif new == old and base.metadata.mac != head.metadata.mac and not _was_written_twice(subject, new):
        yield Hit("lastmodified stayed the same and the MAC did not: they come from two versions")


def _time(metadata: Metadata) -> datetime | None:
    try:
        time = datetime.fromisoformat(metadata.aad)
    except (ValueError, FormatError):
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _is_older_version(subject: Subject) -> bool:
    """Whether this is a revert of the whole file, which CRY05 and the operation tell."""
    return any(operation.id == "revert" for operation in subject.operations)


def _was_written_twice(subject: Subject, time: datetime) -> bool:
    """Whether base was committed within a minute after it was written: a script may have gone on at once."""
    versions = subject.change.history.versions(subject.old_path or subject.path)
    return bool(versions) and versions[0].time - time.timestamp() < SAME_MOMENT


def cry08(subject: Subject) -> Iterator[Hit]:
    """A version of sops that is unknown, older than before, or known to be bad."""
    base, head = subject.sides
    if head is None or head.metadata is None:
        return
    before = base.metadata.version if base is not None and base.metadata is not None else None
    if head.metadata.version == before:
        return
    try:
        head.metadata.check_version()
    except FormatError:
        yield Hit("the version in the metadata is none that sops opens a file with", severity="high")
        return
    reason = BAD_VERSIONS.get(head.metadata.version.removeprefix("v"))
    if reason is not None:
        yield Hit(f"written by a release of sops that has a fault: {reason}")
    elif before is not None and _number(head.metadata.version) < _number(before):
        yield Hit("written by an older release of sops than before", severity="low")


def _number(version: str) -> tuple[int, ...]:
    parts = version.removeprefix("v").partition("-")[0].split(".")
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in parts)


POLICIES = (
    FilePolicy(
        "CRY05",
        "medium",
        "an old ciphertext is back",
        why="A ciphertext of the history still opens at its old place. Nobody needs a key to put an old password back that somebody "
        "may have seen. A revert of a good change looks the same, so the commit is named.",
        remedy="make sure that the old value is wanted; otherwise write it anew with sopskit set",
        find=cry05,
    ),
    FilePolicy(
        "CRY06",
        "low",
        "an old data key",
        why="Everybody who could read the file at any time since then may have kept the data key, and it opens every value that was "
        "written since. A year is the usual longest time for a key that encrypts data.",
        remedy="sopskit rotate -i FILE",
        find=cry06,
    ),
    FilePolicy(
        "CRY07",
        "medium",
        "a time that cannot be",
        why="sops writes the time of each change into lastmodified and binds the MAC to it. A time that runs backwards, stands still "
        "or lies ahead means that metadata of two versions were mixed, or that a clock is wrong.",
        remedy="look at the history of the file; restore it and make the change with sopskit edit or set",
        find=cry07,
        check=True,
    ),
    FilePolicy(
        "CRY08",
        "medium",
        "written by another release of sops",
        why="Releases of sops differ in what they read and write. An older one may drop what it does not know, and some releases "
        "wrote files that others refuse.",
        remedy="let everybody use the same release, and write the file again with it",
        find=cry08,
        check=True,
    ),
)
