"""`sopskit rules`: which creation rule a file gets, and why."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from sopskit.cli.configuration import Configuration
from sopskit.cli.declare import Given
from sopskit.cli.keys import SETTINGS, example
from sopskit.cli.recipients import path_text, work_tree
from sopskit.errors import ConfigError
from sopskit.redact import escape_path, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from sopskit.cli.context import Context
    from sopskit.config.sops_yaml import SopsConfig, Verdict
    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.sops.selection import Selection
    from sopskit.workflow.recipients import Reader
    from sopskit.workflow.rules import Contents, Explained, Place, Rule

NO_RULE = 1  # exit code: a path gets no rule, or its file cannot be read
form_option = click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", help="How to print it."
)
json_option = click.option("--json", "form", flag_value="json", help="Short for --format json.")


@click.group(context_settings=SETTINGS, epilog=example("sopskit rules explain k8s/gitops/prod/service1/secrets.yaml"))
def command() -> None:
    """Explain the creation rules of .sops.yaml.

    The first rule whose path_regex is found in a file's path counts: it says for whom a new file is encrypted, and what of
    it. Needs no key.
    """


@command.command("explain", epilog=example("sopskit rules explain k8s/gitops/prod/service1/secrets.yaml"))
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@form_option
@json_option
@click.pass_obj
def explain(context: Context, paths: tuple[str, ...], form: str) -> int:
    """Say which creation rule a file gets and why, for whom it is encrypted, and what of it.

    The file need not be there. If it is, its values are listed by their key paths, those that the rule encrypts and
    those that stay readable; no value is shown. A folder stands for the files in it.

    Needs no key. Exit code 1 if a file gets no rule or cannot be read.
    """
    from sopskit.workflow import rules
    from sopskit.workflow.folders import expand

    config, team = _configuration(context)
    explained = [rules.explain(config, team, found.path) for found in expand(paths)]
    if form == "json":
        files = [_explained_json(one) for one in explained]
        context.say(json.dumps({"config": path_text(config.file), "files": files}, indent=2))
    else:
        for number, one in enumerate(explained):
            for line in ("",) * bool(number) + tuple(_explained_text(one, config)):
                context.say(line)
    return NO_RULE if any(one.rule is None or one.problem for one in explained) else 0


@command.command("list", epilog=example("sopskit rules list", "sopskit rules list --json"))
@form_option
@json_option
@click.pass_obj
def list_rules(context: Context, form: str) -> None:
    """List the creation rules in their order, with the names of their recipients. Needs no key."""
    from sopskit.workflow import rules

    config, team = _configuration(context)
    found = rules.list_rules(config, team)
    if form == "json":
        context.say(
            json.dumps({"config": path_text(config.file), "rules": [_rule_json(one) for one in found]}, indent=2)
        )
        return
    for one in found:
        context.say(f"{harmless(config.file)}:{one.line}: {_paths(one.path_regex)}")
        for line in _rule_text(one):
            context.say(f"  {line}")
    if not found:
        context.note(f"{config.file} has no creation rules")


def _configuration(context: Context) -> tuple[SopsConfig, TeamConfig]:
    """The `.sops.yaml` that sops would read here, and the names of this work tree. Raises `ConfigError`."""
    from sopskit.workflow.recipients import load_team

    context.config = context.config or context.environ.get("SOPS_CONFIG")
    config = Configuration(context, Given({}, {}, [], context.environ)).config
    if config is None:
        raise ConfigError(
            "no .sops.yaml was found here or above", hint="sopskit init makes one, with a rule for each environment"
        )
    for line, field in config.unknown:
        context.warn(f"{config.file}:{line}: sops does not know the field {harmless(field)}, and ignores it")
    tree = work_tree(context, os.curdir, needed=False)
    return config, load_team(None if tree is None else str(tree.root))


# --- text


def _explained_text(one: Explained, config: SopsConfig) -> Iterator[str]:
    yield harmless(one.path)
    if one.explanation.path != one.path:
        yield f"  compared as {harmless(one.explanation.path)}"
    for verdict in one.explanation.verdicts:
        yield f"  {_mark(verdict)} {harmless(config.file)}:{verdict.line}: {_reason(verdict)}"
    if one.rule is None:
        yield "  no rule fits: sops and sopskit refuse to encrypt it" if config.has_rules else "  there are no rules"
        return
    for line in _rule_text(one.rule):
        yield f"  {line}"
    if one.problem:
        yield f"  the file cannot be read: {harmless(one.problem)}"
    elif one.contents:
        yield from _contents_text(one.contents, one.rule)
    else:
        yield "  there is no such file yet"


def _mark(verdict: Verdict) -> str:
    return {True: "yes", False: "no ", None: "-  "}[verdict.matches]


def _reason(verdict: Verdict) -> str:
    if verdict.matches is None:
        return "not asked, an earlier rule fits"
    if not verdict.path_regex:
        return "fits every path, it has no path_regex"
    return f"{harmless(verdict.path_regex)}  is {'' if verdict.matches else 'not '}found in the path"


def _rule_text(rule: Rule) -> Iterator[str]:
    several = len(rule.groups) > 1
    for number, group in enumerate(rule.groups, 1):
        yield f"for key group {number}:" if several else "for:"
        for reader in group:
            yield f"  {_reader_text(reader)}"
    if several:
        yield f"{rule.threshold or len(rule.groups)} of {len(rule.groups)} key groups open it"
    if not rule.groups:
        yield "for nobody: the rule names no recipient"
    yield f"encrypts {_selection_text(rule.selection)}"
    if rule.mac_only_encrypted:
        yield "the MAC covers the encrypted values only: the others can be changed unnoticed"


def _reader_text(reader: Reader) -> str:
    from sopskit.workflow.keys import shortened

    name = "" if reader.name is None else f"{harmless(reader.name)}  "
    return f"{name}{reader.type} {harmless(shortened(reader.id))}"


def _selection_text(selection: Selection) -> str:
    if selection.field is None:
        return "everything"
    pattern = harmless(selection.pattern)
    what, _, how = selection.field.partition("_")
    rest = {
        "comment_regex": "under comments that match",
        "regex": "of keys that match",
        "suffix": "of keys that end in",
    }
    start = "the values" if what == "encrypted" else "all but the values"
    return f"{start} {rest[how]} {pattern}  ({selection.field})"


def _contents_text(contents: Contents, rule: Rule) -> Iterator[str]:
    if contents.own is not None and contents.own != rule.selection and contents.format != "binary":
        yield f"  but the file is encrypted already, and keeps its own rule: {_selection_text(contents.own)}"
    elif contents.own is not None:
        yield "  the file is encrypted already"
    several = len({place.document for place in contents.encrypted + contents.readable}) > 1
    comments = f", and {_count(contents.comments, 'comment')}" if contents.comments else ""
    yield f"  encrypted, {_count(len(contents.encrypted), 'value')}{comments}:"
    yield from (f"    {_place(place, several=several)}" for place in contents.encrypted)
    yield f"  readable, {_count(len(contents.readable), 'value')}:"
    yield from (f"    {_place(place, several=several)}" for place in contents.readable)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _place(place: Place, *, several: bool) -> str:
    return f"document {place.document + 1}: {escape_path(place.path)}" if several else escape_path(place.path)


def _paths(path_regex: str) -> str:
    return f"paths with {harmless(path_regex)}" if path_regex else "every path"


# --- JSON


def _explained_json(one: Explained) -> dict[str, Any]:
    return {
        "path": path_text(one.path),
        "compared": path_text(one.explanation.path),
        "verdicts": [
            {
                "position": verdict.position,
                "line": verdict.line,
                "path_regex": verdict.path_regex,
                "matches": verdict.matches,
            }
            for verdict in one.explanation.verdicts
        ],
        "rule": None if one.rule is None else _rule_json(one.rule),
        "file": None if one.contents is None else _contents_json(one.contents),
        "problem": one.problem,
    }


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "position": rule.position,
        "line": rule.line,
        "path_regex": rule.path_regex,
        "selection": _selection_json(rule.selection),
        "mac_only_encrypted": rule.mac_only_encrypted,
        "shamir_threshold": rule.threshold or None,
        "recipients": [
            {"type": reader.type, "id": reader.id, "name": reader.name, "group": number}
            for number, group in enumerate(rule.groups)
            for reader in group
        ],
    }


def _contents_json(contents: Contents) -> dict[str, Any]:
    return {
        "format": contents.format,
        "selection": None if contents.own is None else _selection_json(contents.own),
        "encrypted": _places_json(contents.encrypted),
        "readable": _places_json(contents.readable),
        "comments": contents.comments,
    }


def _places_json(places: Sequence[Place]) -> list[dict[str, Any]]:
    return [{"document": place.document, "path": list(place.path)} for place in places]


def _selection_json(selection: Selection) -> dict[str, str]:
    return {} if selection.field is None else {selection.field: selection.pattern}
