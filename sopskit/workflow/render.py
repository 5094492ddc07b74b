"""render: a folder in, the manifest stream for `kubectl apply -f -` out, decrypted in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.deploy.provider import DecryptionProvider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sopskit.deploy.build import Rendered
    from sopskit.sops.masterkeys import Keyring


def render(
    path: Path,
    keyring: Keyring,
    environ: Mapping[str, str],
    *,
    root: Path | None = None,
    helm: bool = False,
    kube_version: str = "",
) -> Rendered:
    """Build a folder with the keys of `keyring`; kustomize (else kubectl) and helm are looked for in the PATH of `environ`.

    Nothing may lead out of `root`, by default the Git work tree that the folder is in. Raises as
    `DecryptionProvider.render` does.
    """
    folder = path.resolve()
    above = root.resolve() if root is not None else work_tree(folder)
    provider = DecryptionProvider(keyring, search_path=environ.get("PATH", os.defpath))
    return provider.render(folder, root=above, helm=helm, kube_version=kube_version)


def work_tree(folder: Path) -> Path:
    """The Git work tree around a folder; outside of Git the folder itself."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)
