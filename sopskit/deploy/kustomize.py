"""`kustomize build` over a shadow tree: no plaintext on a disk, no network, no plugin, none of its messages passed on raw."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sopskit.deploy.process import find_program, run
from sopskit.deploy.references import gather
from sopskit.deploy.shadow import ShadowTree
from sopskit.errors import BuildError
from sopskit.redact import escape

if TYPE_CHECKING:
    from sopskit.deploy.tree import Source, SourceReader

NOWHERE = "http://127.0.0.1:1"  # a proxy that refuses: kustomize loads any path that is a URL
# git is not to be found, and kubectl not to ask a cluster
ENVIRONMENT = {"PATH": "", "KUBECONFIG": os.devnull, "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": ""}


class Builder(NamedTuple):
    """A program that builds kustomizations, and the words before the folder."""

    program: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """How it is called by its users."""
        return " ".join((Path(self.program).name, *self.words))


def build(folder: Path, reader: SourceReader, search_path: str) -> tuple[bytes, tuple[Source, ...]]:
    """Build the kustomization in `folder`. Gives the manifests and the source files that they were built from.

    The tree is what the kustomization refers to, all within the reader's root. `search_path` is where the builder is
    looked for. Raises `BuildError`, `RefusedError`, and what reading the sources raises.
    """
    builder = find_kustomize(search_path)
    if builder is None:
        raise BuildError(
            "the folder has a kustomization, and the kustomize program was not found, nor was kubectl",
            hint="install kustomize (https://kubectl.docs.kubernetes.io/installation/kustomize/) or add it to PATH",
        )
    sources, links = gather(folder, reader)
    with ShadowTree(sources, reader.root, links, serving=False) as shadow:
        secret = any(source.opened for source in sources)
        output = _run(builder, shadow.path(folder), shadow, secret=secret)
        shadow.check()
    return output, sources


def find_kustomize(search_path: str) -> Builder | None:
    """kustomize, else kubectl, looked for in the absolute folders of a PATH only; None if neither is there."""
    for name, words in (("kustomize", ("build",)), ("kubectl", ("kustomize",))):
        program = find_program(name, search_path)
        if program is not None:
            return Builder(program, words)
    return None


def _run(builder: Builder, folder: Path, shadow: ShadowTree, *, secret: bool) -> bytes:
    """Build. A thousand threads take a while to start, so the builder starts in the meantime, and waits for them."""
    home = shadow.folder
    argv = [builder.program, *builder.words, str(folder)]
    status, output, complaint = run(argv, b"", home, {**ENVIRONMENT, "HOME": str(home)}, shadow.serve)
    if status:
        raise BuildError(
            f"{builder.name} failed with exit status {status}: {_explain(complaint, folder, home, secret=secret)}",
            hint=f"{builder.name} shows more, over the files as they are",
        )
    return output


# what kustomize says, and what it means; its own words may quote a value
CAUSES = (
    (b"cycle detected", "kustomizations refer to each other in a circle"),
    (b"evalsymlink failure", "a file or folder that is named is not there"),
    (b"no such file or directory", "a file or folder that is named is not there"),
    (b"may not add resource with an already registered id", "two resources have the same kind and name"),
    (b"is not in or below", "a file outside of the kustomization's folder is named"),
    (b"no matches for Id", "a patch fits no resource"),
    (b"failed to find unique target for patch", "a patch fits no resource, or several"),
    (b"operation does not apply", "a JSON patch does not fit its resource"),
    (b"missing metadata.name", "a manifest has no name"),
    (b"missing Resource metadata", "a file is no manifest: it has no kind or metadata"),
    (b"illegally repeats the key", "a generator has a key twice"),
    (b"cannot merge or replace", "a generator merges into something that is not there"),
    (b"invalid utf8 bytes", "a file of variables is not UTF-8"),
    (
        b"external plugins disabled",
        "a generator or transformer is a program, and none is started; encrypted files belong under resources",
    ),
    (b"must specify --enable-helm", "it has a Helm chart, and charts are not built by kustomize here"),
    (b"unable to parse", "a file is no valid manifest"),
    (b"invalid Kustomization", "the kustomization file is not valid"),
    (b"yaml:", "a file is no valid YAML"),
    (b"HTTP", "something in the network is named, and that is refused"),
    (b"proxyconnect", "something in the network is named, and that is refused"),
)


def _explain(complaint: bytes, folder: Path, home: Path, *, secret: bool) -> str:
    """Why a build failed. kustomize's own last line only if no secret was in the tree."""
    if not secret:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        return escape(lines[-1].replace(f"{home}/", "").replace(str(folder), ".")) if lines else "no message"
    return next(
        (cause for mark, cause in CAUSES if mark in complaint), "its message may quote a secret and is not shown"
    )
