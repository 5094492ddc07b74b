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
    from sopskit.review.model import Severity


class _Listing(NamedTuple):
    """Whom a rule of head lists. `paths` are the files of head that it is for."""

    file: str
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
        listed = spellings(rule.recipients) if rule is not None and known is not None else set()
        for recipient in added(subject):
            name = canonical(recipient.id)
            if rule is not None and known is not None and name in listed - known:
                told.add((rule.file, rule.line, name))
                message = "{recipient} can now read this file, and it is this change that lists it"
                severity: Severity | None = None if subject.name_of(recipient.id) is None else "medium"
                yield hit(subject, recipient, message)._replace(severity=severity)
    yield from _listed_by_rules(change, told)


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
            listings.setdefault((listing.file, listing.line), listing)
    for listing in listings.values():
        for recipient, example in _gained(change, listing, everybody).items():
            name = change.team.name_of(recipient)
            severity: Severity | None = None if name is None else "medium"
            if (listing.file, listing.line, canonical(recipient)) in told:
                severity = "low"
            args = {"recipient": recipient if name is None else f"{name.name} ({recipient})"}
            message = "{recipient} is listed now by a rule that fits no encrypted file yet"
            if example is not None:
                args["example"] = example
                message = (
                    "{recipient} is listed now by the rule for {example}: it can read that from the next updatekeys on"
                )
            yield Hit(message, args, severity, path=listing.file, line=listing.line)


def _governing(change: ChangeSet) -> dict[tuple[str, int], _Listing]:
    """The rules that files of head have, by file and line."""
    found: dict[tuple[str, int], _Listing] = {}
    for path in change.trees.head.entries:
        rule = change.rules.head.rule_for(path)
        if rule is not None:
            listing = _Listing(rule.file, rule.line, None, sorted(rule.recipients), [])
            found.setdefault((rule.file, rule.line), listing).paths.append(path)
    return found


def _all_rules(file: str, config: SopsConfig) -> Iterator[_Listing]:
    try:
        rules = config.rules()
    except SopskitError:
        return
    for rule in rules:
        recipients = [key.id for group in rule.groups for key in group]
        yield _Listing(file, rule.line, rule.path_regex, recipients, [])


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
