"""`python -m benchmarks [PART] [--quick] [--output FILE]`: measure, print a part of the page, write it.

`tasks` (the default) is encryption and decryption, `reviews` review and check, `deploying` render and apply, `reconciling` the
reconciler beside Flux, `history` the review of 10,000 commits. The released sops, kustomize, Flux's controller and the API server
are taken from the testbed's cache, which is filled if need be; kubectl is the one on the PATH.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import breakdown, deploying, history, reconciling, report, reviews, tasks
from benchmarks.measure import Runner
from benchmarks.replica import Place
from tests.cluster.apiserver import Cluster
from tests.cluster.flux import Flux
from tests.cluster.reconciler import define
from tests.git.servers import HttpServer
from tests.testbed import install

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("tasks", "reviews", "deploying", "reconciling", "history")
COMMITS, FILES = 10_000, 500
DEPLOYING = ("kustomize", "kubectl", "etcd", "kube-apiserver")
RECONCILING = ("kustomize", "kustomize-controller", "etcd", "kube-apiserver")
IDENTITY = ROOT / "fixtures" / "keys-test-only" / "test-only-alice.agekey"


def sopskit_program() -> list[str] | None:
    """The installed command beside this interpreter, else the module, else None."""
    script = Path(sys.executable).with_name("sopskit")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-m", "sopskit"] if find_spec("sopskit.__main__") else None


def programs(sops: str) -> dict[str, list[str]]:
    """The contestants: the released sops, and sopskit if its command line can be started."""
    found = {"sops": [sops]}
    ours = sopskit_program()
    if ours and subprocess.run([*ours, "--version"], capture_output=True, cwd=ROOT, check=False).returncode == 0:
        found["sopskit"] = ours
    return found


def environment(folder: Path) -> dict[str, str]:
    """What both programs see: an empty home and one identity."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "SOPS_AGE_KEY_FILE": str(IDENTITY),
        "SOPS_DISABLE_VERSION_CHECK": "1",
    }


def measure_reviews(contestants: dict[str, list[str]], *, quick: bool) -> list[tasks.Result]:
    """The tasks of review and check, on a disk as repositories are."""
    with tempfile.TemporaryDirectory(prefix="sopskit-bench-") as name:
        folder = Path(name)
        bench = tasks.Bench(contestants, Runner(folder, environment(folder)), "")
        return reviews.all_reviews(bench, quick=quick)


def deploying_programs() -> dict[str, str]:
    """The peers and the servers by name. Raises `SystemExit` without kubectl, which the testbed does not build."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise SystemExit("kubectl is not on the PATH")
    built = [name for name in DEPLOYING if name != "kubectl"]
    folder = install.install(built, os.environ)
    return {"kubectl": kubectl, **{name: str(folder / name) for name in built}}


def measure_deploying(
    contestants: dict[str, list[str]], programs: dict[str, str], *, quick: bool
) -> tuple[list[tasks.Result], str]:
    """The tasks of render and apply with `programs`, and the versions of the peers."""
    kustomize, kubectl, etcd, apiserver = (programs[name] for name in DEPLOYING)
    with tempfile.TemporaryDirectory(prefix="sopskit-bench-") as name:
        folder = Path(name)
        (folder / "cluster").mkdir()
        cluster = Cluster(etcd, apiserver, folder / "cluster")
        environ = {**environment(folder), "PATH": f"{Path(kustomize).parent}{os.pathsep}{os.environ['PATH']}"}
        bench = tasks.Bench(contestants, Runner(folder, environ), "")
        try:
            cluster.start()
            results = deploying.all_deploying(bench, kustomize, kubectl, cluster, quick=quick)
            return results, deploying.versions(kustomize, kubectl, cluster)
        finally:
            cluster.close()


def measure_reconciling(programs: dict[str, str], *, quick: bool) -> tuple[list[tasks.Result], str]:
    """The reconciler and Flux at one API server, then at another that leaves Flux its limits; and the peers' versions."""
    with _place_and_flux(programs) as (place, flux):
        results = reconciling.all_reconciling(place, flux, quick=quick)
        versions = reconciling.versions(place.cluster)
    with _place_and_flux(programs, *reconciling.UNFAIR) as (place, flux):
        return [*results, *reconciling.limited(place, flux, quick=quick)], versions


