"""`sopskit updatekeys`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.cli import options, results
from sopskit.cli.configuration import Configuration
from sopskit.cli.context import printable
from sopskit.cli.declare import Option, Verb
from sopskit.errors import ConfigError, NoMatchingRuleError, NotEncryptedError, UsageError
from sopskit.sops.crypt import load
from sopskit.workflow.folders import looks_encrypted
from sopskit.workflow.outcome import Left
from sopskit.workflow.updatekeys import compare, threshold_for, update_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from sopskit.cli.context import Context
    from sopskit.cli.declare import Given
    from sopskit.config.sops_yaml import CreationRule
    from sopskit.workflow.files import Seen
    from sopskit.workflow.folders import Found
    from sopskit.workflow.updatekeys import KeyChange


def run(context: Context, given: Given) -> int:
    """Give files and the SOPS files of folders the recipients of their creation rules."""
    if not given.files:
        raise UsageError("no file specified")
    if given.has("json") and not given.has("yes"):
        raise UsageError("--json leaves no place for a question", hint="add --yes")
    configuration = Configuration(context, given)
    if configuration.config is None:
        raise ConfigError(
            "no .sops.yaml was found here or above", hint="updatekeys takes the recipients from its rules"
        )
    if not configuration.config.has_rules:
        raise ConfigError("there are no creation rules").at(file=configuration.config.file)
    change = _changer(context, given, configuration)
    return results.in_place(context, given, "updatekeys", change, asks=not given.has("yes"))


def _changer(context: Context, given: Given, configuration: Configuration) -> Callable[[Seen, Found], bytes | Left]:
    def change(seen: Seen, found: Found) -> bytes | Left:
        source = seen.data or b""
        format = options.input_format(given, found.path)
        if not found.named and not looks_encrypted(source, format.NAME):
            raise NotEncryptedError("the file is not encrypted")
        file = load(source, format)
        rule = _rule(configuration, found)
        changes = compare(file.metadata, rule.groups, rule.shamir_threshold)
        if changes.is_empty:
            return Left("already up to date")
        if not given.has("json"):
            show(context, found.path, changes)
        if not given.has("yes") and not _confirmed(context):
            return Left("left unchanged")
        threshold = threshold_for(file.metadata, len(rule.groups), rule.shamir_threshold)
        indent = configuration.config.indent(format.NAME) if configuration.config else None
        return update_keys(file, rule.groups, threshold, context.keyring(), indent=indent)

    return change


def _rule(configuration: Configuration, found: Found) -> CreationRule:
    rule = configuration.rule_for(found.path)
    if rule is None or not rule.groups:
        raise NoMatchingRuleError("its creation rule names no recipient", hint="add age: or pgp: to the rule")
    return rule


def show(context: Context, path: str, changes: KeyChange) -> None:
    """Print the change as sops does."""
    context.note(f"sopskit: keys of {path}:")
    context.say("The following changes will be made to the file's groups:")
    before, after = changes.threshold_before, changes.threshold_after
    if before == after and after:
        context.say(f"shamir_threshold: {after}")
    elif before != after:
        if after:
            context.say(f"+++ shamir_threshold: {after}")
        if before:
            context.say(f"--- shamir_threshold: {before}")
    for number, group in enumerate(changes.groups, 1):
        context.say(f"Group {number}")
        for mark, ids in (("   ", group.kept), ("+++", group.added), ("---", group.removed)):
            for id in ids:
                context.say(f"{mark} {printable(id)}")


def _confirmed(context: Context) -> bool:
    """Exactly y or n, as in sops."""
    while True:
        answer = context.ask("Is this okay? (y/n):")
        if answer in ("y", "n"):
            return answer == "y"


VERB = Verb(
    name="updatekeys",
    summary="Give files the recipients of their creation rules in .sops.yaml. A removed recipient can still open what it "
    "has seen: rotate afterwards.",
    arguments="FILE...",
    keys="Needs a private key, to open the data key for the new recipients. With public keys alone it can only compare: answer n.",
    example="""
sopskit updatekeys secrets.yaml
sopskit updatekeys --yes k8s/gitops
""",
    options=(
        Option("yes", "do it without asking", short="y"),
        options.INPUT_TYPE,
        options.JSON,
        *options.ROOT,
    ),
    run=run,
)
