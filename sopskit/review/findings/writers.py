"""Which program probably changed a SOPS file without knowing what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.git import CommitInfo, TreeChange
    from sopskit.review.compare import State
    from sopskit.review.findings.subject import Subject

BOTS = ("renovate", "dependabot", "fluxcdbot", "image-updater", "image-automation")
# keys whose values such bots raise
VERSIONS = frozenset(("image", "tag", "newTag", "digest", "version", "appVersion", "targetRevision", "chart"))


def likely_writer(subject: Subject) -> str:
    """Words for the end of a sentence. They come from what changed and from the names in commits, which prove nothing."""
    if any(operation.id == "merge" for operation in subject.operations):
        return "two branches were merged as text"
    pairs = list(_changed(subject))
    if _is_by_a_bot(subject) or (pairs and all(str(new.leaf.key) in VERSIONS for _, new in pairs)):
        return "an update bot such as Renovate may have written it"
    if not pairs and not any(change.change in {"added", "removed"} for change in subject.comparison.changes):
        return "values stand in another order: a formatter that sorts, or a merge, may have written it"
    if pairs and all(_is_respelled(old, new) for old, new in pairs):
        return "the values are only spelled in another way: a formatter may have written it"
    if any(new.token is not None for _, new in pairs):
        return "an encrypted value was put in from elsewhere: by hand, or by a merge as text"
    return "a bot, a formatter or a hand wrote it without sops"


def _changed(subject: Subject) -> Iterator[tuple[State, State]]:
    """Leaves that are on both sides and not the same."""
    base, head = subject.comparison.states
    for change in subject.comparison.changes:
        place = (change.document, change.path)
        if change.change in {"changed", "encrypted", "decrypted"} and place in base and place in head:
            yield base[place], head[place]


def _is_by_a_bot(subject: Subject) -> bool:
    authors = (f"{commit.author} {commit.email}".lower() for commit, _ in commits_touching(subject))
    return any(bot in author for author in authors for bot in BOTS)


def commits_touching(subject: Subject) -> Sequence[tuple[CommitInfo, TreeChange]]:
    """The commits of the range that changed this file, oldest first."""
    return subject.change.touching(subject.path)


def _is_respelled(old: State, new: State) -> bool:
    """Whether two plain values differ in blanks or in the type that YAML sees in them alone."""
    if old.token is not None or new.token is not None:
        return False
    return old.leaf.value.split() == new.leaf.value.split()
