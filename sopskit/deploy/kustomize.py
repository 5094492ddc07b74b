"""`kustomize build` over a shadow tree: no plaintext on a disk, no network, no plugin, none of its messages passed on raw."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from sopskit.deploy.shadow import ShadowTree
from sopskit.deploy.tree import Source, kustomization_in, read_source, walk
from sopskit.document import format_for_name, parse
from sopskit.errors import BuildError, FormatError, LimitError, RefusedError
from sopskit.redact import escape

if TYPE_CHECKING:
    from sopskit.deploy.provider import DecryptionProvider

# the fields whose entries are folders, or files, or things in the network
REFERENCES = frozenset(("resources", "bases", "components"))
DEADLINE = 60.0  # seconds
MOST_OUTPUT = 256 * 1024 * 1024
LONGEST_NAME = 200  # code points
NOWHERE = "http://127.0.0.1:1"  # a proxy that refuses: kustomize loads any path that is a URL


def build(folder: Path, root: Path, provider: DecryptionProvider, search_path: str) -> tuple[bytes, list[Source]]:
    """Build the kustomization in `folder`. Gives the manifests and the source files that they were built from.

    The tree is `folder` and what it refers to, all within `root`. `search_path` is where kustomize is looked for.
    Raises `BuildError`, `RefusedError`, and what reading the sources raises.
    """
    program = find_kustomize(search_path)
    if program is None:
        raise BuildError(
            "the folder has a kustomization, and the kustomize program was not found",
            hint="install kustomize (https://kubectl.docs.kubernetes.io/installation/kustomize/) or add it to PATH",
        )
    sources = gather(folder, root, provider)
    with ShadowTree(sources, root) as shadow:
        output = _run(program, shadow.path(folder), shadow.folder, secret=any(source.opened for source in sources))
    return output, sources


def find_kustomize(search_path: str) -> str | None:
    """The absolute path of kustomize, looked for in the absolute folders of a PATH only; None if it is not there.

    Another entry would name a folder of whatever repository one stands in.
    """
    folders = [folder for folder in search_path.split(os.pathsep) if Path(folder).is_absolute()]
    return shutil.which("kustomize", path=os.pathsep.join(folders)) if folders else None


def gather(folder: Path, root: Path, provider: DecryptionProvider) -> list[Source]:
    """The files of a kustomization's folder, and those that it and the kustomizations it refers to name."""
    sources: dict[Path, Source] = {}
    seen: set[Path] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        for path in walk(current):
            if path not in sources:
                sources[path] = read_source(path, root, provider)
        kustomization = kustomization_in(current)
        if kustomization is not None:
            pending += _references(sources[kustomization], root)
    return [sources[path] for path in sorted(sources)]


def _references(kustomization: Source, root: Path) -> list[Path]:
    """What a kustomization refers to. Raises `RefusedError` for what is not there: a remote base, or a slip."""
    place = str(kustomization.path)
    try:
        document = parse(kustomization.plaintext, format_for_name("yaml"))
    except FormatError as error:
        raise error.at(file=place) from None
    targets: list[Path] = []
    for leaf in document.leaves():
        if len(leaf.path) != 2 or leaf.path[0] not in REFERENCES:
            continue
        name = _shown(leaf.value, kustomization)
        target = (kustomization.path.parent / leaf.value).resolve()
        if not target.exists():
            raise RefusedError(
                f"{name} is no file or folder here; remote bases are refused",
                hint="correct the path; of a remote base keep a copy in the repository",
            ).at(file=place, key=leaf.path)
        if not target.is_relative_to(root):
            raise RefusedError(f"{name} leads out of the tree that is built").at(file=place, key=leaf.path)
        targets.append(target)
    return targets


def _shown(entry: str, kustomization: Source) -> str:
    """An entry for a message. One that was encrypted, or may hold a password or a whole manifest, is not named."""
    if kustomization.opened is not None or "@" in entry or "\n" in entry or len(entry) > LONGEST_NAME:
        return "an entry"
    return f"'{escape(entry)}'"


def _run(program: str, folder: Path, home: Path, *, secret: bool) -> bytes:
    environment = {"HOME": str(home), "PATH": "", "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": ""}
    process = subprocess.Popen(
        [program, "build", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=home,
        start_new_session=True,
    )
    with process:
        try:
            output, complaint = process.communicate(timeout=DEADLINE)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise BuildError(f"kustomize build did not end within {DEADLINE:.0f} seconds") from None
            raise
    if process.returncode:
        raise BuildError(
            f"kustomize build failed with exit status {process.returncode}: {_explain(complaint, folder, home, secret=secret)}",
            hint="kustomize build shows more, over the files as they are",
        )
    if len(output) > MOST_OUTPUT:
        raise LimitError("kustomize build gave more than 256 MiB")
    return output


# what kustomize says, and what it means; its own words may quote a value
CAUSES = (
    (b"evalsymlink failure", "a file or folder that is named is not there"),
    (b"no such file or directory", "a file or folder that is named is not there"),
    (b"may not add resource with an already registered id", "two resources have the same kind and name"),
    (b"is not in or below", "a file outside of the kustomization's folder is named"),
    (b"no matches for Id", "a patch fits no resource"),
    (b"failed to find unique target for patch", "a patch fits no resource, or several"),
    (b"missing metadata.name", "a manifest has no name"),
    (b"unable to parse", "a file is no valid manifest"),
    (b"invalid Kustomization", "the kustomization file is not valid"),
    (b"yaml:", "a file is no valid YAML"),
    (b"HTTP", "something in the network is named, and that is refused"),
)


def _explain(complaint: bytes, folder: Path, home: Path, *, secret: bool) -> str:
    """Why a build failed. kustomize's own last line only if no secret was in the tree."""
    if not secret:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].replace(f"{home}/", "").replace(str(folder), ".") if lines else "no message"
    return next(
        (cause for mark, cause in CAUSES if mark in complaint), "its message may quote a secret and is not shown"
    )
