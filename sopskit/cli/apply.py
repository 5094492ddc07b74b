"""`sopskit apply`: a folder's manifests into a cluster, decrypted in memory."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sopskit.cli import exitcodes
from sopskit.errors import RefusedError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sopskit.cli.context import Context
    from sopskit.cluster.kubeconfig import Kubeconfig
    from sopskit.deploy.apply.carry_out import Done
    from sopskit.deploy.apply.plan import Plan
    from sopskit.deploy.apply.target import ObjectId
    from sopskit.deploy.apply.trial import Step
    from sopskit.workflow.apply import Request

STOPPED, NOT_READY = 3, 4
PLANNED = {"+": "to create", "~": "to change", "=": "unchanged", "-": "to delete", "?": "to try later"}
DONE = {"+": "created", "~": "changed", "=": "unchanged", "-": "deleted"}
LATER = " (cannot be tried before its namespace or its kind is there)"
BAR_FROM = 50  # objects


@click.command(name="apply")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Try everything and apply nothing.")
@click.option(
    "--diff", "with_diff", is_flag=True, help="As --dry-run, with the fields that would change; values masked."
)
@click.option("--name", default="", help="Keep an inventory of what is applied, under this name.")
@click.option("--prune", is_flag=True, help="Delete what is in the inventory and not in the folder any more.")
@click.option(
    "--adopt",
    multiple=True,
    type=click.Choice(("kubectl", "flux")),
    help="Take over the fields that this tool has applied so far.",
)
@click.option(
    "--policy", type=click.Path(path_type=Path), help="A file that says which kinds and namespaces are allowed."
)
@click.option(
    "--wait", "within", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Wait for readiness."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask where the environment or the context is a protected one.")
@click.option("-n", "--namespace", help="The namespace of objects that name none, and of the inventory.")
@click.option("--context", "kube_context", help="The kubeconfig's context; by default its current one.")
@click.option("--kubeconfig", type=click.Path(), help="Instead of KUBECONFIG or ~/.kube/config.")
@click.option(
    "--retry-for",
    type=click.FloatRange(min=0, max=600),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a request is repeated while the API server is away or busy.",
)
@click.pass_obj
def command(
    context: Context,
    folder: Path,
    dry_run: bool,
    with_diff: bool,
    name: str,
    prune: bool,
    adopt: tuple[str, ...],
    policy: Path | None,
    within: float,
    yes: bool,
    namespace: str | None,
    kube_context: str | None,
    kubeconfig: str | None,
    retry_for: float,
) -> int:
    """Apply a folder's manifests to a cluster, with its secrets decrypted in memory.

    The folder is built as by render. Then the API server is asked for every object what applying it would do; if it
    refuses one, nothing is applied at all. Fields that somebody else owns are never taken over: the owner is named.

        sopskit apply k8s/gitops/dev --diff
        sopskit apply k8s/gitops/dev --name dev --prune --wait 60

    A protected environment (.sopskit.yaml), or a context with the name of one, is named and must be confirmed.
    Values of Secrets are never shown. The kubeconfig is trusted as kubectl trusts it: programs that it names are run.
    Exit codes: 0 done, 1 nothing was applied, 3 stopped midway, 4 applied but not ready in time.
    """
    from sopskit.cluster import Patience
    from sopskit.workflow.apply import Request, kubeconfig_paths

    request = Request(
        folder,
        [kubeconfig] if kubeconfig else kubeconfig_paths(context.environ),
        kube_context,
        namespace,
        name,
        prune,
        frozenset(adopt),
        policy,
        within,
        Patience(total=retry_for),
    )
    return _run(context, request, only_try=dry_run or with_diff, with_diff=with_diff, yes=yes)


def _run(context: Context, request: Request, *, only_try: bool, with_diff: bool, yes: bool) -> int:
    from sopskit.deploy.apply.carry_out import StoppedError
    from sopskit.deploy.apply.plan import RefusedPlanError
    from sopskit.workflow import apply as workflow

    try:
        with _bar(context, "Trying") as count:
            prepared = workflow.prepare(request._replace(progress=count), context.keyring(), context.environ)
    except RefusedPlanError as error:
        for id, refusal in error.refusals:
            context.note(f"sopskit: error: {id}: {refusal.message}")
        raise
    kubeconfig = prepared.connection.kubeconfig
    if only_try:
        _show_plan(context, prepared.plan, with_diff=with_diff)
        return exitcodes.OK
    if not yes:
        _confirm(context, prepared.plan, workflow.protection(request, kubeconfig.context), kubeconfig)
    try:
        with _bar(context, "Applying") as count:
            done = workflow.apply(prepared, count)
    except StoppedError as error:
        context.fail(error, STOPPED)
    _show_done(context, done)
    return _tell_unready(context, workflow.wait(prepared, done, request.within) if request.within else ())


@contextlib.contextmanager
def _bar(context: Context, title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, if there is much to count."""
    if "stderr" not in context.terminals:
        yield lambda done, total: None  # noqa: ARG005
        return
    from sopskit.cli.progress import LateBar

    with LateBar(context.stderr, title, BAR_FROM) as count:
        yield count


def _show_plan(context: Context, plan: Plan, *, with_diff: bool) -> None:
    for step in plan.steps:
        if step.action.value != "=":
            _show_step(context, step, with_diff=with_diff)
    for item in plan.doomed:
        context.say(f"- {item.id}")
    _show_kept(context, plan)
    counts = [step.action.value for step in plan.steps] + ["-"] * len(plan.doomed)
    context.say(f"{_summary(counts, PLANNED)}; nothing was applied")


def _confirm(context: Context, plan: Plan, protected: str, kubeconfig: Kubeconfig) -> None:
    """Name what is protected, show what would be done there, and have its name typed. Raises `RefusedError`."""
    if not protected or not (plan.doomed or any(step.action.value != "=" for step in plan.steps)):
        return
    where = f"{escape(protected)} is protected (context {escape(kubeconfig.context)}, {escape(kubeconfig.server)})"
    if "stdin" not in context.terminals:
        raise RefusedError(f"{where}, and nobody is there to confirm", hint="confirm beforehand with --yes")
    _show_plan(context, plan, with_diff=False)
    if context.ask(f"{where}. Type its name to apply this: ") != protected:
        raise RefusedError("not confirmed, so nothing was applied")


def _show_step(context: Context, step: Step, *, with_diff: bool) -> None:
    later = LATER if step.action.value == "?" else ""
    context.say(f"{step.action.value} {step.target.id}{later}")
    for change in step.changes if with_diff else ():
        context.say(f"    {change}")


def _show_kept(context: Context, plan: Plan) -> None:
    for id in sorted(plan.kept):
        context.note(f"sopskit: warning: {id} is in the inventory, not in the folder, and stays")


def _show_done(context: Context, done: Done) -> None:
    for step in done.steps:
        if step.action.value != "=":
            context.say(f"{step.action.value} {step.target.id}")
    for id in done.deleted:
        context.say(f"- {id}")
    for id in sorted(done.kept):
        context.note(f"sopskit: warning: {id} is in the inventory, not in the folder, and stays")
    context.say(_summary([step.action.value for step in done.steps] + ["-"] * len(done.deleted), DONE))


def _summary(signs: list[str], names: Mapping[str, str]) -> str:
    counts = [f"{signs.count(sign)} {word}" for sign, word in names.items() if sign in signs]
    return ", ".join(counts) or "no objects"


def _tell_unready(context: Context, unready: Sequence[tuple[ObjectId, str]]) -> int:
    for id, why in unready:
        context.note(f"sopskit: error: {id}: {why}")
    return NOT_READY if unready else exitcodes.OK
