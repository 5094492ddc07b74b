"""`sopskit apply`: a folder's manifests into a cluster, decrypted in memory."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from sopskit.cli import deployoptions, exitcodes
from sopskit.cli.signals import ending_in_order
from sopskit.errors import ClusterError, RefusedError, SopskitError, UsageError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sopskit.cli.applied import Output
    from sopskit.cli.context import Context
    from sopskit.cluster import Connection
    from sopskit.cluster.access import ClusterAccess
    from sopskit.deploy.apply.plan import Plan
    from sopskit.workflow.apply import Prepared, Request

STOPPED, NOT_READY = 3, 4
BAR_FROM = 50  # objects
EXAMPLES = """\b
Example:
  sopskit apply k8s/gitops/dev --diff
  sopskit apply k8s/gitops/dev --name dev --prune --wait 60
  sopskit apply k8s/gitops/dev --name dev --helm --key-secret flux-system/sops-age
"""


class Switches(NamedTuple):
    """How a run goes, beside what is applied."""

    only_try: bool
    with_fields: bool
    yes: bool
    as_json: bool


class Keys(NamedTuple):
    """Whose keys open the files: a folder's, a Secret's, else the environment's."""

    folder: str | None
    secret: str | None


@click.command(name="apply", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Try everything and apply nothing.")
@click.option(
    "--diff", "with_diff", is_flag=True, help="As --dry-run, with the fields that would change; values masked."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done, or would be, as one JSON object.")
@click.option("--name", default="", help="Keep an inventory of what is applied, under this name.")
@click.option("--prune", is_flag=True, help="Delete what is in the inventory and not in the folder any more.")
@click.option(
    "--adopt",
    multiple=True,
    type=click.Choice(("kubectl", "flux")),
    help="Take over the fields that this tool has applied so far.",
)
@click.option(
    "--recreate", is_flag=True, help="Delete an immutable Secret or ConfigMap that changes, and create it anew."
)
@click.option(
    "--policy", type=click.Path(path_type=Path), help="A file that says which kinds and namespaces are allowed."
)
@click.option(
    "--wait", "within", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS", help="Wait for readiness."
)
@deployoptions.HELM
@deployoptions.KUBE_VERSION
@deployoptions.KEYS
@deployoptions.KEY_SECRET
@click.option("-y", "--yes", is_flag=True, help="Do not ask where the environment or the context is a protected one.")
@click.option("-n", "--namespace", help="The namespace of objects that name none, and of the inventory.")
@deployoptions.KUBE_CONTEXT
@deployoptions.KUBECONFIG
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
    as_json: bool,
    name: str,
    prune: bool,
    adopt: tuple[str, ...],
    recreate: bool,
    policy: Path | None,
    within: float,
    helm: bool,
    kube_version: str,
    keys: str | None,
    key_secret: str | None,
    yes: bool,
    namespace: str | None,
    kube_context: str | None,
    kubeconfig: str | None,
    retry_for: float,
) -> int:
    """Apply a folder's manifests to a cluster, with its secrets decrypted in memory.

    The folder is built as by render. Then the API server is asked for every object what applying it would do; if it
    refuses one, nothing is applied at all. Fields that somebody else owns are never taken over: the owner is named.

    A protected environment (.sopskit.yaml), or a context with the name of one, is named and must be confirmed.
    Values of Secrets are never shown. The kubeconfig is trusted as kubectl trusts it: programs that it names are run.
    In a pod without a kubeconfig the pod's service account is used. Exit codes: 0 done, 1 nothing was applied,
    3 stopped midway, 4 applied but not ready in time.
    """
    from sopskit.cluster import Patience
    from sopskit.workflow.apply import Request
    from sopskit.workflow.clusters import Chosen, connect

    deployoptions.check_keys(keys, key_secret)
    deployoptions.check_helm(kube_version, helm=helm)
    if prune and not name:
        raise UsageError("--prune needs --name", hint="the name of the inventory that says what was applied before")
    request = Request(
        folder,
        namespace=namespace,
        name=name,
        prune=prune,
        adopt=frozenset(adopt),
        recreate=recreate,
        policy=policy,
        within=within,
        helm=helm,
        kube_version=kube_version,
    )
    connection = functools.cache(
        lambda: connect(Chosen(kubeconfig, kube_context), context.environ, Patience(total=retry_for))
    )
    switches = Switches(dry_run or with_diff, with_diff, yes, as_json)
    with ending_in_order():
        return _run(context, request, connection, Keys(keys, key_secret), switches)


def _run(
    context: Context, request: Request, connection: Callable[[], Connection], keys: Keys, switches: Switches
) -> int:
    from sopskit.cli.applied import Json, Lines

    output: Output = Json(context) if switches.as_json else Lines(context, with_fields=switches.with_fields)
    try:
        prepared = _prepare(context, request, connection, keys)
        if switches.only_try:
            output.plan(prepared.plan)
            return exitcodes.OK
        if not switches.yes:
            _confirm(context, prepared, request, switches)
        return _carry_out(context, prepared, request.within, output)
    except SopskitError as error:
        output.failed(error)
        raise


def _prepare(context: Context, request: Request, connection: Callable[[], Connection], keys: Keys) -> Prepared:
    from sopskit.workflow import apply as workflow

    with (
        deployoptions.chosen_keyring(context, *keys, connection, request.namespace) as keyring,
        _bar(context, "Trying") as count,
    ):
        return workflow.prepare(request._replace(progress=count), connection, keyring, context.environ)


def _carry_out(context: Context, prepared: Prepared, within: float, output: Output) -> int:
    from sopskit.deploy.apply.carry_out import StoppedError
    from sopskit.workflow import apply as workflow

    try:
        with _bar(context, "Applying") as count:
            done = workflow.apply(prepared, count)
    except StoppedError as error:
        output.failed(error)
        context.fail(error, STOPPED)
    output.applied(done)
    try:
        unready = workflow.wait(prepared, done, within) if within else []
    except ClusterError as error:
        output.failed(error)
        context.fail(error, NOT_READY)
    output.ended(done, unready)
    return NOT_READY if unready else exitcodes.OK


@contextlib.contextmanager
def _bar(context: Context, title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, if there is much to count."""
    if "stderr" not in context.terminals:
        yield lambda done, total: None  # noqa: ARG005
        return
    from sopskit.cli.progress import LateBar

    with LateBar(context.stderr, title, BAR_FROM) as count:
        yield count


def _confirm(context: Context, prepared: Prepared, request: Request, switches: Switches) -> None:
    """Name what is protected, show what would be done there, and have its name typed. Raises `RefusedError`."""
    from sopskit.cli.applied import Lines
    from sopskit.workflow.apply import protection

    access = prepared.connection.access
    protected = protection(request, access.context)
    if not protected or not _changes_anything(prepared.plan):
        return
    where = _place(protected, access)
    if switches.as_json or "stdin" not in context.terminals:
        told = "and with --json nobody is asked" if switches.as_json else "and nobody is there to confirm"
        raise RefusedError(f"{where}, {told}", hint="confirm beforehand with --yes")
    Lines(context, with_fields=False).plan(prepared.plan)
    if context.ask(f"{where}. Type its name to apply this: ") != protected:
        raise RefusedError("not confirmed, so nothing was applied")


def _changes_anything(plan: Plan) -> bool:
    return bool(plan.doomed) or any(step.action.value != "=" for step in plan.steps)


def _place(protected: str, access: ClusterAccess) -> str:
    return f"{escape(protected)} is protected (context {escape(access.context)}, {escape(access.server)})"
