"""`.sops.yaml` and options together: what a new file gets, and the indentation of what is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.cli import exitcodes, options
from sopskit.config.search import find_config
from sopskit.errors import ConfigError, NoMatchingRuleError, UsageError
from sopskit.sops import selection
from sopskit.sops.selection import Selection

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.config.sops_yaml import CreationRule, SopsConfig, Verdict
    from sopskit.document import Format
    from sopskit.sops.masterkeys import KeyGroup
    from sopskit.sops.metadata import Metadata


class Configuration:
    """The configuration that one command works with, read when it is first needed."""

    def __init__(self, context: Context, given: Given) -> None:
        """Read nothing yet; a file named by `--config` or SOPS_CONFIG must be there."""
        self._context = context
        self._given = given
        self._loaded = False
        self._config: SopsConfig | None = None

    @property
    def config(self) -> SopsConfig | None:
        """The `.sops.yaml`; None if there is none. Raises `ConfigError`, `FileAccessError`."""
        if not self._loaded:
            self._config = self._load()
            self._loaded = True
        return self._config

    def _load(self) -> SopsConfig | None:
        path = self._context.config
        if not path:
            found = find_config(os.curdir)
            if found.notice:
                self._context.warn(found.notice)
            path = found.path
        if not path:
            return None
        from sopskit.config.sops_yaml import load_config

        return load_config(path)

    def check(self) -> None:
        """For commands that need no rule: a configuration that was named must at least be there and be one."""
        if self._context.config:
            _ = self.config

    def indent(self, format: Format) -> int | None:
        """`--indent`, else what `stores` says; None leaves it to the file."""
        given = self._given.number("indent") if "indent" in self._given else None
        if given is not None or self.config is None:
            return given
        return self.config.indent(format.NAME)

    def rule_for(self, path: str) -> CreationRule | None:
        """The creation rule for a path; None without configuration. Raises `NoMatchingRuleError`, `ConfigError`."""
        if self.config is None:
            return None
        try:
            return self.config.rule_for(path)
        except NoMatchingRuleError as error:
            named = "age" in self._given and bool(option_groups(self._given))
            if named:
                error.hint = (
                    f"the rules of {self.config.file} are asked even with --age and --pgp: {error.hint}, "
                    "or leave them aside with --config /dev/null"
                )
            raise

    def match(self, path: str) -> Verdict | None:
        """The verdict of the creation rule that fits a path, if any. Raises `ConfigError`."""
        return None if self.config is None else self.config.explain(path).matched

    def metadata_for(self, path: str, format: Format) -> Metadata:
        """The metadata of a new file: keys not yet wrapped (SOPS section 8.5).

        Key options take the place of the rule's keys; options for what is encrypted join the rule's.
        """
        from sopskit.sops.metadata import Metadata

        rule = self.rule_for(path)
        groups = option_groups(self._given)
        if not groups:
            if rule is None:
                raise ConfigError(
                    "there is no .sops.yaml with creation rules here or above, and no recipient was named",
                    hint="name one with --age or --pgp, or make a .sops.yaml with: creation_rules: [{age: age1...}]",
                )
            groups = rule.groups
        if not groups:
            raise NoMatchingRuleError(
                f"the creation rule for {path} names no recipient", hint="add age: or pgp: to it, or use --age or --pgp"
            )
        binary = format.NAME == "binary"
        return Metadata(
            groups=groups,
            shamir_threshold=self._threshold(rule, groups),
            selection=selection.NONE if binary else self._selection(rule),
            mac_only_encrypted=not binary and self._mac_only_encrypted(rule),
        )

    def _threshold(self, rule: CreationRule | None, groups: tuple[KeyGroup, ...]) -> int:
        threshold = self._given.number("shamir-secret-sharing-threshold") or (rule.shamir_threshold if rule else 0)
        if len(groups) > 1 and threshold and not 2 <= threshold <= len(groups):
            raise UsageError(f"the threshold must be between 2 and the number of key groups, {len(groups)}")
        return threshold

    def _mac_only_encrypted(self, rule: CreationRule | None) -> bool:
        return self._given.has("mac-only-encrypted") or (rule is not None and rule.mac_only_encrypted)

    def _selection(self, rule: CreationRule | None) -> Selection:
        fields = {} if rule is None or rule.selection == selection.DEFAULT else {rule.selection.field: rule.selection}
        for option in options.RULES:
            pattern = self._given.value(option.name)
            if pattern:
                field = option.name.replace("-", "_")
                fields[field] = Selection(field, pattern)
        if len(fields) > 1:
            names = " and ".join(sorted(str(field) for field in fields))
            error = UsageError(f"only one rule can say what is encrypted, not {names}")
            self._context.fail(error, exitcodes.EXCLUSIVE)
        for chosen in fields.values():
            chosen.check()
            return chosen
        return selection.DEFAULT

    def warn_about_rules(self, format: Format, path: str) -> None:
        """Options that a binary file cannot follow: all of it is encrypted."""
        named = [option.name for option in options.RULES if self._given.value(option.name)]
        if format.NAME == "binary" and named:
            self._context.warn(
                f"{path}: a binary file is encrypted as a whole; --{named[0]} has no effect on it",
                "if it is YAML, JSON, dotenv or INI, say so with --input-type",
            )


def option_groups(given: Given, prefix: str = "") -> tuple[KeyGroup, ...]:
    """The group of keys that `--age` and its like name, or with a prefix `--add-age`; none if none are named."""
    from sopskit.config.recipients import groups_from_options

    def values(kind: str) -> list[str]:
        return given.values(prefix + options.KEY_OPTIONS[kind][0])

    return groups_from_options(
        created_at=options.timestamp(),
        kms=values("kms"),
        gcp_kms=values("gcp_kms"),
        hckms=values("hckms"),
        azure_kv=values("azure_kv"),
        pgp=values("pgp"),
        hc_vault=values("hc_vault"),
        age=values("age"),
    )
