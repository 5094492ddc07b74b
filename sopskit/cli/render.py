"""`sopskit render`: a folder's manifests, decrypted in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sopskit.cli.context import Context


@click.command(name="render")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Show the values of Secrets on a terminal.")
@click.pass_obj
def command(context: Context, folder: Path, show: bool) -> int:
    """Build a folder's manifests with its secrets decrypted in memory.

    A folder with a kustomization is built by kustomize; it is given plaintext through pipes and none of it meets a disk.
    Of any other folder all YAML files follow each other, those of the folders below it as well; hidden ones are left
    out, and a folder is refused if it is one below that has the kustomization. Every MAC is verified first. On a
    terminal values are masked:

        sopskit render k8s/gitops/dev | kubectl apply --server-side -f -

    Needs a private key that opens the files; without one, review-diff shows what changed.
    """
    from sopskit.deploy.build import masked
    from sopskit.workflow.render import render

    rendered = render(folder, context.keyring(), context.environ)
    if "stdout" in context.terminals and not show:
        context.write(masked(rendered).encode("utf-8", "backslashreplace"))
        context.note("sopskit: values are masked on a terminal; --show shows them, and a pipe gets them")
    else:
        context.write(rendered.stream)
    return 0
