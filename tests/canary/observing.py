"""Run a command and keep every byte that leaves its process.

strace records each program that is started (arguments and environment), each write and each name that is made, with
the path behind the descriptor, so that a temporary file is seen although it is gone when the command ends.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.canary.canaries import Hit, Scanner

CALLS = "execve,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,rename,renameat,renameat2,symlink,symlinkat,mkdir,mkdirat"
LINE = re.compile(rb"^(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)$", re.MULTILINE)
TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
DESCRIPTOR = re.compile(rb"^(\d+)<([^>]*)>")
HEX = re.compile(rb"\\x([0-9a-f]{2})")
MEMORY = ("/dev/shm/",)


class Event(NamedTuple):
    """One recorded call: its bytes, and for a write the descriptor and the path behind it."""

    pid: int
    call: str
    data: bytes
    descriptor: int | None = None
    path: str = ""

    @property
    def place(self) -> str:
        """What a hit says."""
        return f"{self.call} to {self.path}" if self.path else self.call


class Sinks(NamedTuple):
    """Where plaintext may go: standard output, files in memory, pipes to a child, files named by the user."""

    stdout: bool = False
    memory: bool = False
    pipes: bool = False
    paths: Sequence[str] = ()


class Observation(NamedTuple):
    """What a command did."""

    returncode: int
    stdout: bytes
    stderr: bytes
    events: Sequence[Event]

    def leaks(self, scanner: Scanner, sinks: Sinks, memory: Sequence[str] = MEMORY) -> set[Hit]:
        """Hits in streams and recorded calls, outside the sinks."""
        hits = set() if sinks.stdout else scanner.scan(self.stdout, "standard output")
        hits |= scanner.scan(self.stderr, "standard error")
        for event in self.events:
            if not _is_sink(event, sinks, memory, self.events[0].pid):
                hits |= scanner.scan(event.data, event.place)
        return hits


def _is_sink(event: Event, sinks: Sinks, memory: Sequence[str], main_pid: int) -> bool:
    if event.call == "execve" or not event.path:
        return False
    if sinks.stdout and event.descriptor == 1 and event.pid == main_pid:
        return True
    if sinks.memory and event.path.startswith(tuple(memory)):
        return True
    if sinks.pipes and event.path.startswith(("pipe:", "socket:")):
        return True
    return bool(sinks.paths) and event.path.startswith(tuple(sinks.paths))


def observe(
    strace: str,
    argv: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    trace: Path,
    stdin: bytes = b"",
    timeout: float = 60,
) -> Observation:
    """Run `argv` under strace. `trace` is a file outside the folders that are scanned; it is removed."""
    watch = [strace, "-f", "-qq", "-y", "-v", "-xx", "-s", "16777216", "-e", f"trace={CALLS}", "-e", "signal=none"]
    done = subprocess.run(
        [*watch, "-o", str(trace), "--", *argv],
        cwd=cwd,
        env=dict(environ),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    events = parse(trace.read_bytes())
    trace.unlink()
    # the first event is our own start of the command, whose environment and arguments are the test's
    return Observation(done.returncode, done.stdout, done.stderr, events)


def parse(record: bytes) -> list[Event]:
    """strace's lines as events. Calls that were interrupted by another thread's line keep what was printed of them."""
    return [_event(match) for match in LINE.finditer(record)]


def _event(match: re.Match[bytes]) -> Event:
    rest = match["rest"]
    data = b"\0".join(bytes.fromhex(text.replace(b"\\x", b"").decode()) for text in TEXT.findall(rest))
    call, pid = match["call"].decode(), int(match["pid"])
    target = DESCRIPTOR.match(rest)
    if target is None or call == "execve":
        return Event(pid, call, data)
    return Event(pid, call, data, int(target[1]), _decoded(target[2]).decode("utf-8", "surrogateescape"))


def _decoded(text: bytes) -> bytes:
    return HEX.sub(lambda match: bytes([int(match[1], 16)]), text)


def leaks_in_folders(scanner: Scanner, folders: Sequence[Path], known: Sequence[Path] = ()) -> set[Hit]:
    """Hits in the content and the names of what lies in folders, but for the files known to hold plaintext."""
    hits: set[Hit] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            hits |= scanner.scan(path.name.encode("utf-8", "surrogateescape"), f"the name of {path}")
            if path.is_file() and not path.is_symlink() and path not in known:
                hits |= scanner.scan(path.read_bytes(), str(path))
    return hits


def leaks_in_git(scanner: Scanner, git: str, repository: Path) -> set[Hit]:
    """Hits in any object of a repository, packed, loose or unreachable."""
    listed = subprocess.run(
        [git, "cat-file", "--batch-all-objects", "--batch", "--unordered"],
        cwd=repository,
        capture_output=True,
        check=True,
    )
    return scanner.scan(listed.stdout, "the objects of Git")
