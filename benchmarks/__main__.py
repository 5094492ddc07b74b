"""`python -m benchmarks [--quick] [--output FILE]`: measure, print the page, write it.

The released sops is taken from the testbed's cache, which is filled if need be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks import breakdown, report, tasks
from benchmarks.measure import Runner
from tests.testbed import install

ROOT = Path(__file__).resolve().parent.parent
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


def measure(contestants: dict[str, list[str]], *, quick: bool) -> list[tasks.Result]:
    """All results, in a temporary folder in memory where there is one, and one that is not."""
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="sopskit-bench-", dir=parent) as name,
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
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round: only to see that it runs")
    parser.add_argument(
        "--output", type=Path, help="where the page goes (default: docs/performance.md, with --quick nowhere)"
    )
    arguments = parser.parse_args()
    contestants = programs(str(install.install(["sops"], os.environ) / "sops"))
    shown = [
        subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
        .stdout.split("\n")[0]
        .partition(" (")[0]
        for program in contestants.values()
    ]
    page = report.page(measure(contestants, quick=arguments.quick), " against ".join(reversed(shown)))
    sys.stdout.write(page)
    output = arguments.output or (None if arguments.quick else ROOT / "docs" / "performance.md")
    if output is not None:
        output.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
