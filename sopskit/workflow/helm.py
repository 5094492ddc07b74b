"""render --helm: the HelmReleases of a rendered folder become the objects of their charts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.deploy import helm
from sopskit.deploy.opening import SourceOpener
from sopskit.workflow.render import work_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sopskit.deploy.build import Rendered
    from sopskit.sops.masterkeys import Keyring


def render_releases(
    rendered: Rendered, path: Path, keyring: Keyring, environ: Mapping[str, str], *, kube_version: str = ""
) -> Rendered:
    """The stream that `path` gave, with every HelmRelease replaced. helm is looked for in the PATH of `environ`.

    Charts and files of values are those of the Git work tree around the folder. Raises as
    `deploy.helm.render_releases` does.
    """
    folder = path.resolve()
    search_path = environ.get("PATH", os.defpath)
    root = work_tree(folder)
    return helm.render_releases(rendered, folder, root, SourceOpener(keyring), search_path, kube_version=kube_version)
