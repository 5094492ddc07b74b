"""The creation rules that a work tree lacks: for which files, who reads them, and what is encrypted in them.

Nobody who can read an environment is shut out without a word: files that are encrypted already say who its readers are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.new_rules import NewRule
from sopskit.config.search import NAME
from sopskit.config.sopskit_yaml import canonical
from sopskit.errors import ConfigError, UsageError
from sopskit.redact import escape
from sopskit.sops.patterns import compile_pattern
from sopskit.sops.selection import Selection
from sopskit.workflow.chosen import EVERYWHERE, Readers
from sopskit.workflow.environments import SECRETS_REGEX
from sopskit.workflow.existing import Sealed
from sopskit.workflow.recipients import Reader, labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.workflow.chosen import Chosen, Owner
    from sopskit.workflow.environments import Layout, Place
    from sopskit.workflow.existing import Existing
    from sopskit.workflow.sopsconfigs import SopsConfigs

MANIFESTS = Sealed(Selection("encrypted_regex", "^(data|stringData)$"), mac_only_encrypted=False)
HELM_VALUES = Sealed(Selection("encrypted_regex", "^(data|stringData|secrets)$"), mac_only_encrypted=False)
# what every manifest has, and has to stay readable
IDENTITY = ("apiVersion", "kind", "metadata")
MOST_FOLDERS = 5  # named in one line


class LeftOut(NamedTuple):
    """A reader of files that are there, whom a new rule would not name: what to call them, and the files."""

    environment: str
    recipient: str
    called: str
    paths: tuple[str, ...]


class NewRules(NamedTuple):
    """The rules in their order, each also in words; everybody whom they name; what the user has to know.

    `wanted` tells whether there should be rules, be it some that `init` cannot write.
    """

    rules: tuple[NewRule, ...]
    words: tuple[str, ...]
    readers: Readers
    advice: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    wanted: bool


class Given(NamedTuple):
    """What rules are made from: what is there, and what the user said."""

    layout: Layout
    existing: Existing
    chosen: Chosen
    owner: Owner
    team: TeamConfig
    secrets_only: bool = False


def plan_rules(given: Given, configs: SopsConfigs) -> NewRules:
    """Find a rule for every place that no rule means. Raises `UsageError` if nobody is known who should read it."""
    return _Planner(given, configs).plan()


class _Planner:
    def __init__(self, given: Given, configs: SopsConfigs) -> None:
        self._given = given
        self._configs = configs
        self._advice: list[str] = []
        self._left_out: list[LeftOut] = []

    def plan(self) -> NewRules:
        given = self._given
        covered = {place: self._has_rule(place) for place in given.layout.places}
        places = [place for place, is_there in covered.items() if not is_there]
        environments = dict.fromkeys(place.environment for place in places)
        if not covered and not self._has_rules():
            environments = {EVERYWHERE: None}
        wanted = bool(environments)
        readers = {name: self._readers(name) for name in environments if not self._is_odd(name)}
        self._require([name for name, found in readers.items() if not any(found)])
        self._advise_on_the_lonely(readers)
        rules = [self._rule(place, readers[place.environment]) for place in places if place.environment in readers]
        if EVERYWHERE in readers:
            sealed = self._sealed(EVERYWHERE, SECRETS_REGEX, MANIFESTS)
            rules.append(_new_rule("Secrets", SECRETS_REGEX, sealed, readers[EVERYWHERE]))
        union = Readers()
        for found in readers.values():
            union = union.plus(found)
        self._advise_on_the_named([place for place, is_there in covered.items() if is_there])
        words = tuple(self._in_words(rules, [*(place.environment for place in places if place.environment in readers)]))
        return NewRules(tuple(rules), words, union, tuple(self._advice), tuple(self._left_out), wanted)

    # --- which rules there are

    def _has_rules(self) -> bool:
        config = self._configs.at(NAME)
        return config is not None and bool(config.rules())

    def _has_rule(self, place: Place) -> bool:
        """Whether a rule means one of its folders. Rules of a team's own may leave others out on purpose; that is told."""
        without = [folder.name for folder in place.folders if not any(map(self._configs.is_covered, folder.examples))]
        if len(without) == len(place.folders):
            return False
        if without:
            more = f" and {len(without) - MOST_FOLDERS} more" if len(without) > MOST_FOLDERS else ""
            self._advice.append(
                f"no rule of {NAME} means Secrets in {', '.join(map(escape, without[:MOST_FOLDERS]))}{more}"
            )
        return True

    # --- who reads

    def _readers(self, environment: str) -> Readers:
        """Those that the user named, else those of the files that are there, else the user."""
        existing = self._given.existing
        named = self._given.chosen.named(environment)
        if named is None:
            own = (self._given.owner.recipient,) if self._given.owner.recipient else ()
            found = existing.union(environment)
            return found if any(found) else Readers(own)
        kept = set(map(canonical, named.age + named.pgp))
        lost = {key: paths for key, paths in existing.readers(environment).items() if canonical(key) not in kept}
        called = self._labels(lost)
        self._left_out += [LeftOut(environment, key, called[key], tuple(paths)) for key, paths in lost.items()]
        return named

    def _is_odd(self, environment: str) -> bool:
        """Whether the files of an environment have readers that a rule of ours cannot name. That is told."""
        file = next((file for file in self._given.existing.of(environment) if file.odd is not None), None)
        if file is not None:
            what = f" for {environment}" if environment else ""
            self._advice.append(f"write the rule{what} yourself, as {escape(file.path)} shows who reads it: {file.odd}")
        return file is not None

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

    def _advise_on_the_lonely(self, readers: Mapping[str, Readers]) -> None:
        own, existing, chosen = self._given.owner.recipient, self._given.existing, self._given.chosen
        unnamed = [name for name in readers if chosen.named(name) is None]
        alone = [name for name in unnamed if not existing.of(name)]
        if alone:
            where = f" in {', '.join(alone)}" if self._given.layout.places else ""
            self._advice.append(
                f"only you can read what is encrypted{where}: name the cluster and others with --age and --pgp, "
                f"or add their public keys to {NAME} later and run sopskit updatekeys"
            )
        without = [name for name in unnamed if existing.of(name) and own is not None and own not in readers[name].age]
        if without:
            where = f" of {', '.join(without)}" if self._given.layout.places else ""
            self._advice.append(f"your own key is not among the readers{where}, as the files that are there have it")

    def _advise_on_the_named(self, places: Iterable[Place]) -> None:
        """Say in which rules recipients are missing that the user named for what has a rule."""
        missing: dict[str, dict[str, None]] = {}
        is_asked = False
        for place in places:
            named = self._given.chosen.named(place.environment)
            found = next(filter(None, map(self._configs.rule_for, place.folders[0].examples)), None)
            if named is None or found is None:
                continue
            is_asked = True
            config, rule = found
            there = {canonical(key.id) for group in rule.groups for key in group}
            line = escape(f"{config.file}:{rule.line} ({place.environment})")
            for key in named.age + named.pgp:
                if canonical(key) not in there:
                    missing.setdefault(line, {})[key] = None
        if missing:
            lines = [f"  {line}: add {', '.join(keys)}" for line, keys in missing.items()]
            text = f"{NAME} has these rules already; edit them, then run sopskit updatekeys on the files:"
            self._advice.append("\n".join((text, *lines)))
        elif is_asked:
            self._advice.append(f"the recipients named stand in the rules of {NAME} already")

    def _labels(self, keys: Iterable[str]) -> dict[str, str]:
        """What to call recipients: the name in `.sopskit.yaml`, else a short form that tells them apart."""
        team = self._given.team
        readers = [Reader("", key, name.name if (name := team.name_of(key)) else None) for key in dict.fromkeys(keys)]
        own = self._given.owner.recipient
        return {
            reader.id: f"{text} (your own key)" if reader.id == own else text
            for reader, text in labels(readers).items()
        }

    # --- what is encrypted

    def _rule(self, place: Place, readers: Readers) -> NewRule:
        if place.helm:
            what, regex, usual = "Helm values", place.path_regex, HELM_VALUES
        elif self._given.secrets_only:
            what, regex, usual = "Secrets", place.secrets_regex, MANIFESTS
        else:
            what, regex, usual = "Secrets and ConfigMaps", place.path_regex, MANIFESTS
        sealed = self._sealed(place.environment, regex, usual)
        return _new_rule(f"{place.environment}: {what}", regex, sealed, readers)

    def _sealed(self, environment: str, regex: str, usual: Sealed) -> Sealed:
        """What the files that are there have encrypted, if all agree and the rule can have it; else what is usual."""
        means = compile_pattern(regex, "path_regex")
        found = {file.sealed: file.path for file in self._given.existing.of(environment) if means(file.path)}
        if len(found) == 1 and _is_sane(sealed := next(iter(found)), usual):
            return sealed
        if found and set(found) != {usual}:
            shown = "; ".join(escape(f"{_spelled(sealed)} in {path}") for sealed, path in found.items())
            what = environment or "the Secrets"
            self._advice.append(f"look at the rule for {what}: it has {_spelled(usual)}, and files there have {shown}")
        return usual

    def _in_words(self, rules: Sequence[NewRule], environments: Sequence[str]) -> Iterable[str]:
        called = self._labels(key for rule in rules for key in rule.age + rule.pgp)
        for number, rule in enumerate(rules):
            environment = environments[number] if environments else EVERYWHERE
            keys = ", ".join(called[key] for key in rule.age + rule.pgp)
            files = self._given.existing.of(environment)
            what = f"{len(files)} files that are" if len(files) > 1 else "one file that is"
            there = f": those of the {what} encrypted{f' in {environment}' if environment else ''}"
            is_theirs = files and self._given.chosen.named(environment) is None
            yield f"{rule.about} ({rule.path_regex}) for {keys}{there if is_theirs else ''}"
            sealed = Sealed(rule.selection, rule.mac_only_encrypted)
            if sealed not in (MANIFESTS, HELM_VALUES):
                yield f"  what is encrypted is as in the files there: {_spelled(sealed)}"


def _new_rule(about: str, regex: str, sealed: Sealed, readers: Readers) -> NewRule:
    return NewRule(about, regex, sealed.selection, *readers, mac_only_encrypted=sealed.mac_only_encrypted)


def _is_sane(sealed: Sealed, usual: Sealed) -> bool:
    """Whether a rule can have this: a pattern that compiles, and for manifests one that leaves them manifests."""
    try:
        sealed.selection.check()
        return usual is not MANIFESTS or not any(sealed.selection.selects_keys([key]) for key in IDENTITY)
    except ConfigError:
        return False


def _spelled(sealed: Sealed) -> str:
    more = ", mac_only_encrypted" if sealed.mac_only_encrypted else ""
    return f"{sealed.selection.field} {sealed.selection.pattern}{more}"
