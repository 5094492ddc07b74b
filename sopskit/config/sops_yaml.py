"""`.sops.yaml`: which recipients and which rule a new file gets, by its path (SOPS section 8)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.recipients import FLAT_FIELDS, RuleKeys
from sopskit.config.syntax import Reader, read_file
from sopskit.errors import ConfigError, NoMatchingRuleError
from sopskit.sops import selection
from sopskit.sops.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import yaml

    from sopskit.sops.masterkeys import KeyGroup

RULE_FIELDS = (
    "path_regex",
    *FLAT_FIELDS,
    "aws_profile",
    "key_groups",
    "shamir_threshold",
    *selection.FIELDS,
    "mac_only_encrypted",
)
# the sections of `stores` with an indent, and the formats they are for
STORES: Mapping[str, str] = {"yaml": "yaml", "json": "json", "json_binary": "binary"}


class CreationRule(NamedTuple):
    """What a new file gets. `position` counts from 0, `line` from 1; `groups` is empty if the rule names no keys.

    `shamir_threshold` is 0 where the rule does not say: all groups are needed then.
    """

    position: int
    line: int
    path_regex: str
    selection: Selection
    groups: tuple[KeyGroup, ...]
    shamir_threshold: int
    mac_only_encrypted: bool


class Verdict(NamedTuple):
    """What was asked of one rule: whether it matches the path, or None if an earlier one did."""

    position: int
    line: int
    path_regex: str
    matches: bool | None

    @property
    def reason(self) -> str:
        """The verdict in words."""
        if self.matches is None:
            return "not asked: an earlier rule matches"
        if not self.path_regex:
            return "matches every path: it has no path_regex"
        return f"{self.path_regex!r} is {'' if self.matches else 'not '}found in the path"


class Explanation(NamedTuple):
    """Why a path got its rule. `path` is what the patterns were compared with."""

    path: str
    verdicts: tuple[Verdict, ...]

    @property
    def matched(self) -> Verdict | None:
        """The verdict on the rule that counts."""
        return next((verdict for verdict in self.verdicts if verdict.matches), None)


class _Rule(NamedTuple):
    """A rule with its simple fields read; keys and patterns wait until the rule is wanted."""

    node: yaml.Node
    fields: Mapping[str, yaml.Node]
    path_regex: str
    selections: tuple[Selection, ...]
    shamir_threshold: int
    mac_only_encrypted: bool

    @property
    def line(self) -> int:
        return self.node.start_mark.line + 1


class SopsConfig:
    """A `.sops.yaml` that was read.

    `destination_rules` is kept as YAML for those who publish; sopskit does not. `unknown` are fields that
    sops ignores, with their lines: mostly a name that was misspelt.
    """

    __slots__ = ("_folder", "_reader", "_rules", "destination_rules", "file", "indents", "unknown")

    def __init__(self, file: str, source: bytes) -> None:
        """Read `source`, the content of `file`. Raises `ConfigError`."""
        self.file = file
        self._folder = os.path.dirname(os.path.abspath(file))
        self._reader = reader = Reader(file)
        root = reader.first_document(source)
        top = reader.fields(root, ("creation_rules", "destination_rules", "stores")) if root else {}
        rules = top.get("creation_rules")
        self._rules = None if rules is None else [self._read_rule(node) for node in reader.items(rules)]
        self.destination_rules = top.get("destination_rules")
        self.indents = self._read_indents(top["stores"]) if "stores" in top else {}
        self.unknown = tuple(reader.unknown)

    def _read_rule(self, node: yaml.Node) -> _Rule:
        reader = self._reader
        fields = reader.fields(node, RULE_FIELDS)
        texts = {name: reader.text(fields[name]) for name in ("path_regex", *selection.FIELDS) if name in fields}
        return _Rule(
            node,
            fields,
            texts.get("path_regex", ""),
            tuple(Selection(name, texts[name]) for name in selection.FIELDS if texts.get(name)),
            reader.integer(fields["shamir_threshold"]) if "shamir_threshold" in fields else 0,
            reader.boolean(fields["mac_only_encrypted"]) if "mac_only_encrypted" in fields else False,
        )

    def _read_indents(self, node: yaml.Node) -> dict[str, int]:
        reader = self._reader
        indents: dict[str, int] = {}
        for section, store in reader.fields(node, (*STORES, "dotenv", "ini")).items():
            settings = reader.fields(store, ("indent",))
            if section in STORES and "indent" in settings:
                indents[STORES[section]] = reader.integer(settings["indent"])
        return indents

    @property
    def has_rules(self) -> bool:
        """Whether there is a `creation_rules` list, be it an empty one."""
        return self._rules is not None

    def indent(self, format_name: str) -> int | None:
        """The indent that `stores` sets for a format (`yaml`, `json`, `binary`), None where it does not."""
        return self.indents.get(format_name)

    def rule_for(self, path: str, *, now: datetime | None = None) -> CreationRule | None:
        """The first rule that matches `path`; None if the file has no `creation_rules`.

        `path` may be relative to the working directory. `now` becomes the `created_at` of PGP keys.
        Raises `NoMatchingRuleError` if there are rules and none matches, `ConfigError` for a rule or pattern
        that cannot be used, and `RecipientError`.
        """
        if self._rules is None:
            return None
        explanation = self.explain(path)
        matched = explanation.matched
        if matched is None:
            raise NoMatchingRuleError(
                f"none of the {len(self._rules)} creation rules in {self.file} matches {explanation.path}",
                hint="add a rule whose path_regex matches",
            )
        return self._build(matched.position, _created_at(now))

    def rules(self, *, now: datetime | None = None) -> tuple[CreationRule, ...]:
        """All rules. Raises as `rule_for` does, for the first one that cannot be used."""
        for rule in self._rules or ():
            self._matches(rule, "")
        return tuple(self._build(index, _created_at(now)) for index in range(len(self._rules or ())))

    def explain(self, path: str) -> Explanation:
        """What each rule says to `path`. Raises `ConfigError` for a pattern that does not compile."""
        relative = self._relative(path)
        verdicts: list[Verdict] = []
        decided = False
        for index, rule in enumerate(self._rules or ()):
            matches = None if decided else self._matches(rule, relative)
            decided = decided or bool(matches)
            verdicts.append(Verdict(index, rule.line, rule.path_regex, matches))
        return Explanation(relative, tuple(verdicts))

    def _relative(self, path: str) -> str:
        """The absolute path, without the folder of the configuration if it starts with that; links are not followed."""
        absolute = os.path.abspath(path)
        return absolute.removeprefix(f"{self._folder}/")

    def _matches(self, rule: _Rule, path: str) -> bool:
        if not rule.path_regex:
            return True
        from sopskit.sops.patterns import compile_pattern

        try:
            return compile_pattern(rule.path_regex, "path_regex")(path)
        except ConfigError as error:
            raise self._at_field(error, rule, "path_regex") from None

    def _build(self, index: int, created_at: str) -> CreationRule:
        rule = (self._rules or [])[index]
        groups = RuleKeys(self._reader, created_at).groups(rule.fields)
        self._check_threshold(rule, len(groups))
        return CreationRule(
            index,
            rule.line,
            rule.path_regex,
            self._selection(rule),
            groups,
            rule.shamir_threshold,
            rule.mac_only_encrypted,
        )

    def _selection(self, rule: _Rule) -> Selection:
        if not rule.selections:
            return selection.DEFAULT
        if len(rule.selections) > 1:
            names = " and ".join(str(chosen.field) for chosen in rule.selections)
            raise self._reader.error(rule.node, f"only one field of a rule may say what is encrypted, not {names}")
        chosen = rule.selections[0]
        try:
            chosen.check()
        except ConfigError as error:
            raise self._at_field(error, rule, str(chosen.field)) from None
        return chosen

    def _check_threshold(self, rule: _Rule, groups: int) -> None:
        threshold = rule.shamir_threshold
        if groups > 1 and threshold and not 2 <= threshold <= groups:
            raise self._reader.error(
                rule.fields["shamir_threshold"],
                f"shamir_threshold is at least 2 and at most the number of key groups, which is {groups}",
            )

    def _at_field(self, error: ConfigError, rule: _Rule, field: str) -> ConfigError:
        mark = rule.fields[field].start_mark
        error.at(file=self.file, line=mark.line + 1, column=mark.column + 1)
        return error


def load_config(path: str | os.PathLike[str]) -> SopsConfig:
    """Read a `.sops.yaml`. Raises `FileAccessError`, `ConfigError`, `LimitError`."""
    return SopsConfig(os.fspath(path), read_file(path))


def _created_at(now: datetime | None) -> str:
    from datetime import UTC, datetime

    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