@contextmanager
def _place_and_flux(programs: dict[str, str], *options: str) -> Iterator[tuple[Place, Flux]]:
    """A running API server with these options, a Git server, and Flux's controller, which is not started yet.

    All folders are in memory, as the printed Deployment has them: the disk of this machine is not to be measured.
    """
    kustomize, controller, etcd, apiserver = (programs[name] for name in RECONCILING)
    with tempfile.TemporaryDirectory(prefix="sopskit-bench-", dir=_memory()) as name:
        folder = Path(name)
        for part in ("cluster", "flux", "remotes"):
            (folder / part).mkdir()
        cluster = Cluster(etcd, apiserver, folder / "cluster", *options)
        # the files that came with a program lie beside the folder of programs
        flux = Flux(cluster, controller, Path(controller).parent.parent / "files", folder / "flux")
        try:
            cluster.start()
            define(cluster)
            with HttpServer(folder / "remotes", token=reconciling.TOKEN) as server:
                path = f"{Path(kustomize).parent}{os.pathsep}{os.environ['PATH']}"
                yield Place(cluster, server, folder / "remotes", folder, path), flux
        finally:
            flux.close()
            cluster.close()


def _memory() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def measure_history(*, quick: bool) -> history.Outcome:
    """The review of a long history, told on the way."""
    commits, files = (60, 20) if quick else (COMMITS, FILES)
    with tempfile.TemporaryDirectory(prefix="sopskit-bench-") as name:
        folder = Path(name) / "repository"
        history.write(folder, commits, files)
        return history.review_all(folder, _tell)


def _tell(count: int) -> None:
    if count % 500 == 0:
        sys.stderr.write(f"{count:,} commits\n")


def measure(contestants: dict[str, list[str]], *, quick: bool) -> list[tasks.Result]:
    """All results, in a temporary folder in memory where there is one, and one that is not."""
    with (
        tempfile.TemporaryDirectory(prefix="sopskit-bench-", dir=_memory()) as name,
        tempfile.TemporaryDirectory(prefix="sopskit-bench-") as disk,
    ):
        folder = Path(name)
        recipient = IDENTITY.read_text().split("# public key: ")[1].split("\n")[0]
        bench = tasks.Bench(contestants, Runner(folder, environment(folder)), recipient)
        results = tasks.all_tasks(bench, sys.executable, Path(disk), quick=quick)
    keys, rounds = (200, 1) if quick else (20_000, 5)
    return [*results, breakdown.breakdown(keys, rounds)]


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, default="tasks")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round: only to see that it runs")
    parser.add_argument(
        "--output", type=Path, help="where the page is (default: docs/performance.md, with --quick nowhere)"
    )
    arguments = parser.parse_args()
    part = _part(arguments.part, quick=arguments.quick)
    sys.stdout.write(part)
    output = arguments.output or (None if arguments.quick else ROOT / "docs" / "performance.md")
    if output is not None:
        output.write_text(report.replace_part(output.read_text() if output.exists() else "", part))
    return 0


def _part(name: str, *, quick: bool) -> str:
    contestants = programs(str(install.install(["sops"], os.environ) / "sops"))
    shown = {name: _version(program) for name, program in contestants.items()}
    versions = " against ".join(reversed(shown.values()))
    if name == "history":
        return report.history(measure_history(quick=quick), shown.get("sopskit", ""))
    if name == "deploying":
        results, peers = measure_deploying(contestants, deploying_programs(), quick=quick)
        return report.deploying(results, f"{shown.get('sopskit', '')} against {peers}")
    if name == "reconciling":
        built = install.install(RECONCILING, os.environ)
        results, peers = measure_reconciling({name: str(built / name) for name in RECONCILING}, quick=quick)
        return report.reconciling(results, f"{shown.get('sopskit', '')} against {peers}")
    if name == "reviews":
        return report.reviews(measure_reviews(contestants, quick=quick), versions)
    return report.page(measure(contestants, quick=quick), versions)


def _version(program: list[str]) -> str:
    done = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[0].partition(" (")[0]


if __name__ == "__main__":
    sys.exit(main())
