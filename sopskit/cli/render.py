"""`sopskit render`: a folder's manifests, decrypted in memory."""

from __future__ import annotations

import contextlib
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from sopskit.cli.context import Context


@click.command(name="render")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Show the values of Secrets on a terminal.")
@click.option("--helm", is_flag=True, help="Render HelmReleases whose charts are in the repository, in their place.")
@click.option("--kube-version", metavar="VERSION", default="", help="The Kubernetes version that charts are told.")
@click.pass_obj
def command(context: Context, folder: Path, show: bool, helm: bool, kube_version: str) -> int:
    """Build a folder's manifests with its secrets decrypted in memory.

    A folder with a kustomization is built by kustomize, or kubectl where there is no kustomize; it is given plaintext
    through pipes and none of it meets a disk. Of any other folder all YAML files follow each other, those of the
    folders below it as well; hidden ones are left out, and a folder is refused if it is one below that has the
    kustomization. Every MAC is verified first, SOPS files inside of Secrets are opened, and what is still encrypted
    after that is refused. On a terminal values are masked:

        sopskit render k8s/gitops/dev | kubectl apply --server-side -f -

    Needs a private key that opens the files; without one, review-diff shows what changed.
    """
    from sopskit.deploy.build import masked
    from sopskit.workflow.render import render

    with _ending_in_order():
        rendered = render(folder, context.keyring(), context.environ)
        if helm:
            from sopskit.workflow.helm import render_releases

            rendered = render_releases(rendered, folder, context.keyring(), context.environ, kube_version=kube_version)
    if "stdout" in context.terminals and not show:
        context.write(masked(rendered).encode("utf-8", "backslashreplace"))
        context.note("sopskit: values are masked on a terminal; --show shows them, and a pipe gets them")
    else:
        context.write(rendered.stream)
    return 0


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise, so that the builder is ended and the folder with the pipes removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # a program that calls the command as a function: signals are its own
        return
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 the signal module's
    raise SystemExit(128 + number)
