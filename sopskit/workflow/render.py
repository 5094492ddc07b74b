"""render: a folder in, the manifest stream for `kubectl apply -f -` out, decrypted in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.deploy import build
from sopskit.deploy.provider import DecryptionProvider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sopskit.sops.masterkeys import Keyring


def render(path: Path, keyring: Keyring, environ: Mapping[str, str]) -> build.Rendered:
    """Build a folder with the keys of `keyring`; kustomize is looked for in the PATH of `environ`.

    A kustomization may refer to anything within the work tree that the folder is in. Raises as `deploy.build.render` does.
    """
    folder = path.resolve()
    return build.render(folder, _work_tree(folder), DecryptionProvider(keyring), environ.get("PATH", os.defpath))


def _work_tree(folder: Path) -> Path:
    """The Git work tree around a folder; outside of Git the folder itself."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)
