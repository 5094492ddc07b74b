"""rules: which creation rule a file gets and why, and what of the file it would encrypt. No value is shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.document import DEFAULT_LIMITS, Leaf, format_for_path, parse
from sopskit.errors import SopskitError
from sopskit.sops import selection
from sopskit.sops.metadata import Metadata
from sopskit.workflow import files
from sopskit.workflow.recipients import name_groups

if TYPE_CHECKING:
    from sopskit.config.sops_yaml import CreationRule, Explanation, SopsConfig
    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.document import Document, Path
    from sopskit.sops.selection import Selection
    from sopskit.workflow.recipients import Reader


class Place(NamedTuple):
    """A value of a file: the document's number, from 0, and its key path."""

    document: int
    path: Path


class Rule(NamedTuple):
    """A creation rule with the names of its recipients, by key group; `threshold` is 0 where the rule does not say."""

    position: int
    line: int
    path_regex: str
    selection: Selection
    groups: tuple[tuple[Reader, ...], ...]
    threshold: int
    mac_only_encrypted: bool


class Contents(NamedTuple):
    """What a rule does to a file that is there.

    `encrypted` are the values it would encrypt, `readable` all others: those that are empty or null stay as they are in any
    case. `comments` is the number of comments it would encrypt. `own` is the selection that the file itself has, None for a
    plain one: SOPS goes by that, not by the rule, until the file is encrypted anew.
    """

    format: str
    own: Selection | None
    encrypted: tuple[Place, ...]
    readable: tuple[Place, ...]
    comments: int


class Explained(NamedTuple):
    """A path, what each rule says to it, the rule it gets (None: no rule fits), and what that does.

    `contents` is None for a file that is not there or gets no rule, and for one that cannot be read, with the `problem`.
    """

    path: str
    explanation: Explanation
    rule: Rule | None
    contents: Contents | None = None
    problem: str | None = None


def explain(config: SopsConfig, team: TeamConfig, path: str) -> Explained:
    """Explain one path, whether there is such a file or not. Raises `ConfigError` and `RecipientError` for a broken rule."""
    explanation = config.explain(path)
    found = config.rule_for(path) if explanation.matched is not None else None
    if found is None:
        return Explained(path, explanation, None)
    rule = _named(found, team)
    if not os.path.lexists(path):
        return Explained(path, explanation, rule)
    try:
        return Explained(path, explanation, rule, _contents(path, rule))
    except SopskitError as error:
        return Explained(path, explanation, rule, problem=error.message)


def list_rules(config: SopsConfig, team: TeamConfig) -> tuple[Rule, ...]:
    """All rules in their order. Raises `ConfigError` and `RecipientError` for the first broken one."""
    return tuple(_named(rule, team) for rule in config.rules())


def _named(rule: CreationRule, team: TeamConfig) -> Rule:
    return Rule(
        rule.position,
        rule.line,
        rule.path_regex,
        rule.selection,
        name_groups(rule.groups, team),
        rule.shamir_threshold,
        rule.mac_only_encrypted,
    )


def _contents(path: str, rule: Rule) -> Contents:
    data = files.read(path, limit=DEFAULT_LIMITS.size).data or b""
    format = format_for_path(path)
    document = parse(data, format, encrypted=_is_sealed_binary(format.NAME, data))
    own = Metadata.from_block(document.block).selection if document.block else None
    # sops seals a binary file whole, whatever the rule says
    return _sort(document, selection.NONE if format.NAME == "binary" else rule.selection, own)


def _is_sealed_binary(format_name: str, data: bytes) -> bool:
    """The one format that reads its encrypted files in another way."""
    return format_name == "binary" and data.lstrip().startswith(b"{") and b'"sops"' in data


def _sort(document: Document, chosen: Selection, own: Selection | None) -> Contents:
    encrypts = chosen.walk(lenient=own is not None).encrypts
    encrypted: list[Place] = []
    readable: list[Place] = []
    comments = 0
    for item in document.items:
        selected = encrypts(item)
        if isinstance(item, Leaf):
            holds = item.kind != "null" and not (item.kind == "str" and not item.value)
            (encrypted if selected and holds else readable).append(Place(item.parent.document, item.path))
        else:
            comments += selected and bool(item.value)
    return Contents(document.format.NAME, own, tuple(encrypted), tuple(readable), comments)
