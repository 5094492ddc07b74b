"""Install the pinned real programs that tests run against, once, into a cache folder.

    python tests/testbed/install.py [NAME ...]

builds what is missing of the named programs (all, without a name) with the Go toolchain on the PATH, and
prints the folder they are in: `$XDG_CACHE_HOME/sopskit-testbed/<hash of the pins>/bin`. A program appears
there in one rename, so a run that was cut off leaves nothing half done. A build is niced and uses two processors,
and a lock lets one process build at a time, whatever its pins, since a big build fills a small machine.

A new program is one row of `TOOLS`. One whose module cannot be installed by `go install PACKAGE@VERSION`
(it has `replace` lines) gets a folder beside this file with a `go.mod` of `tool` lines and its `go.sum`, and
is named by that folder. Files that a program needs (its CRDs) are taken out of the module that holds them.
README.md beside this file says where the pins come from and what each build costs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).resolve().parent


# the kubernetes and Flux builds use every processor and a gigabyte or two for minutes
NICED = ("nice", "-n", "15")
PROCESSORS = "-p=2"
KUBERNETES = "v1.36.3"


class ModuleFiles(NamedTuple):
    """Files of a published Go module: `paths` in it, and the `checksum` that `go.sum` would have for it."""

    module: str
    version: str
    checksum: str
    paths: Sequence[str]


class Tool(NamedTuple):
    """What one `go install` brings.

    `programs` maps the name a test uses to the name that Go gives the binary. Either `packages` with their
    `version`, or `folder` (with a `go.mod`) is given; `ldflags` go to the linker. `files` are what the programs
    need beside them.
    """

    programs: Mapping[str, str]
    packages: Sequence[str] = ()
    version: str = ""
    folder: str = ""
    ldflags: str = ""
    files: Sequence[ModuleFiles] = ()


TOOLS: Sequence[Tool] = (
    Tool({"sops": "sops"}, ("github.com/getsops/sops/v3/cmd/sops",), "v3.13.3"),
    Tool(
        {name: name for name in ("age", "age-keygen", "age-plugin-batchpass")},
        ("filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen", "filippo.io/age/cmd/age-plugin-batchpass"),
        "v1.3.1",
    ),
    Tool({"kustomize": "kustomize"}, ("sigs.k8s.io/kustomize/kustomize/v5",), "v5.7.1"),
    Tool({"helm": "helm"}, ("helm.sh/helm/v4/cmd/helm",), "v4.3.1"),
    Tool(
        {"etcd": "server", "kube-apiserver": "kube-apiserver"},
        folder="kubernetes",
        # kubernetes takes its own version from the linker; without it clients see v0.0.0
        ldflags="-s -w "
        f"-X k8s.io/component-base/version.gitVersion={KUBERNETES} "
        f"-X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}",
    ),
    Tool(
        {"kustomize-controller": "kustomize-controller"},
        folder="flux",
        ldflags="-s -w",
        files=(
            ModuleFiles(
                "github.com/fluxcd/kustomize-controller",
                "v1.9.6",
                "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=",
                ("config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
            ),
            ModuleFiles(
                "github.com/fluxcd/source-controller",
                "v1.9.0",
                "h1:5msg2yyjVYDULZos+2ve8MZzcSqTpusiXmrOeBhc9yY=",
                tuple(
                    f"config/crd/bases/source.toolkit.fluxcd.io_{kind}.yaml"
                    for kind in ("buckets", "externalartifacts", "gitrepositories", "ocirepositories")
                ),
            ),
        ),
    ),
)


class InstallError(Exception):
    """A program cannot be had. The message says which and why."""


def program_names(tools: Sequence[Tool] = TOOLS) -> list[str]:
    """All programs that the rows bring."""
    return [name for tool in tools for name in tool.programs]


def pins_hash(tools: Sequence[Tool] = TOOLS) -> str:
    """Sixteen hexadecimal digits that change with any pin, `go.mod` and `go.sum` included."""
    digest = hashlib.sha256()
    for tool in tools:
        digest.update(repr(tool).encode())
        if tool.folder:
            for name in ("go.mod", "go.sum"):
                digest.update((HERE / tool.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def bin_folder(environ: Mapping[str, str], tools: Sequence[Tool] = TOOLS) -> Path:
    """Where the programs are, or will be."""
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "sopskit-testbed" / pins_hash(tools) / "bin"


def files_folder(environ: Mapping[str, str], tools: Sequence[Tool] = TOOLS) -> Path:
    """Where the files are that came with the programs, under their last name. Complete once the program is there."""
    return bin_folder(environ, tools).parent / "files"


def installed(name: str, environ: Mapping[str, str], tools: Sequence[Tool] = TOOLS) -> Path | None:
    """The path of a program that is there already."""
    path = bin_folder(environ, tools) / name
    return path if path.is_file() and os.access(path, os.X_OK) else None


def install(names: Sequence[str], environ: Mapping[str, str], tools: Sequence[Tool] = TOOLS) -> Path:
    """Build what is missing of `names` (all if empty); give the folder. Raises `InstallError`."""
    wanted = list(names) or program_names(tools)
    for name in wanted:
        if name not in program_names(tools):
            raise InstallError(f"{name} is not a program of the testbed: {', '.join(program_names(tools))}")
    folder = bin_folder(environ, tools)
    if all(installed(name, environ, tools) for name in wanted):
        return folder
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise InstallError(f"{', '.join(wanted)}: building needs Go, which is not on the PATH")
    folder.mkdir(parents=True, exist_ok=True)
    # beside the folders of all pins: two checkouts do not build at once either
    with _locked(folder.parent.parent / "lock"):
        for tool in tools:
            missing = [name for name in tool.programs if name in wanted and not installed(name, environ, tools)]
            if missing:
                _build(tool, go, folder, environ)
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, go: str, folder: Path, environ: Mapping[str, str]) -> None:
    """Build into a folder beside `bin`, then rename the files and each program into place."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder.parent) as target:
        command = [*NICED, go, "install", PROCESSORS]
        if tool.ldflags:
            command.append(f"-ldflags={tool.ldflags}")
        command += [f"{package}@{tool.version}" for package in tool.packages] or ["tool"]
        _go(tool, command, HERE / tool.folder if tool.folder else Path(target), {**environ, "GOBIN": target})
        for files in tool.files:
            _take_files(tool, files, go, Path(target), environ)
        for name, binary in tool.programs.items():
            (Path(target) / binary).replace(folder / name)
    sys.stderr.write(f"testbed: {', '.join(tool.programs)} built in {time.monotonic() - started:.0f} s\n")


def _take_files(tool: Tool, files: ModuleFiles, go: str, target: Path, environ: Mapping[str, str]) -> None:
    """Copy a module's files, if the module is the one that was pinned."""
    module = f"{files.module}@{files.version}"
    downloaded = json.loads(_go(tool, [go, "mod", "download", "-json", module], target, environ))
    if downloaded["Sum"] != files.checksum:
        raise InstallError(f"{', '.join(tool.programs)}: {module} has the checksum {downloaded['Sum']}")
    folder = target.parent / "files"
    folder.mkdir(exist_ok=True)
    for path in files.paths:
        name = Path(path).name
        (target / name).write_bytes(Path(downloaded["Dir"], path).read_bytes())
        (target / name).replace(folder / name)


def _go(tool: Tool, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> str:
    """Run Go; gives its standard output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:]
        raise InstallError(f"{', '.join(tool.programs)}: {' '.join(command)} failed\n{said}")
    return done.stdout


def main() -> int:
    """Install what the arguments name; print the folder."""
    try:
        folder = install(sys.argv[1:], os.environ)
    except InstallError as error:
        sys.stderr.write(f"testbed: {error}\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
