"""`sopskit krm`: a generator for kustomize, and the files by which other tools call sopskit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sopskit.cli import deployoptions
from sopskit.cli.signals import ending_in_order
from sopskit.errors import SopskitError, UsageError

if TYPE_CHECKING:
    from sopskit.cli.context import Context

PRINTED = ("argocd-plugin", "kustomize-generator")
EXAMPLES = """\b
Example:
  sopskit krm --print kustomize-generator > secrets.yaml
  kustomize build --enable-alpha-plugins --enable-exec k8s/gitops/dev
  sopskit krm --print argocd-plugin > plugin.yaml
"""


@click.command(name="krm", epilog=EXAMPLES)
@deployoptions.KEYS
@click.option(
    "--root",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="What no file may lead out of, by default the working folder, which is the kustomization's.",
)
@click.option(
    "--print", "printed", type=click.Choice(PRINTED), help="Print the configuration by which a tool calls sopskit."
)
@click.pass_obj
def command(context: Context, keys: str | None, root: Path | None, printed: str | None) -> int:
    """Generate manifests from SOPS files, as a KRM function of kustomize.

    Reads a ResourceList whose functionConfig, a SopsGenerator, names the files, verifies the MAC of each, and writes a
    ResourceList with their objects: all, or none. It is a generator only. A transformer is given manifests that kustomize
    has rewritten, and their MAC cannot be verified any more.

    Needs a private key that opens the files.
    """
    from sopskit.deploy import krm
    from sopskit.deploy.opening import SourceOpener

    if printed is not None:
        context.write(_configuration(printed))
        return 0
    if "stdin" in context.terminals:
        raise UsageError("krm is started by kustomize", hint="sopskit krm --help has an example")
    place = Path.cwd().resolve()
    try:
        generator = krm.read_request(context.stdin.read(krm.MOST_INPUT + 1))
        with ending_in_order(), deployoptions.chosen_keyring(context, keys) as keyring:
            opener = SourceOpener(keyring)
            objects = krm.generate(generator, place, root.resolve() if root else place, opener)
        response = krm.write_response(objects)
    except SopskitError as error:
        context.write(krm.write_failure(error))
        raise
    context.write(response)
    return 0


def _configuration(name: str) -> bytes:
    from importlib.resources import files

    return files("sopskit.deploy").joinpath("manifests", f"{name}.yaml").read_bytes()
