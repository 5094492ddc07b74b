"""`sopskit policies`: what reviews and checks look for, why it matters, and how to waive it."""

from __future__ import annotations

import json
import os
import re
import textwrap
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from sopskit.cli.reports import wants_colour
from sopskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.cli.context import Context
    from sopskit.review.findings.policy import Policy

WIDTH = 100  # columns of a text that is wrapped
WAIVED_DAYS = 90  # how long the waiver that is shown holds
KEYS = {"no": "not needed", "yes": "needed", "helps": "not needed, but it shows more"}
# SGR parameters by severity; what is switched off is dim
COLOURS = {"block": 31, "high": 31, "medium": 33, "low": 36, "off": 2}
SETTINGS = {"help_option_names": ["-h", "--help"]}
WAIVER = """\
waivers:
  - policy: {id}
    path: "k8s/gitops/dev/service1/secrets.yaml"
    key: ["data", "LOG_LEVEL"]    # leave it out to waive it for the whole file
    reason: "why this is no danger"
    owner: your-name
    expires: {expires}"""
ID = re.compile(r"([A-Za-z]+|[Kk]8[Ss])[-_ ]?([0-9]{1,3})")
json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.group(
    invoke_without_command=True,
    context_settings=SETTINGS,
    epilog="\b\nExample:\n  sopskit policies\n  sopskit policies explain RCP01",
)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List and explain what review-diff and check look for.

    Without a subcommand it lists them. Severities are those of .sopskit.yaml in the work tree; one that is not the default is
    marked. Needs no key.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json=as_json)


@command.command("list")
@json_option
@click.pass_obj
def list_policies(context: Context, as_json: bool) -> None:
    """List the policies: id, severity, whether a private key is needed, title."""
    _list(context, as_json=as_json)


@command.command("explain", epilog="\b\nExample:\n  sopskit policies explain RCP01 ENC04")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@click.pass_obj
def explain(context: Context, ids: tuple[str, ...], as_json: bool) -> None:
    """Say why a finding matters, what to do about it, and how to waive it."""
    severities = _severities(context)
    chosen = [_find(id) for id in ids]
    if as_json:
        _say_json(context, chosen, severities)
        return
    expires = (datetime.now(UTC) + timedelta(days=WAIVED_DAYS)).date().isoformat()
    for number, policy in enumerate(chosen):
        for line in (*[""] * bool(number), *_explained(policy, severities, expires)):
            context.say(line)


def _find(id: str) -> Policy:
    """The policy of an id, in small letters and without its zero too. Raises `UsageError` with the nearest one."""
    from sopskit.cli.arguments import nearest
    from sopskit.review.findings import BY_ID

    spelled = _spelled(id)
    found = BY_ID.get(spelled)
    if found is None:
        near = nearest(spelled, BY_ID)
        hint = f"did you mean: sopskit policies explain {near}" if near else "sopskit policies lists them"
        raise UsageError(f"there is no policy {id}", hint=hint)
    return found


def _spelled(id: str) -> str:
    """An id as the table has it: `rcp1` and `RCP-1` are RCP01."""
    match = ID.fullmatch(id)
    return f"{match[1].upper()}{match[2]:0>2}" if match else id.upper()


def _severities(context: Context) -> Mapping[str, str]:
    """Those that the work tree's `.sopskit.yaml` gives."""
    from sopskit.git import open_repository
    from sopskit.workflow.recipients import load_team

    repository = open_repository(os.curdir, context.environ)
    return load_team(None if repository is None else str(repository.root)).policies


def _list(context: Context, *, as_json: bool) -> None:
    from sopskit.review.findings import POLICIES

    severities = _severities(context)
    if as_json:
        _say_json(context, POLICIES, severities)
        return
    colour = wants_colour(context)
    for policy in POLICIES:
        severity = severities.get(policy.id, policy.severity)
        cell = f"{severity:<6}"
        painted = f"\x1b[{COLOURS[severity]}m{cell}\x1b[0m" if colour else cell
        mark = "" if severity == policy.severity else f" (.sopskit.yaml; the default is {policy.severity})"
        context.say(f"{policy.id}  {painted}  {policy.key if policy.key != 'no' else '-':<5}  {policy.title}{mark}")
    if "stdout" in context.terminals:
        context.note(
            "columns: id, severity, private key (-: not needed), title; sopskit policies explain ID tells more"
        )


def _say_json(context: Context, policies: Sequence[Policy], severities: Mapping[str, str]) -> None:
    rows = [
        {
            "id": policy.id,
            "title": policy.title,
            "severity": severities.get(policy.id, policy.severity),
            "default_severity": policy.severity,
            "key": policy.key,
            "check": policy.check,
            "why": policy.why,
            "remedy": policy.remedy,
        }
        for policy in policies
    ]
    context.say(json.dumps({"policies": rows}, indent=2))


def _explained(policy: Policy, severities: Mapping[str, str], expires: str) -> Iterator[str]:
    severity = severities.get(policy.id, policy.severity)
    mark = "" if severity == policy.severity else f", as .sopskit.yaml says; the default is {policy.severity}"
    yield f"{policy.id}: {policy.title}"
    yield f"  severity: {severity}{mark}"
    yield f"  private key: {KEYS[policy.key]}"
    yield f"  found by: {'review-diff and check' if policy.check else 'review-diff'}"
    yield ""
    yield from textwrap.wrap(policy.why, WIDTH)
    yield ""
    yield from textwrap.wrap(f"What to do: {policy.remedy}.", WIDTH)
    yield ""
    yield from textwrap.wrap(
        "To waive it for a file, add to .sopskit.yaml; it counts once the base branch has it, and ends by itself:",
        WIDTH,
    )
    yield ""
    yield from WAIVER.format(id=policy.id, expires=expires).splitlines()
    yield ""
    yield "Or give it another weight everywhere (block, high, medium, low, off):"
    yield ""
    yield "policies:"
    yield f"  {policy.id}: {'low' if policy.severity != 'low' else 'off'}"
