"""RUL03 and RUL04: which rule of a `.sops.yaml` takes which path, before and after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.search import NAME
from sopskit.config.sopskit_yaml import canonical
from sopskit.errors import ConfigError
from sopskit.review.findings.policy import Hit
from sopskit.review.findings.readers import origin, spellings
from sopskit.review.rules import ROOT
from sopskit.sops.patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.review.findings.subject import ChangeSet
    from sopskit.review.rules import RuleBook

MOVED = "let a rule with the same recipients be for the new path, in .sops.yaml, or leave the file where it was"


class Table(NamedTuple):
    """The rules of one `.sops.yaml`: their patterns and lines, the rules that fit each path, in their order."""

    patterns: tuple[str, ...]
    lines: tuple[int, ...]
    fitting: Mapping[str, Sequence[int]]

    def unused(self) -> set[str]:
        """The patterns that fit no path."""
        used = {rule for rules in self.fitting.values() for rule in rules}
        return {pattern for rule, pattern in enumerate(self.patterns) if rule not in used}

    def shadowed(self) -> dict[str, int]:
        """The rules that fit paths, all of which an earlier rule takes: pattern, and the number of that rule."""
        first = {rules[0] for rules in self.fitting.values() if rules}
        found: dict[str, int] = {}
        for rules in self.fitting.values():
            for rule in rules[1:]:
                if rule not in first:
                    found.setdefault(self.patterns[rule], rules[0])
        return found


def rul03(change: ChangeSet) -> Iterator[Hit]:
    """A rule takes paths that another rule, which is still there, took before; or an encrypted file left its rule."""
    yield from _out_of_rule(change)
    for path, base, head in _changed_tables(change):
        before = base.shadowed() if base else {}
        shadowed = {pattern: by for pattern, by in head.shadowed().items() if pattern not in before}
        for pattern, by in shadowed.items():
            later = head.patterns.index(pattern)
            yield Hit(
                "the rule in line {later} is never used: the one in line {earlier} takes all of its files",
                {"later": head.lines[later], "earlier": head.lines[by]},
                path=path,
                line=head.lines[later],
            )
        if base is not None:
            yield from _moved(path, base, head, shadowed)


def _moved(path: str, base: Table, head: Table, shadowed: Mapping[str, int]) -> Iterator[Hit]:
    moved: dict[tuple[int, int], list[str]] = {}
    for file, rules in head.fitting.items():
        old = base.fitting.get(file)
        if not old or not rules:
            continue
        pattern = base.patterns[old[0]]
        if pattern != head.patterns[rules[0]] and pattern in head.patterns and pattern not in shadowed:
            moved.setdefault((head.patterns.index(pattern), rules[0]), []).append(file)
    for (old_rule, new_rule), files in moved.items():
        yield Hit(
            "{count} files change from the rule in line {old} to the one in line {new}, {example} for one",
            {"count": len(files), "old": head.lines[old_rule], "new": head.lines[new_rule], "example": files[0]},
            path=path,
            line=head.lines[new_rule],
        )


def _out_of_rule(change: ChangeSet) -> Iterator[Hit]:
    """Encrypted files that were moved to where no rule is for them, or one that lists more recipients."""
    for subject in change.encrypted():
        old_path = origin(subject)
        old = change.target.rule_for(old_path) or change.rules.base.rule_for(old_path) if old_path is not None else None
        if old_path is None or old is None:
            continue
        args = {"old": old_path, "rule": f"{old.file}:{old.line}"}
        new = subject.rules.head
        listed = spellings(old.recipients)
        more = [] if new is None else [one for one in sorted(new.recipients) if canonical(one) not in listed]
        message = "moved here from {old}, where the rule {rule} was for it; no rule is for it here"
        if more:
            args["recipients"] = ", ".join(map(subject.spelled, more))
            message = (
                "moved here from {old}, where the rule {rule} was for it; the one for it here lists more: {recipients}"
            )
        if new is None or more:
            yield Hit(message, args, "high", remedy=MOVED, path=subject.path)


def rul04(change: ChangeSet) -> Iterator[Hit]:
    """A rule fits no file, or a file has the rule for everything where others have their own."""
    for path, base, head in _changed_tables(change):
        before = base.unused() if base else set()
        for pattern in head.unused() - before:
            line = head.lines[head.patterns.index(pattern)]
            yield Hit("the path_regex of the rule in line {rule} fits no file", {"rule": line}, path=path, line=line)
    for subject in change.encrypted():
        rule, config = subject.rules.head, change.rules.head.config_for(subject.path)
        if rule is None or rule.by_path or config is None:
            continue
        if any(verdict.path_regex for verdict in config.explain(ROOT + subject.path).verdicts):
            message = "no rule with a path_regex fits this file, only the one for everything ({rule})"
            yield Hit(message, {"rule": f"{rule.file}:{rule.line}"}, path=subject.path)


def _changed_tables(change: ChangeSet) -> Iterator[tuple[str, Table | None, Table]]:
    """Path, base's and head's table of each `.sops.yaml` of head that is not the same in base."""
    for folder in change.rules.head.configs:
        path = f"{folder}/{NAME}" if folder else NAME
        if change.trees.base.data(path) == change.trees.head.data(path):
            continue
        paths = [name for name in change.trees.head.entries if name.startswith(f"{folder}/" if folder else "")]
        base, head = (_table(book, folder, paths) for book in change.rules)
        if head is not None:
            yield path, base, head


def _table(book: RuleBook, folder: str, paths: Sequence[str]) -> Table | None:
    """What the rules of a folder's `.sops.yaml` say to those of `paths` that have none nearer; None without a readable one."""
    config = book.configs.get(folder)
    if config is None:
        return None
    prefix = f"{folder}/" if folder else ""
    try:
        verdicts = config.explain(f"{ROOT}{prefix}{NAME}").verdicts
        tests = [compile_pattern(verdict.path_regex, "path_regex") for verdict in verdicts]
    except ConfigError:
        return None
    fitting = {
        path: [rule for rule, test in enumerate(tests) if test(path.removeprefix(prefix))]
        for path in paths
        if book.config_for(path) is config and path.rpartition("/")[2] != NAME
    }
    return Table(tuple(one.path_regex for one in verdicts), tuple(one.line for one in verdicts), fitting)
