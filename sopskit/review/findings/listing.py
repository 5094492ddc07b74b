"""RCP03, RCP04 and RCP10: recipients of files, and the creation rules and names that say who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.config.search import NAME
from sopskit.config.sopskit_yaml import canonical
from sopskit.document import SUFFIXES
from sopskit.review.findings.policy import Hit
from sopskit.review.findings.readers import (
    added,
    before,
    by_id,
    has_lists,
    has_secrets,
    hit,
    is_stranger,
    listed_in_target,
    origin,
    spellings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.rules import Rule
    from sopskit.review.sides import Side

MOST_NAMED = 5


# --- RCP03: in the file, and listed nowhere


def rcp03(subject: Subject) -> Iterator[Hit]:
    """A recipient that head's creation rule does not list, new here or under another rule than before."""
    rule = subject.rules.head
    if rule is None:
        yield from _strangers(subject)
        return
    listed = spellings(rule.recipients)
    for recipient in by_id(subject.sides.head).values() if _has_other_rule(subject, rule) else added(subject):
        if canonical(recipient.id) not in listed:
            yield hit(subject, recipient, "{recipient} can read this file, but .sops.yaml does not list it")


def _has_other_rule(subject: Subject, rule: Rule) -> bool:
    """Whether the file came from a path for which another rule holds."""
    old_path = origin(subject) or subject.old_path
    if old_path is None:
        return False
    old = subject.change.rules.head.rule_for(old_path)
    return old is None or (old.file, old.position) != (rule.file, rule.position)


def _strangers(subject: Subject) -> Iterator[Hit]:
    if not has_lists(subject.change):
        return  # RCP10 has it
    for recipient in added(subject):
        if is_stranger(subject.change, recipient.id):
            message = (
                "no rule is for this file, and {recipient}, who can read it, is known to no rule, name or other file"
            )
            yield hit(subject, recipient, message)._replace(severity="high")


# --- RCP04: listed, and not in the file


def rcp04(change: ChangeSet) -> Iterator[Hit]:
    """A recipient that the rule lists and the file has not: in changed files, and in all whose rule changed."""
    for subject in change.encrypted():
        missing = _missing(subject.rules.head, subject.sides.head)
        if missing:
            old = _missing(subject.rules.base, subject.sides.base)
            args: dict[str, int | str] = {"recipients": ", ".join(map(subject.spelled, missing))}
            message = "{recipients}: listed in .sops.yaml, and cannot read this file"
            yield Hit(message, args, "low" if set(missing) <= set(old) else None, path=subject.path)
    if any(subject.path.rpartition("/")[2] == NAME for subject in change.subjects):
        yield from _left_behind(change)


def _missing(rule: Rule | None, side: Side | None) -> list[str]:
    if rule is None or side is None or side.metadata is None:
        return []
    present = by_id(side)
    return sorted(recipient for recipient in rule.recipients if canonical(recipient) not in present)


def _left_behind(change: ChangeSet) -> Iterator[Hit]:
    """Files that this change leaves alone though it changes who the rule for them lists, one hit for each rule."""
    found: dict[tuple[str, int], list[str]] = {}
    for path in change.trees.head.entries:
        rule = (
            change.rules.head.rule_for(path) if path.endswith(tuple(SUFFIXES)) and path not in change.by_path else None
        )
        old = change.rules.base.rule_for(path) if rule is not None else None
        if rule is None or (old is not None and rule.recipients <= old.recipients):
            continue
        if _missing(rule, change.trees.head.side(path)):
            found.setdefault((rule.file, rule.line), []).append(path)
    for (file, line), paths in found.items():
        args: dict[str, int | str] = {"count": len(paths), "files": ", ".join(paths[:MOST_NAMED])}
        message = "{count} files lack recipients that the rule for them lists now, among them {files}"
        if len(paths) == 1:
            message = "{files} lacks recipients that the rule for it lists now"
        yield Hit(message, args, path=file, line=line)


# --- RCP10: nobody says whose key it is


def rcp10(subject: Subject) -> Iterator[Hit]:
    """A new recipient without a name. Where the team names nobody: one that is added to a file, or known nowhere."""
    change = subject.change
    for recipient in added(subject):
        if change.team.names:
            if subject.name_of(recipient.id) is None:
                yield hit(subject, recipient, "nobody is named for {recipient}")
        elif not has_lists(change) and is_stranger(change, recipient.id):
            if has_secrets(change.trees.base):  # the first file of a repository has to be for somebody
                message = "{recipient} can read this file and no other one, and no rule or name tells whose key it is"
                yield hit(subject, recipient, message)._replace(severity="medium")
        elif before(subject) is not None and not _is_told(subject, recipient.id):
            yield hit(
                subject, recipient, "{recipient} is added to the readers of this file; no name tells whose key it is"
            )


def _is_told(subject: Subject, recipient: str) -> bool:
    """Whether RCP03 or RCP11 speaks of a recipient that is new in a file."""
    rule = subject.rules.head
    if rule is None:
        return is_stranger(subject.change, recipient)
    name, known = canonical(recipient), listed_in_target(subject.change, subject.path)
    return name not in spellings(rule.recipients) or (known is not None and name not in known)
