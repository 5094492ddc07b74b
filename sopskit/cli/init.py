"""`sopskit init`: set a repository up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from sopskit.cli.keys import SETTINGS, example
from sopskit.errors import RefusedError, UsageError
from sopskit.redact import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.cli.context import Context
    from sopskit.git.worktree import WorkTree
    from sopskit.workflow.chosen import Owner
    from sopskit.workflow.init import Plan
    from sopskit.workflow.initrules import LeftOut

READERS = "[ENV=]RECIPIENT"


@click.command(
    context_settings=SETTINGS,
    epilog=example("sopskit init --dry-run", "sopskit init --age prod=age1... --age dev=age1... --age dev=age1..."),
)
@click.option("--age", multiple=True, metavar=READERS, help="Who reads an environment, or all others; may be repeated.")
@click.option("--pgp", multiple=True, metavar=READERS, help="The same for a PGP fingerprint.")
@click.option("--secrets-only", is_flag=True, help="Rules for manifests called secrets only, not for ConfigMaps.")
@click.option("--hooks-only", is_flag=True, help="Only the Git pre-commit hook.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(
    context: Context,
    age: tuple[str, ...],
    pgp: tuple[str, ...],
    secrets_only: bool,
    hooks_only: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Set a repository up for encrypted files.

    It adds what is missing: a .sops.yaml with a creation rule for each environment that has a folder (k8s/gitops/ENV,
    k8s/helm-values/*/ENV-config.yaml, overlays/ENV, environments/ENV), a .sopskit.yaml with these environments, and a Git
    pre-commit hook that runs sopskit check --staged. What is there stays: rules are only added to the end of .sops.yaml, and
    a hook of somebody else's is never changed. It says what it will write, asks once, and can be run again.

    Who reads an environment is said by --age and --pgp, else by the files that are encrypted there already, else it is your
    own age key. It asks before somebody is left out who reads such a file. Needs public keys only.
    """
    from sopskit.git import open_repository
    from sopskit.git.worktree import WorkTree
    from sopskit.workflow import init
    from sopskit.workflow.chosen import Chosen

    if hooks_only and (age or pgp or secrets_only):
        raise UsageError("--hooks-only writes no rules, so there is no place for --age, --pgp and --secrets-only")
    chosen = Chosen.read(age, pgp)
    repository = open_repository(os.curdir, context.environ)
    if repository is None:
        raise UsageError("this folder is in no Git repository", hint="git init makes one")
    tree = WorkTree(repository.root, context.environ)
    owner = _owner(context, tree)
    plan = init.plan(str(tree.root), tree, chosen, owner, hooks_only=hooks_only, secrets_only=secrets_only)
    _show(context, plan, str(tree.root), contents=dry_run)
    if plan.writes and not dry_run:
        if yes:
            _refuse_to_leave_out(plan.left_out)
        else:
            _confirm(context, plan)
        init.carry_out(plan)
        context.say("done")
        if not hooks_only:
            context.say(f"next: git add the new files, and encrypt what is plain text: {_encrypt(plan, tree)}")
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

    for one in plan.left_out:
        more = f" and {len(one.paths) - 1} more" if len(one.paths) > 1 else ""
        context.say(f"  left out{_of(one)}: {harmless(one.called)}, who reads {harmless(one.paths[0])}{more}")


def _of(one: LeftOut) -> str:
    return f" of {harmless(one.environment)}" if one.environment else ""


def _encrypt(plan: Plan, tree: WorkTree) -> str:
    """The command that encrypts all that the rules mean, from the current folder."""
    from shlex import quote

    folders = [os.path.relpath(os.path.join(tree.root, folder)) for folder in plan.folders or ("",)]
    return harmless(f"sopskit encrypt -i {' '.join(map(quote, folders))}")


def _refuse_to_leave_out(left_out: Sequence[LeftOut]) -> None:
    """Raise `RefusedError` if anybody is."""
    if left_out:
        one = left_out[0]
        raise RefusedError(
            f"the recipients named leave out {one.called}, who reads {one.paths[0]}: nothing was written",
            hint=f"add --age or --pgp {f'{one.environment}=' if one.environment else ''}{one.recipient}, "
            "or leave out --yes to be asked",
        )


def _confirm(context: Context, plan: Plan) -> None:
    """Ask once, and once more where somebody is left out. Raises `RefusedError`."""
    questions = ["Write this? (y/N): "]
    if plan.left_out:
        count = len({one.recipient for one in plan.left_out})
        questions.append(f"Leave out {count} {'reader' if count == 1 else 'readers'} of files that are there? (y/N): ")
    for question in questions:
        if context.ask(question).strip().lower() not in ("y", "yes"):
            raise RefusedError("nothing was written")
