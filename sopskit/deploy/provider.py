"""The public way in for other programs: encrypted bytes or a folder in, verified plaintext out, in memory.

`DecryptionProvider` is the one type to know. What it gives prints as a name, never as a value.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sopskit.deploy import build
from sopskit.deploy.finishing import finish
from sopskit.deploy.opening import SIZE_LIMIT, SourceOpener

if TYPE_CHECKING:
    import os

    from sopskit.deploy.objects import PlainObject
    from sopskit.deploy.opening import OpenedSource
    from sopskit.sops.masterkeys import Keyring


SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class DecryptionProvider:
    """Opens SOPS files with the private keys of a keyring, and with no others.

    One provider is for one set of keys, say one tenant's; it keeps nothing between two calls, and several threads may
    use it at once. The MAC of every file is verified and that cannot be switched off: a call gives everything, or it
    raises and gives nothing. Nothing is read from the environment, and no plaintext is written to a file: kustomize is
    given it through pipes. A program with one thread opens many files in forked copies of itself, which end with the
    call. Plaintext and keys are Python objects, whose memory cannot be wiped reliably; a program that
    needs that guarantee does the work in a child process and lets it end.

    Every error is a `sopskit.errors.SopskitError` whose `location` names the file: `KeyAccessError` if no key fits,
    `IntegrityError` for a wrong MAC or a changed value, `FormatError` for a broken file, `LimitError` (a
    `FormatError`) for one that is too large, `RefusedError` for what leads out of the root, `BuildError` for what
    kustomize does not build. No message quotes a value.
    """

    __slots__ = ("_opener", "_search_path")

    def __init__(self, keyring: Keyring, *, size_limit: int = SIZE_LIMIT, search_path: str = SYSTEM_PATH) -> None:
        """Nothing is read yet.

        `size_limit` is in bytes, for each source file. `search_path` is where kustomize, else kubectl, and helm are looked for.
        """
        self._opener = SourceOpener(keyring, size_limit)
        self._search_path = search_path

    def open(self, source: bytes, path: str) -> OpenedSource | None:
        """The verified plaintext of a SOPS file; None for a file that is none. `path` tells the format.

        None as well for a manifest with the annotation `kustomize.toolkit.fluxcd.io/decrypt: disabled`, which is to
        arrive in the cluster as it is.
        """
        return self._opener.open(source, path)

    def objects(self, source: bytes, path: str) -> tuple[PlainObject, ...]:
        """The Kubernetes objects of one YAML or JSON file, encrypted or not.

        SOPS files inside of Secrets are opened too, and an object that is still encrypted in part is refused.
        """
        opened = self._opener.open(source, path)
        stream, secrets = (source, frozenset[str]()) if opened is None else opened
        finished = finish(stream, self._opener, path, secrets)
        return build.Rendered(finished.stream, finished.secrets).objects()

    def render(
        self,
        folder: str | os.PathLike[str],
        *,
        root: str | os.PathLike[str] | None = None,
        helm: bool = False,
        kube_version: str = "",
    ) -> build.Rendered:
        """What a folder builds: by kustomize if it has a kustomization, else its YAML files one after another.

        `root` is what nothing may lead out of, by default the folder itself; give the checkout's folder to let a
        kustomization refer to a base beside it. With `helm`, HelmReleases whose charts are below the root are replaced
        by the objects of these; `kube_version` is the version of Kubernetes that the charts are told.
        """
        place = Path(folder).resolve()
        above = Path(root).resolve() if root is not None else place
        rendered = build.render(place, above, self._opener, self._search_path)
        if not helm:
            return rendered
        from sopskit.deploy.helm import render_releases

        return render_releases(rendered, place, above, self._opener, self._search_path, kube_version=kube_version)
