"""`sopskit init`: set a repository up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sopskit.cli.keys import SETTINGS, example
from sopskit.errors import RefusedError, UsageError
from sopskit.redact import harmless

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.git.worktree import WorkTree
    from sopskit.workflow.chosen import Owner
    from sopskit.workflow.init import Plan

READERS = "[ENV=]RECIPIENT"


@click.command(
    context_settings=SETTINGS,
    epilog=example("sopskit init --dry-run", "sopskit init --age prod=age1... --age dev=age1... --age dev=age1..."),
)
@click.option("--age", multiple=True, metavar=READERS, help="Who reads an environment, or all others; may be repeated.")
@click.option("--pgp", multiple=True, metavar=READERS, help="The same for a PGP fingerprint.")
@click.option("--hooks-only", is_flag=True, help="Only the Git pre-commit hook.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(
    context: Context, age: tuple[str, ...], pgp: tuple[str, ...], hooks_only: bool, dry_run: bool, yes: bool
) -> None:
    """Set a repository up for encrypted files.

    It adds what is missing: a .sops.yaml with a creation rule for each environment that has a folder (k8s/gitops/ENV,
    k8s/helm-values/*/ENV-config.yaml, overlays/ENV, environments/ENV), a .sopskit.yaml with these environments, and a Git
    pre-commit hook that runs sopskit check --staged. What is there stays: rules are only added to the end of .sops.yaml, and
    a hook of somebody else's is never changed. It says what it will write, asks once, and can be run again.

    Needs public keys only: those of --age and --pgp, else that of your own age key.
    """
    from sopskit.git import open_repository
    from sopskit.git.worktree import WorkTree
    from sopskit.workflow import init
    from sopskit.workflow.chosen import Chosen

    if hooks_only and (age or pgp):
        raise UsageError("--hooks-only writes no rules, so there is no place for --age and --pgp")
    chosen = Chosen.read(age, pgp)
    repository = open_repository(os.curdir, context.environ)
    if repository is None:
        raise UsageError("this folder is in no Git repository", hint="git init makes one")
    tree = WorkTree(repository.root, context.environ)
    plan = init.plan(str(tree.root), tree, chosen, _owner(context, tree), hooks_only=hooks_only)
    _show(context, plan, str(tree.root), contents=dry_run)
    if plan.writes and not dry_run:
        if not yes:
            _confirm(context)
        init.carry_out(plan)
        context.say("done")
        if not hooks_only:
            context.say("next: git add the new files, and sopskit encrypt -i FILE... what is still plain text")
    for line in plan.advice:
        for part in ("", *line.split("\n")):
            context.say(harmless(part) if part else "")


def _owner(context: Context, tree: WorkTree) -> Owner:
    """The user. Their own age key is the first native one that would be tried; SSH keys have other uses too."""
    from sopskit.workflow.chosen import Owner
    from sopskit.workflow.keys import known_keys

    found, _ = known_keys(context.environ)
    return Owner(tree.user_name(), next((key.recipient for key in found if key.recipient.startswith("age1")), None))


def _show(context: Context, plan: Plan, root: str, *, contents: bool) -> None:
    for what in plan.there:
        context.say(f"already there: {harmless(what)}")
    if not plan.writes:
        context.say("nothing to do")
        return
    context.say(f"{'would write' if contents else 'to be written'} in {harmless(root)}:")
    for write in plan.writes:
        verb = (
            "new" if write.seen.status is None else "made executable" if write.data == write.seen.data else "added to"
        )
        context.say(f"  {harmless(write.shown)} ({verb})")
        for what in write.what:
            context.say(f"    {harmless(what)}")
        for line in write.added.splitlines() if contents else ():
            context.say(f"      | {harmless(line) if line else ''}".rstrip())


def _confirm(context: Context) -> None:
    """Ask once. Raises `RefusedError`."""
    answer = context.ask("Write this? (y/N): ")
    if answer.strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was written")
