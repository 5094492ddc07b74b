"""What is measured, and how good it is meant to be."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import samples
from benchmarks.measure import Command, Runner, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SIZES = (200, 2_000, 20_000, 100_000)
ROUNDS = {200: 15, 2_000: 9, 20_000: 5, 100_000: 3}
SMALL_FILE_ROUNDS = 31
MANY_FILES = 1_000
AES = "from cryptography.hazmat.primitives.ciphers.aead import AESGCM"
X25519 = (
    "from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey\n"
    "X25519PrivateKey.generate()"  # loads the backend
)
MANY_FILES_ROUNDS = 3


class Target(NamedTuple):
    """A bound for sopskit's value divided by the peer's."""

    ratio: float

    def met(self, result: Result) -> bool | None:
        """Lower is better; None if one of the two did not run."""
        return None if result.ratio is None else result.ratio <= self.ratio


class Limit(NamedTuple):
    """A bound for sopskit's own time, in seconds, for what sops has no counterpart of. It holds on a machine at rest."""

    seconds: float

    def met(self, result: Result) -> bool | None:
        """Lower is better; None if it did not run."""
        return result.values["sopskit"] <= self.seconds if "sopskit" in result.values else None


class Result(NamedTuple):
    """The medians of one task by contestant, in `unit` (`s` or `KiB`). `peer` is who sopskit is compared with."""

    task: str
    unit: str
    values: Mapping[str, float]
    target: Target | Limit | None = None
    peer: str = "sops"

    @property
    def ratio(self) -> float | None:
        """sopskit's value divided by the peer's, if both ran."""
        if self.peer not in self.values or "sopskit" not in self.values:
            return None
        return self.values["sopskit"] / self.values[self.peer]


class Bench(NamedTuple):
    """The programs that compete, a folder to work in, and the recipient whose identity the environment names."""

    programs: Mapping[str, Sequence[str]]
    runner: Runner
    recipient: str

    def commands(self, *arguments: str, prepare: Callable[[], object] | None = None) -> list[Command]:
        """The same command line for every program."""
        return [Command(name, [*program, *arguments], prepare) for name, program in self.programs.items()]

    def encrypted(self, path: Path) -> Path:
        """`path` encrypted by the released sops, beside it."""
        sealed = path.with_name(f"encrypted-{path.name}")
        done = subprocess.run(
            [*self.programs["sops"], "encrypt", "--age", self.recipient, path],
            cwd=self.runner.folder,
            env=self.runner.environ,
            capture_output=True,
            check=True,
        )
        sealed.write_bytes(done.stdout)
        return sealed


def small_file(bench: Bench, rounds: int) -> list[Result]:
    """One Secret of five values, one process."""
    plain = bench.runner.folder / "secret.yaml"
    plain.write_text(samples.secret_manifest(0))
    sealed = bench.encrypted(plain)
    target = Target(3.5)
    tasks = {
        "decrypt one small file": bench.commands("decrypt", sealed.name),
        "encrypt one small file": bench.commands("encrypt", "--age", bench.recipient, plain.name),
    }
    return [
        Result(task, "s", in_turn(commands, rounds, bench.runner.seconds), target) for task, commands in tasks.items()
    ]


def start_up(bench: Bench, python: str, rounds: int) -> list[Result]:
    """Where the time of one small file goes: the interpreter, its site packages, our start."""
    steps = [
        Command("bare interpreter", [python, "-I", "-S", "-c", "pass"]),
        Command("with site packages", [python, "-c", "pass"]),
        Command("with AES-GCM", [python, "-c", AES]),
        Command("with AES-GCM and X25519", [python, "-c", f"{AES}\n{X25519}"]),
        Command("with PyYAML", [python, "-c", "import yaml"]),
        Command("with all three", [python, "-c", f"import yaml\n{AES}\n{X25519}"]),
    ]
    if "sopskit" in bench.programs:
        steps.append(Command("sopskit --version", [*bench.programs["sopskit"], "--version"]))
    return [Result("start-up", "s", in_turn(steps, rounds, bench.runner.seconds))]


def many_files(bench: Bench, count: int, rounds: int, folder: Path, where: str) -> list[Result]:
    """A folder of small Secrets, decrypted in place: one run of sopskit, one run of sops for each file.

    Safe writes are what a disk makes slow, so it is measured on one as well as in memory.
    """
    tree = folder / "tree"
    pristine = folder / "pristine"
    pristine.mkdir()
    for number in range(count):
        (pristine / f"secret{number:05d}.yaml").write_text(samples.secret_manifest(number))
    sops = bench.programs["sops"]
    _loop(bench.runner, [*sops, "encrypt", "--age", bench.recipient, "-i"], pristine)

    def restore() -> None:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(pristine, tree)
        os.sync()

    commands = [Command("sops", _loop_argv([*sops, "decrypt", "-i"], tree), restore)]
    if "sopskit" in bench.programs:
        commands.append(Command("sopskit", [*bench.programs["sopskit"], "decrypt", "-i", str(tree)], restore))
    values = in_turn(commands, rounds, bench.runner.seconds)
    shutil.rmtree(tree)
    shutil.rmtree(pristine)
    return [Result(f"decrypt {count:,} small files in place, {where}", "s", values, Target(1 / 20))]


def _loop_argv(command: Sequence[str], folder: Path) -> list[str]:
    return [
        "/bin/sh",
        "-c",
        'folder=$1; shift; for file in "$folder"/*; do "$@" "$file" || exit; done',
        "sh",
        str(folder),
        *command,
    ]


def _loop(runner: Runner, command: Sequence[str], folder: Path) -> None:
    runner.seconds(Command("sops", _loop_argv(command, folder)))


def large_file(bench: Bench, keys: int, rounds: int) -> list[Result]:
    """One Helm values file of `keys` values, one process; wall time and, for the largest, memory."""
    plain = bench.runner.folder / f"values{keys}.yaml"
    plain.write_text(samples.helm_values(keys))
    sealed = bench.encrypted(plain)
    target = Target(0.35) if keys >= 20_000 else Target(1.5) if keys >= 2_000 else None
    tasks = {
        "decrypt": bench.commands("decrypt", sealed.name),
        "encrypt": bench.commands("encrypt", "--age", bench.recipient, plain.name),
    }
    results = [
        Result(f"{verb} {keys:,} keys", "s", in_turn(commands, rounds, bench.runner.seconds), target)
        for verb, commands in tasks.items()
    ]
    if keys == SIZES[-1]:
        for verb, commands in tasks.items():
            peaks = {command.contestant: float(bench.runner.peak_memory(command)) for command in commands}
            results.append(Result(f"peak memory, {verb} {keys:,} keys", "KiB", peaks, Target(1.0)))
    return results


def all_tasks(bench: Bench, python: str, disk: Path, *, quick: bool) -> list[Result]:
    """Everything; `quick` with sizes that only prove that it runs. `disk` is a folder that is not in memory."""
    if quick:
        results = small_file(bench, 1) + start_up(bench, python, 1) + many_files(bench, 3, 1, disk, "on disk")
        return results + large_file(bench, SIZES[0], 1)
    results = small_file(bench, SMALL_FILE_ROUNDS) + start_up(bench, python, SMALL_FILE_ROUNDS)
    for folder, where in ((bench.runner.folder, "in memory"), (disk, "on disk")):
        results += many_files(bench, MANY_FILES, MANY_FILES_ROUNDS, folder, where)
    for keys in SIZES:
        results += large_file(bench, keys, ROUNDS[keys])
    return results
