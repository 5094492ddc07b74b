"""`sopskit render`: a folder's manifests, decrypted in memory."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sopskit.cli import deployoptions
from sopskit.cli.signals import ending_in_order
from sopskit.errors import UsageError

if TYPE_CHECKING:
    from sopskit.cli.context import Context
    from sopskit.cluster import Connection
    from sopskit.deploy.build import Rendered


EXAMPLES = """\b
Example:
  sopskit render k8s/gitops/dev | kubectl apply --server-side -f -
  sopskit render k8s/gitops/dev --helm --keys /etc/sops-keys
  sopskit render . --root "$PWD/../.." --key-secret flux-system/sops-age
"""


@click.command(name="render", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Show the values of Secrets on a terminal.")
@click.option(
    "--root",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="What no file may lead out of, by default the Git work tree around the folder, else the folder.",
)
@deployoptions.HELM
@deployoptions.KUBE_VERSION
@deployoptions.KEYS
@deployoptions.KEY_SECRET
@deployoptions.KUBE_CONTEXT
@deployoptions.KUBECONFIG
@click.pass_obj
def command(
    context: Context,
    folder: Path,
    show: bool,
    root: Path | None,
    helm: bool,
    kube_version: str,
    keys: str | None,
    key_secret: str | None,
    kube_context: str | None,
    kubeconfig: str | None,
) -> int:
    """Build a folder's manifests with its secrets decrypted in memory.

    A folder with a kustomization is built by kustomize, or kubectl where there is no kustomize; it is given plaintext
    through pipes and none of it meets a disk. Of any other folder all YAML files follow each other, those of the
    folders below it as well; hidden ones are left out, and a folder is refused if it is one below that has the
    kustomization. Every MAC is verified first, SOPS files inside of Secrets are opened, and what is still encrypted
    after that is refused. On a terminal values are masked.

    Needs a private key that opens the files; without one, review-diff shows what changed.
    """
    from sopskit.workflow.render import render

    deployoptions.check_keys(keys, key_secret)
    deployoptions.check_helm(kube_version, helm=helm)
    if (kube_context or kubeconfig) and key_secret is None:
        raise UsageError("render asks no cluster without --key-secret", hint="take away --context and --kubeconfig")
    connection = functools.partial(_connect, context, kubeconfig, kube_context)
    with ending_in_order(), deployoptions.chosen_keyring(context, keys, key_secret, connection) as keyring:
        rendered = render(folder, keyring, context.environ, root=root, helm=helm, kube_version=kube_version)
    _put(context, rendered, show=show)
    return 0


def _connect(context: Context, kubeconfig: str | None, kube_context: str | None) -> Connection:
    from sopskit.workflow.clusters import Chosen, connect

    return connect(Chosen(kubeconfig, kube_context), context.environ)


def _put(context: Context, rendered: Rendered, *, show: bool) -> None:
    if "stdout" not in context.terminals or show:
        context.write(rendered.stream)
        return
    from sopskit.deploy.build import masked

    context.write(masked(rendered).encode("utf-8", "backslashreplace"))
    context.note("sopskit: values are masked on a terminal; --show shows them, and a pipe gets them")
