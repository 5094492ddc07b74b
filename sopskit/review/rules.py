"""What the `.sops.yaml` files of one state of a repository say about its paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.search import NAME
from sopskit.config.sops_yaml import SopsConfig
from sopskit.errors import FormatError, NoMatchingRuleError
from sopskit.review.model import NotChecked

if TYPE_CHECKING:
    from sopskit.review.trees import Tree
    from sopskit.sops.selection import Selection

# patterns are compared with paths below the folder of their file, so where the repository lies does not matter
ROOT = "/repository/"


class Rule(NamedTuple):
    """What `.sops.yaml` says about a path: who may read the file, and what is encrypted in it.

    `file` is the path of the `.sops.yaml`, `position` counts its rules from 0, `line` from 1. `by_path` tells a rule that
    names paths from one that takes whatever comes.
    """

    recipients: frozenset[str]
    selection: Selection
    by_path: bool
    file: str = ""
    position: int = 0
    line: int = 0
    groups: int = 1
    shamir_threshold: int = 0
    mac_only_encrypted: bool = False


class RuleBook:
    """The creation rules of one state. `.sops.yaml` files that cannot be read are in `problems`."""

    def __init__(self, tree: Tree) -> None:
        """Read every `.sops.yaml` of the tree."""
        self.problems: list[NotChecked] = []
        self.configs: dict[str, SopsConfig | None] = {}  # by folder, without a final slash
        self._rules: dict[tuple[str, int], Rule] = {}
        self._found: dict[str, Rule | None] = {}
        for path in tree.entries:
            folder, _, last = path.rpartition("/")
            data = tree.data(path) if last == NAME else None
            if data is not None:
                self.configs[folder] = self._load(path, data)

    def _load(self, path: str, data: bytes) -> SopsConfig | None:
        try:
            config = SopsConfig(ROOT + path, data)
        except FormatError as error:
            self._problem(path, error)
            return None
        try:
            config.rules()
        except FormatError as error:  # decides nothing before a file gets that rule
            self._problem(path, error, decisive=False)
        return config

    def _problem(self, path: str, error: FormatError, *, decisive: bool = True) -> None:
        problem = NotChecked(path, error.message, decisive=decisive)
        if problem not in self.problems:
            self.problems.append(problem)

    def config_for(self, path: str) -> SopsConfig | None:
        """The nearest `.sops.yaml` above a path; None if there is none, or it cannot be read."""
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self.configs:
                return self.configs[folder]
        return None

    def rule_for(self, path: str) -> Rule | None:
        """The rule of the nearest `.sops.yaml` above `path`; None if there is none, or none fits."""
        if path not in self._found:
            config = self.config_for(path)
            self._found[path] = None if config is None else self._rule(config, path)
        return self._found[path]

    def _rule(self, config: SopsConfig, path: str) -> Rule | None:
        file = config.file.removeprefix(ROOT)
        try:
            matched = config.explain(ROOT + path).matched if config.has_rules else None
            if matched is None:
                return None
            place = (file, matched.position)
            if place not in self._rules:  # the same rule for many files: its keys are read once
                self._rules[place] = self._build(config, path)
            return self._rules[place]
        except NoMatchingRuleError:
            return None
        except FormatError as error:
            self._problem(file, error)
            return None

    def _build(self, config: SopsConfig, path: str) -> Rule:
        found = config.rule_for(ROOT + path)
        if found is None:
            raise NoMatchingRuleError("no rule")
        return Rule(
            frozenset(key.id for group in found.groups for key in group),
            found.selection,
            by_path=bool(found.path_regex),
            file=config.file.removeprefix(ROOT),
            position=found.position,
            line=found.line,
            groups=len(found.groups),
            shamir_threshold=found.shamir_threshold,
            mac_only_encrypted=found.mac_only_encrypted,
        )
