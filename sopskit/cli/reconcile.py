"""`sopskit reconcile`: what is in Git goes into the cluster, again and again."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sopskit.cli import exitcodes
from sopskit.errors import ClusterError, UsageError
from sopskit.signals import ENDING

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.workflow.reconcile import Options

FAILED = 1
LEASE = "sopskit-reconcile"
EXAMPLES = """\b
Example:
  sopskit reconcile --print-manifests --image registry.example.org/sopskit-reconcile > reconciler.yaml
  sopskit reconcile --config sources.yaml --once
  sopskit reconcile --namespace team-a --shard fleet=eu --lease-namespace sopskit --listen :8080
"""
PRINTED = frozenset(("print_manifests", "image", "namespaces", "shard", "lease_name", "cluster"))


@click.command(name="reconcile", epilog=EXAMPLES)
@click.option("--print-manifests", is_flag=True, help="Print what a cluster needs to run this, and end.")
@click.option("--image", default="", metavar="IMAGE", help="With --print-manifests: the image of the Deployment.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="A file of sources, instead of the SopsSource objects of the API."
)
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Only sources of this namespace; repeatable.")
@click.option(
    "--shard", default="", metavar="KEY=VALUE", help="Only sources with this label; a Deployment for each, if printed."
)
@click.option("--once", is_flag=True, help="One round of every source, then end: 0 if all went well, else 1.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="How many rounds run at a time."
)
@click.option("--scratch", type=click.Path(path_type=Path), help="A folder in memory for clones, by default a new one.")
@click.option("--lease-namespace", metavar="NAMESPACE", help="Of several replicas one works: its lease is here.")
@click.option(
    "--lease-name",
    default=LEASE,
    show_default=True,
    help="The lease; one for each shard. With --print-manifests also the Deployment; sopskit-reconcile-VALUE by default.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve /metrics, /healthz and /readyz.")
@click.option("--cluster", default="", help="What notices call this cluster.")
@click.option("--context", "kube_context", help="The kubeconfig's context; by default its current one.")
@click.option("--kubeconfig", type=click.Path(), help="Instead of KUBECONFIG, or the pod's service account.")
@click.pass_obj
def command(
    context: Context,
    print_manifests: bool,
    image: str,
    config: Path | None,
    namespaces: tuple[str, ...],
    shard: str,
    once: bool,
    parallel: int,
    scratch: Path | None,
    lease_namespace: str | None,
    lease_name: str,
    listen: str | None,
    cluster: str,
    kube_context: str | None,
    kubeconfig: str | None,
) -> int:
    """Keep a cluster as branches of Git say: fetch, verify, decrypt in memory, apply, prune, correct drift.

    Runs in the cluster, or beside one. Every source (an object SopsSource) names a repository, a branch, a folder, the
    Secret with its private key, and the service account that it is applied as. What --print-manifests prints is for
    kubectl apply --server-side. Without the objects, sources are documents of the same shape in a file (--config), applied
    as whoever runs this; their Secrets are in the cluster all the same.

    Each round is a process of its own; plaintext and private keys end with it. Nothing is ever deleted on partial
    knowledge. SIGTERM lets running rounds finish, and so do SIGINT and SIGHUP.
    """
    if print_manifests:
        from sopskit.deploy.reconcile.manifests import Part, manifests

        _refuse_others()
        if not image:
            context.warn("the Deployment names an image that no registry has", "name yours with --image")
        part = Part(shard, lease_name if _is_given("lease_name") else "")
        context.write(manifests(image, namespaces, part, cluster).encode())
        return exitcodes.OK
    if image:
        raise UsageError("--image is of use with --print-manifests only")
    from sopskit.cluster.access import INSTALL

    try:
        from sopskit.workflow.reconcile import Options, kubeconfigs
    except ModuleNotFoundError:
        raise ClusterError("the libraries of the reconciler are not installed", hint=INSTALL) from None

    options = Options(
        kubeconfigs=kubeconfigs(kubeconfig, context.environ),
        context=kube_context,
        search_path=context.environ.get("PATH", ""),
        config=config,
        namespaces=namespaces,
        selector=shard,
        once=once,
        parallel=parallel,
        scratch=scratch,
        lease=(lease_namespace, lease_name) if lease_namespace else None,
        listen=listen,
        cluster=cluster,
    )
    return _run(context, options)


def _is_given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source is not ParameterSource.DEFAULT


def _refuse_others() -> None:
    """Raise `UsageError` if an option is given that says nothing to what is printed."""
    options = click.get_current_context().command.params
    given = [max(one.opts, key=len) for one in options if one.name and one.name not in PRINTED and _is_given(one.name)]
    if given:
        raise UsageError(
            f"--print-manifests takes no {' and no '.join(given)}",
            hint="what is printed runs in the cluster; change the arguments of the Deployment for more",
        )


def _run(context: Context, options: Options) -> int:
    import resource

    from sopskit.workflow.reconcile import Reconciler

    # the supervisor has tokens for Git and the API server in memory
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Reconciler(options, context.note) as reconciler:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1) lets it go on
                    signal.signal(number, lambda number, frame: reconciler.stop())  # noqa: ARG005 the signal module's
        good = reconciler.run()
    return exitcodes.OK if good or not options.once else FAILED
