"""Who can read a file, who is new there, and who is known: the questions that several policies ask."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sopskit.config.sopskit_yaml import canonical
from sopskit.document import SUFFIXES
from sopskit.document.model import position
from sopskit.errors import SopskitError
from sopskit.review.findings.policy import Hit
from sopskit.review.moves import moved_from
from sopskit.review.sides import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sopskit.config.sops_yaml import SopsConfig
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.model import Recipient
    from sopskit.review.rules import RuleBook
    from sopskit.review.sides import Side
    from sopskit.review.trees import Tree

MOST_FILES = 10_000  # of a tree, that are looked through for a recipient
_LISTED: WeakKeyDictionary[RuleBook, set[str] | None] = WeakKeyDictionary()
_SECRETS: WeakKeyDictionary[Tree, bool] = WeakKeyDictionary()
_READERS: WeakKeyDictionary[Tree, dict[str, bool]] = WeakKeyDictionary()


def by_id(side: Side | None) -> dict[str, Recipient]:
    """The recipients of a side by their canonical text, the first of equal ones."""
    found: dict[str, Recipient] = {}
    for recipient in side.recipients() if side is not None else ():
        found.setdefault(canonical(recipient.id), recipient)
    return found


def spellings(recipients: Iterable[str]) -> set[str]:
    """Recipients so that two spellings of one are equal."""
    return {canonical(recipient) for recipient in recipients}


def origin(subject: Subject) -> str | None:
    """Where an encrypted file was before it was moved to its path; None if it was not."""
    if subject.status == "renamed":
        return subject.old_path
    head = subject.sides.head
    return None if head is None else moved_from(subject.change.trees, subject.path, head)


def before(subject: Subject) -> Side | None:
    """The encrypted file as it was, at its path or where it was moved from."""
    base = subject.sides.base
    if base is not None and base.metadata is not None:
        return base
    old = origin(subject)
    return None if old is None else subject.change.trees.base.side(old)


def added(subject: Subject) -> list[Recipient]:
    """The recipients that the file did not have before."""
    old = by_id(before(subject))
    return [recipient for name, recipient in by_id(subject.sides.head).items() if name not in old]


def hit(subject: Subject, recipient: Recipient, message: str) -> Hit:
    """A hit about a recipient, at the line that names it; `message` has a place for `{recipient}`."""
    side = subject.sides.head
    text = side.document.text if side is not None and side.document is not None else ""
    index = text.rfind(recipient.id)
    line = position(text, index)[0] if index >= 0 else None
    return Hit(message, {"recipient": subject.spelled(recipient.id)}, line=line, path=subject.path)


def listed_by(book: RuleBook) -> set[str] | None:
    """Everybody whom any rule lists; None if there is no `.sops.yaml` that can be read."""
    if book not in _LISTED:
        configs = [config for config in book.configs.values() if config is not None]
        _LISTED[book] = set().union(*map(_listed_in, configs)) if configs else None
    return _LISTED[book]


def _listed_in(config: SopsConfig) -> set[str]:
    try:
        rules = config.rules()
    except SopskitError:
        return set()
    return {canonical(key.id) for rule in rules for group in rule.groups for key in group}


def listed_in_target(change: ChangeSet, path: str) -> set[str] | None:
    """Who the target's rule for a path lists; without one, who any of its rules does; None if it has no rules at all."""
    rule = change.target.rule_for(path)
    return listed_by(change.target) if rule is None else spellings(rule.recipients)


def has_lists(change: ChangeSet) -> bool:
    """Whether the repository says anywhere who its readers are."""
    return bool(change.team.names or listed_by(change.target) or listed_by(change.rules.base))


def is_stranger(change: ChangeSet, recipient: str) -> bool:
    """Whether no name, no rule and no encrypted file from before the change knows a recipient.

    One whom the target has taken out of its rules since the branch began is a stranger, whatever else there is of them.
    """
    name = canonical(recipient)
    if name in (listed_by(change.target) or ()):
        return False
    if name in (listed_by(change.rules.base) or ()):
        return True
    return change.team.name_of(recipient) is None and not _reads_a_file(change.trees.base, recipient)


def has_secrets(tree: Tree) -> bool:
    """Whether there is an encrypted file in a tree."""
    if tree not in _SECRETS:
        _SECRETS[tree] = any(looks_encrypted(tree.data(path) or b"") for path in _candidates(tree))
    return _SECRETS[tree]


def _reads_a_file(tree: Tree, recipient: str) -> bool:
    """Whether a recipient can read any file of a tree; only those in which its text stands are read as what they are."""
    known = _READERS.setdefault(tree, {})
    name = canonical(recipient)
    if name not in known:
        texts = {recipient.encode(), name.encode()}
        paths = (path for path in _candidates(tree) if _has_any(tree.data(path), texts))
        known[name] = any(name in by_id(tree.side(path)) for path in paths)
    return known[name]


def _has_any(data: bytes | None, texts: Iterable[bytes]) -> bool:
    return data is not None and looks_encrypted(data) and any(text in data for text in texts)


def _candidates(tree: Tree) -> Iterator[str]:
    paths = [path for path in tree.entries if path.endswith(tuple(SUFFIXES))][:MOST_FILES]
    tree.expect(paths)
    yield from paths
