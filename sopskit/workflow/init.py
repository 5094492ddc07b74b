"""init: what a repository needs for encrypted files: `.sops.yaml`, `.sopskit.yaml`, a pre-commit hook. Only what is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config import sopskit_yaml
from sopskit.config.new_rules import append, new_file, scalar, text_of
from sopskit.config.search import IGNORED_NAME, NAME
from sopskit.errors import FileAccessError
from sopskit.redact import escape
from sopskit.workflow import files, githook
from sopskit.workflow.chosen import Readers
from sopskit.workflow.environments import is_protected, read_layout
from sopskit.workflow.existing import find_existing
from sopskit.workflow.initrules import Given, plan_rules
from sopskit.workflow.plainvalues import find_plain_values
from sopskit.workflow.recipients import load_team
from sopskit.workflow.sopsconfigs import SopsConfigs
from sopskit.workflow.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sopskit.git.worktree import WorkTree
    from sopskit.workflow.chosen import Chosen, Owner
    from sopskit.workflow.environments import Layout
    from sopskit.workflow.existing import Existing
    from sopskit.workflow.files import Seen
    from sopskit.workflow.initrules import LeftOut, NewRules

MOST_LINES = 10  # about files, of one kind


class Write(NamedTuple):
    """A file to be written: its name for the user, what comes into it in words, and its new content.

    `added` is the part of the content that is new.
    """

    shown: str
    what: tuple[str, ...]
    seen: Seen
    data: bytes
    added: str
    executable: bool = False


class Plan(NamedTuple):
    """What is missing, what is there already, and what the user has to do themselves.

    `left_out` are readers whom the new rules would shut out. `folders` have all environments, relative to the root.
    """

    writes: tuple[Write, ...]
    there: tuple[str, ...]
    advice: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    folders: tuple[str, ...] = ()


def plan(
    root: str, tree: WorkTree, chosen: Chosen, owner: Owner, *, hooks_only: bool = False, secrets_only: bool = False
) -> Plan:
    """Find out what is missing in the work tree at `root`. Nothing is written.

    With `secrets_only` new rules mean manifests only that are called secrets. Raises `UsageError` if no recipient is known for a rule that is missing, and what reading the files raises.
    """
    planner = _Planner(root, chosen, owner, secrets_only=secrets_only)
    tops: tuple[str, ...] = ()
    if not hooks_only:
        paths = [os.fsdecode(name) for name in tree.files()]
        layout = read_layout(root, paths)
        tops = layout.tops
        chosen.check(layout.environments)
        planner.plan_rules(layout, paths)
        planner.plan_team(layout)
    planner.plan_hook(tree)
    return Plan(tuple(planner.writes), tuple(planner.there), tuple(planner.advice), planner.left_out, tops)


class _Planner:
    """Collects what is to be done."""

    def __init__(self, root: str, chosen: Chosen, owner: Owner, *, secrets_only: bool) -> None:
        self.writes: list[Write] = []
        self.there: list[str] = []
        self.advice: list[str] = []
        self.left_out: tuple[LeftOut, ...] = ()
        self._root = root
        self._chosen = chosen
        self._owner = owner
        self._secrets_only = secrets_only
        self._used = Readers()  # of new rules
        self._configs = SopsConfigs(root)

    # --- .sops.yaml

    def plan_rules(self, layout: Layout, paths: Sequence[str]) -> None:
        existing = find_existing(self._root, paths)
        team = load_team(self._root)
        given = Given(layout, existing, self._chosen, self._owner, team, self._secrets_only)
        found = plan_rules(given, self._configs)
        self._used, self.left_out = found.readers, found.left_out
        if os.path.lexists(self._path(IGNORED_NAME)):
            self.advice.append(f"{IGNORED_NAME} is read by nobody: the file must be called {NAME}")
        if layout.left_out:
            names = ", ".join(map(escape, layout.left_out))
            self.advice.append(f"write rules for these environments yourself, their names need care: {names}")
        self.advice += found.advice
        if found.rules:
            self._write_rules(found)
        elif not found.wanted:
            self.there.append(f"{NAME}, with a rule for every environment")
        self._advise_on_files(existing, paths)

    def _write_rules(self, found: NewRules) -> None:
        seen = self._read(NAME)
        rules = found.rules
        data = new_file(rules) if seen.data is None else append(self._configs.shown(NAME), seen.data, rules)
        if data is None:
            text = text_of(rules).rstrip("\n")
            self.advice.append(
                f"{NAME} is written in a way that has no place for more rules; add to creation_rules:\n{text}"
            )
            return
        self._configs.put(NAME, data)
        added = data.decode() if seen.data is None else text_of(rules)
        self._write(NAME, found.words, seen, data, added)

    def _advise_on_files(self, existing: Existing, paths: Sequence[str]) -> None:
        """Say which files the rules, the new ones among them, leave as they are."""
        self._advise(existing.not_read, "{} looks encrypted and cannot be read: who reads it does not count")
        without = (file.path for file in existing.files if self._configs.rule_for(file.path) is None)
        self._advise(without, "{} is encrypted, and no rule means it")
        self._advise(map(str, find_plain_values(self._root, paths, self._configs)), "{}")

    def _advise(self, found: Iterable[str], words: str) -> None:
        """One line for each, unless there are many."""
        lines = [words.format(escape(one)) for one in found]  # a path may hold line feeds
        more = [f"and {len(lines) - MOST_LINES} more files like these"] if len(lines) > MOST_LINES else []
        if lines:
            self.advice.append("\n".join((*lines[:MOST_LINES], *more)))

    # --- .sopskit.yaml

    def plan_team(self, layout: Layout) -> None:
        name = sopskit_yaml.NAME
        seen = self._read(name)
        if seen.data is not None:
            self.there.append(name)
            self._advise_on_environments(layout)
            return
        text = _team_text(layout, self._used, self._owner)
        environments = [f"{one}{', protected' if is_protected(one) else ''}" for one in layout.environments]
        named = self._owner.name if self._owner.recipient in self._used.age else None
        names = f"names: {named}; add those of the others" if named else "names: none yet, add them"
        what = (f"environments: {'; '.join(environments) or 'none found'}", names)
        self._write(name, what, seen, text.encode(), text)

    def _advise_on_environments(self, layout: Layout) -> None:
        team = load_team(self._root)
        for place in layout.places if team.environments else ():
            examples = (example for folder in place.folders for example in folder.examples)
            if not any(map(team.environment_of, examples)):
                self.advice.append(f"{sopskit_yaml.NAME} puts {place.pattern} into no environment")

    # --- the hook

    def plan_hook(self, tree: WorkTree) -> None:
        hook = githook.plan_hook(self._root, tree.hooks_folder(), tree.git_folder())
        shown = os.path.relpath(hook.path, self._root) if hook.path.startswith(self._root + os.sep) else hook.path
        if hook.advice is not None:
            self.advice.append(hook.advice)
        elif hook.there:
            self.there.append("a pre-commit hook that runs sopskit check")
        elif hook.seen is not None:
            what = ("runs sopskit check --staged before every commit, and refuses it if sopskit is missing",)
            text = githook.HOOK.decode()
            self.writes.append(Write(shown, what, hook.seen, githook.HOOK, text, executable=True))

    # --- files

    def _write(self, name: str, what: tuple[str, ...], seen: Seen, data: bytes, added: str) -> None:
        self.writes.append(Write(name, what, seen, data, added))

    def _read(self, name: str) -> Seen:
        path = self._path(name)
        return files.read(path, limit=githook.LIMIT) if os.path.lexists(path) else files.look(path)

    def _path(self, name: str) -> str:
        return os.path.join(self._root, name)


def _team_text(layout: Layout, readers: Readers, owner: Owner) -> str:
    """A new `.sopskit.yaml`: environments, and the user's own name; others are left for somebody to name."""
    lines = ["# Environments and people, for sopskit review-diff and check.", f"version: {sopskit_yaml.VERSION}"]
    if layout.places:
        lines.append("environments:  # the first whose paths fit counts")
    for environment in layout.environments:
        lines += [f"  - name: {scalar(environment)}", "    paths:"]
        lines += [f"      - {scalar(place.pattern)}" for place in layout.places if place.environment == environment]
        if is_protected(environment):
            lines.append("    protected: true  # findings weigh more here")
    lines.append("names:  # who is behind a recipient")
    for key in readers.age + readers.pgp:
        if key == owner.recipient and owner.name:
            lines += [f"  - name: {scalar(owner.name)}", f"    recipients: [{scalar(key)}]"]
        else:
            lines += ["  # - name:", f"  #   recipients: [{scalar(key)}]"]
    return "\n".join([*lines, ""])


def carry_out(plan: Plan) -> None:
    """Write what is missing, each file whole or not at all. Raises the first error; a file written meanwhile stays."""
    with Writer() as writer:
        for write in plan.writes:
            try:
                os.makedirs(os.path.dirname(write.seen.target), exist_ok=True)
            except OSError as error:
                raise FileAccessError(f"the folder cannot be made: {files.reason(error)}").at(
                    file=write.shown
                ) from None
            writer.replace(write.seen, write.data)
        failures = writer.finish()
    if failures:
        raise failures[0][1]
    for write in plan.writes:
        if write.executable:
            githook.make_executable(write.seen.target)
