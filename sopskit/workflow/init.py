"""init: what a repository needs for encrypted files: `.sops.yaml`, `.sopskit.yaml`, a pre-commit hook. Only what is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from sopskit.config import sopskit_yaml
from sopskit.config.new_rules import NewRule, append, new_file, scalar, text_of
from sopskit.config.search import IGNORED_NAME, NAME
from sopskit.config.sops_yaml import SopsConfig
from sopskit.errors import FileAccessError, UsageError
from sopskit.workflow import files, githook
from sopskit.workflow.chosen import EVERYWHERE, Readers
from sopskit.workflow.environments import SECRETS_REGEX, is_protected, read_layout
from sopskit.workflow.recipients import Reader, labels, load_team
from sopskit.workflow.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.git.worktree import WorkTree
    from sopskit.workflow.chosen import Chosen, Owner
    from sopskit.workflow.environments import Layout, Place
    from sopskit.workflow.files import Seen

MANIFESTS = "^(data|stringData)$"
HELM_VALUES = "^(data|stringData|secrets)$"
MOST_FOLDERS = 5  # named in one line


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
    """What is missing, what is there already, and what the user has to do themselves."""

    writes: tuple[Write, ...]
    there: tuple[str, ...]
    advice: tuple[str, ...]


def plan(root: str, tree: WorkTree, chosen: Chosen, owner: Owner, *, hooks_only: bool = False) -> Plan:
    """Find out what is missing in the work tree at `root`. Nothing is written.

    Raises `UsageError` if no recipient is known for a rule that is missing, and what reading the files raises.
    """
    planner = _Planner(root, chosen, owner)
    if not hooks_only:
        layout = read_layout(root, [os.fsdecode(name) for name in tree.files()])
        chosen.check(layout.environments)
        planner.plan_rules(layout)
        planner.plan_team(layout)
    planner.plan_hook(tree)
    return Plan(tuple(planner.writes), tuple(planner.there), tuple(planner.advice))


class _Planner:
    """Collects what is to be done."""

    def __init__(self, root: str, chosen: Chosen, owner: Owner) -> None:
        self.writes: list[Write] = []
        self.there: list[str] = []
        self.advice: list[str] = []
        self._root = root
        self._chosen = chosen
        self._owner = owner
        self._used = Readers()  # of new rules
        self._configs: dict[str, SopsConfig | None] = {}

    # --- .sops.yaml

    def plan_rules(self, layout: Layout) -> None:
        rules = self._new_rules(layout)
        seen = self._read(NAME)
        if os.path.lexists(self._path(IGNORED_NAME)):
            self.advice.append(f"{IGNORED_NAME} is read by nobody: the file must be called {NAME}")
        if layout.left_out:
            names = ", ".join(layout.left_out)
            self.advice.append(f"write rules for these environments yourself, their names need care: {names}")
        if not rules:
            self.there.append(f"{NAME}, with a rule for every environment")
            if self._chosen.by_environment:
                self.advice.append(f"the recipients named are not used: change {NAME}, then run sopskit updatekeys")
            return
        data = new_file(rules) if seen.data is None else append(self._shown(NAME), seen.data, rules)
        if data is None:
            text = text_of(rules).rstrip("\n")
            self.advice.append(
                f"{NAME} is written in a way that has no place for more rules; add to creation_rules:\n{text}"
            )
            return
        added = data.decode() if seen.data is None else text_of(rules)
        self._write(NAME, self._in_words(rules), seen, data, added)

    def _in_words(self, rules: Sequence[NewRule]) -> tuple[str, ...]:
        """What the rules say; recipients by a short form that tells them apart."""
        short = labels(Reader("", key) for rule in rules for key in rule.age + rule.pgp)
        own = self._owner.recipient
        called = {reader.id: f"{text} (your own key)" if reader.id == own else text for reader, text in short.items()}
        return tuple(
            f"{rule.about} ({rule.path_regex}) for {', '.join(called[key] for key in rule.age + rule.pgp)}"
            for rule in rules
        )

    def _new_rules(self, layout: Layout) -> list[NewRule]:
        """A rule for every place that no rule means. Raises `UsageError` if nobody is known who should read it."""
        missing = [place for place in layout.places if not self._has_rule(place)]
        environments = {place.environment: None for place in missing}
        if not layout.places and not self._has_rules():
            environments[EVERYWHERE] = None
        readers = {name: self._chosen.readers(name, self._owner) for name in environments}
        self._require([name for name, found in readers.items() if not any(found)])
        for found in readers.values():
            self._used = self._used.plus(found)
        alone = [name for name in readers if self._chosen.is_silent_about(name)]
        if alone:
            where = f" in {', '.join(alone)}" if layout.places else ""
            self.advice.append(
                f"only you can read what is encrypted{where}: name the cluster and others with --age and --pgp, "
                f"or add their public keys to {NAME} later and run sopskit updatekeys"
            )
        rules = [_rule(place, readers[place.environment]) for place in missing]
        if EVERYWHERE in readers:
            rules.append(NewRule("Secrets", SECRETS_REGEX, MANIFESTS, *readers[EVERYWHERE]))
        return rules

    def _require(self, without: Sequence[str]) -> None:
        if not without:
            return
        names = [name for name in without if name != EVERYWHERE]
        option = f"--age {names[0]}=age1..." if names else "--age age1..."
        what = f" {', '.join(names)}" if names else " the Secrets"
        raise UsageError(
            f"it is not known who shall read{what}: no recipient was named, and no age key of yours was found",
            hint=f"make a key with sopskit keys generate, or name recipients: sopskit init {option}",
        )

    def _has_rules(self) -> bool:
        config = self._config(NAME)
        return config is not None and bool(config.rules())

    def _has_rule(self, place: Place) -> bool:
        """Whether a rule means one of its folders. Rules of a team's own may leave others out on purpose; that is told."""
        without = [folder.name for folder in place.folders if not self._is_covered(folder.examples)]
        if len(without) == len(place.folders):
            return False
        if without:
            more = f" and {len(without) - MOST_FOLDERS} more" if len(without) > MOST_FOLDERS else ""
            self.advice.append(f"no rule of {NAME} means Secrets in {', '.join(without[:MOST_FOLDERS])}{more}")
        return True

    def _is_covered(self, examples: Sequence[str]) -> bool:
        """Whether a rule of a `.sops.yaml` above it means one of these paths."""
        for example in examples:
            folder = example
            while folder:
                folder = folder.rpartition("/")[0]
                config = self._config(f"{folder}/{NAME}" if folder else NAME)
                if config is not None and config.explain(self._shown(example)).matched:
                    return True
        return False

    def _config(self, name: str) -> SopsConfig | None:
        if name not in self._configs:
            data = self._read(name).data
            self._configs[name] = None if data is None else SopsConfig(self._shown(name), data)
        return self._configs[name]

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

    def _shown(self, name: str) -> str:
        return os.path.relpath(self._path(name))


def _rule(place: Place, readers: Readers) -> NewRule:
    what = "Helm values" if place.helm else "manifests"
    regex = HELM_VALUES if place.helm else MANIFESTS
    return NewRule(f"{place.environment}: {what}", place.path_regex, regex, *readers)


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
