"""Run a command as a process; its wall time and peak memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# A process counts the memory of the one it was started from as its own peak until it becomes another program, so
# the memory of a command is measured from an interpreter that holds nothing.
LAUNCHER = """
import json, os, sys
null = os.open(os.devnull, os.O_RDWR)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss]), file=sys.stderr)
"""


class CommandFailedError(Exception):
    """A command that was to be measured failed."""


class Command(NamedTuple):
    """One contestant's way to do a task. `prepare` runs before each measured run and is not measured."""

    contestant: str
    argv: Sequence[str]
    prepare: Callable[[], object] | None = None


class Runner(NamedTuple):
    """Where commands run: one folder, one environment."""

    folder: Path
    environ: Mapping[str, str]

    def seconds(self, command: Command) -> float:
        """The wall time of one run, output discarded. Raises `CommandFailedError`."""
        if command.prepare is not None:
            command.prepare()
        start = time.perf_counter()
        done = subprocess.run(
            command.argv,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        elapsed = time.perf_counter() - start
        if done.returncode:
            raise CommandFailedError(f"{' '.join(command.argv)[:200]}: exit {done.returncode}: {done.stderr[-500:]!r}")
        return elapsed

    def peak_memory(self, command: Command) -> int:
        """The peak resident memory of one run, in KiB. Raises `CommandFailedError`."""
        if command.prepare is not None:
            command.prepare()
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, *command.argv],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        status, peak = json.loads(done.stderr.splitlines()[-1])
        if status:
            raise CommandFailedError(f"{' '.join(command.argv)[:200]}: exit {status}")
        return int(peak)


def in_turn(commands: Sequence[Command], rounds: int, measure: Callable[[Command], float]) -> dict[str, float]:
    """The median of each contestant. All run once per round, so that what else the machine does is shared; one round before does not count."""
    taken: dict[str, list[float]] = {command.contestant: [] for command in commands}
    for number in range(rounds + 1):
        for command in commands:
            value = measure(command)
            if number:
                taken[command.contestant].append(value)
    return {contestant: statistics.median(values) for contestant, values in taken.items()}
