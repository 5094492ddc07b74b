"""RCP11: recipients that a change lists, in its files and in its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.search import NAME
from sopskit.config.sopskit_yaml import canonical
from sopskit.document import SUFFIXES
from sopskit.errors import SopskitError
from sopskit.review.findings.policy import Hit
from sopskit.review.findings.readers import added, hit, listed_by, listed_in_target, spellings
from sopskit.review.findings.rules import changed_configs
from sopskit.review.sides import looks_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sopskit.config.sops_yaml import SopsConfig
    from sopskit.review.findings.subject import ChangeSet

OUTDATED = "bring the branch up to date with its target, so that its rules are those of today"


class _Listing(NamedTuple):
    """Whom a rule of head lists. `paths` are the files of head that it is for."""

    file: str
    position: int
    line: int
    path_regex: str | None
    recipients: Sequence[str]
    paths: list[str]


def rcp11(change: ChangeSet) -> Iterator[Hit]:
    """A recipient that head's rule lists and the target's does not: in the files of the change, and in the rules."""
    told: set[tuple[str, int, str]] = set()
    for subject in change.encrypted():
        rule = subject.rules.head
        known = listed_in_target(change, subject.path)
        if rule is None or known is None:
            continue
        for recipient in added(subject):
            name = canonical(recipient.id)
            if name in spellings(rule.recipients) - known:
                told.add((rule.file, rule.position, name))
                where = hit(
                    subject, recipient, "{recipient} can now read this file, and it is this change that lists it"
                )
                yield _weighed(change, where, recipient.id, subject.path)
    yield from _listed_by_rules(change, told)


def _weighed(change: ChangeSet, hit: Hit, recipient: str, path: str | None) -> Hit:
    """A name that base knows makes it weigh less, but not where the target has taken the recipient out since then."""
    if change.target is not change.rules.base:
        rule = change.rules.base.rule_for(path) if path is not None else None
        before = spellings(rule.recipients) if rule is not None else listed_by(change.rules.base) or set()
        if canonical(recipient) in before:
            message = "{recipient} was listed where this branch began, and its target has taken it out since then"
            return hit._replace(message=message, remedy=OUTDATED)
    is_known = change.commits is None or change.team.name_of(recipient) is not None  # before a commit its author knows
    return hit._replace(severity="medium") if is_known else hit


def _listed_by_rules(change: ChangeSet, told: set[tuple[str, int, str]]) -> Iterator[Hit]:
    """Recipients that a changed `.sops.yaml` lists: whoever is let in there only waits for the next updatekeys.

    `told` are those that the change adds to a file as well, each with its rule.
    """
    everybody, changed = listed_by(change.target), changed_configs(change)
    if everybody is None or not changed:
        return
    listings = _governing(change)
    for path in changed:
        config = change.rules.head.configs.get(path.rpartition("/")[0])
        for listing in _all_rules(path, config) if config is not None else ():
            listings.setdefault((listing.file, listing.position), listing)
    for listing in listings.values():
        for recipient, example in _gained(change, listing, everybody).items():
            if (listing.file, listing.position, canonical(recipient)) not in told:
                yield _weighed(change, _rule_hit(change, listing, recipient, example), recipient, example)


def _rule_hit(change: ChangeSet, listing: _Listing, recipient: str, example: str | None) -> Hit:
    name = change.team.name_of(recipient)
    args: dict[str, int | str] = {"recipient": recipient if name is None else f"{name.name} ({recipient})"}
    message = "{recipient} is listed now, by a rule that is for no encrypted file yet"
    if example is not None:
        args["example"] = example
        message = "{recipient} is listed now by the rule for {example}: from the next updatekeys on it can read that"
    return Hit(message, args, path=listing.file, line=listing.line)


def _governing(change: ChangeSet) -> dict[tuple[str, int], _Listing]:
    """The rules that files of head have, by file and position."""
    found: dict[tuple[str, int], _Listing] = {}
    for path in change.trees.head.entries:
        rule = change.rules.head.rule_for(path)
        if rule is not None:
            listing = _Listing(rule.file, rule.position, rule.line, None, sorted(rule.recipients), [])
            found.setdefault((rule.file, rule.position), listing).paths.append(path)
    return found


def _all_rules(file: str, config: SopsConfig) -> Iterator[_Listing]:
    try:
        rules = config.rules()
    except SopskitError:
        return
    for rule in rules:
        recipients = [key.id for group in rule.groups for key in group]
        yield _Listing(file, rule.position, rule.line, rule.path_regex, recipients, [])


def _gained(change: ChangeSet, listing: _Listing, everybody: set[str]) -> dict[str, str | None]:
    """The recipients that the target does not list for the same files, each with an encrypted file if there is one."""
    found: dict[str, str | None] = {}
    if not listing.paths:
        known = _same_pattern(change, listing)
        return {
            one: None for one in listing.recipients if canonical(one) not in (everybody if known is None else known)
        }
    for path in listing.paths:
        old = change.target.rule_for(path)
        known = everybody if old is None else spellings(old.recipients)
        for recipient in listing.recipients:
            if canonical(recipient) not in known and found.get(recipient) is None:
                found[recipient] = path if _is_encrypted(change, path) else None
    return found


def _same_pattern(change: ChangeSet, listing: _Listing) -> set[str] | None:
    """Whom the target's rule with the same path_regex lists."""
    config = change.target.configs.get(listing.file.removesuffix(NAME).rstrip("/"))
    old = _all_rules(listing.file, config) if config is not None else ()
    return next((spellings(one.recipients) for one in old if one.path_regex == listing.path_regex), None)


def _is_encrypted(change: ChangeSet, path: str) -> bool:
    return path.endswith(tuple(SUFFIXES)) and looks_encrypted(change.trees.head.data(path) or b"")
