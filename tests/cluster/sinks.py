"""Where the processes of a reconciler have put each secret, by a record of their system calls."""

from __future__ import annotations

import base64
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.canary.canaries import Scanner
from tests.canary.observing import parse
from tests.deploy.tracing import CALLS, CREATED, FIFO, HEXED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.canary.canaries import Canary
    from tests.canary.observing import Event
    from tests.cluster.reconciler import Reconciler

CONNECTED = re.compile(rb"^\d+ +connect\(\d+<([^>]*)>, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\)", re.MULTILINE)
ROUND = re.compile(r"/round-\d+/")
RANDOM = re.compile(r"(sopskit-[a-z]+-|/stores/|/tmp/(?=\w{8}$))[\w-]+")
PRIVATE = re.compile(r"/(?:round-\d+|sopskit-[a-z]+-[\w-]+)$")
ANSWER = b'{"outcome":'  # the report of a round, on its way to the supervisor
GPG_HOME = "/dev/shm/sopskit-gnupg-"
HEXADECIMAL = re.compile(r"(?:[0-9A-F]{2}){16,}")
PATIENCE = 60.0  # seconds


class Record:
    """The record of a process that was started under strace and has ended."""

    def __init__(self, data: bytes, ports: Mapping[int, str]) -> None:
        """`ports` are those of the servers that are known, and what they are called."""
        self.events = parse(data)
        created = {_decoded(path) for path in CREATED.findall(data)}
        self.created = {RANDOM.sub(r"\1?", path) for path in created} - {""}
        self._fifos = {_decoded(path) for path in FIFO.findall(data)} - created
        self._sockets = {
            _decoded(path): ports.get(int(port), f"port {port.decode()}") for path, port in CONNECTED.findall(data)
        }
        self._answers = {event.path for event in self.events if event.path.startswith("pipe:") and ANSWER in event.data}

    @property
    def folders(self) -> set[str]:
        """The private folders that were made, in memory or for a round."""
        made = {event.data.decode() for event in self.events if event.call in {"mkdir", "mkdirat"}}
        return {path for path in made if PRIVATE.search(path)}

    @property
    def answers(self) -> int:
        """How many pipes had a report in them."""
        return len(self._answers)

    def found(self, canaries: Sequence[Canary]) -> set[tuple[str, str]]:
        """Which canary went where. Each text is looked at once."""
        scanner, numbers = (
            Scanner(canaries),
            [(canary.slot, number) for canary in canaries for number in _number(canary)],
        )
        seen = {(event.data, self.place(event)) for event in self.events if event.data}
        found = {(hit.slot, hit.place) for data, place in seen for hit in scanner.scan(data, place)}
        return found | {(slot, place) for data, place in seen for slot, number in numbers if number in data}

    def place(self, event: Event) -> str:
        """What an event wrote to: a kind of place that may hold secrets, or its call and its path."""
        path = event.path.removesuffix(" (deleted)")
        if path.startswith("pipe:"):
            return "report" if event.path in self._answers else "pipe"
        if path in self._fifos:
            return "FIFO"
        if path.startswith(GPG_HOME):
            return "gpg's home in memory"
        if path.startswith("socket:"):
            return self._sockets.get(path, "socket")
        return f"{event.call} to {ROUND.sub('/round/', path)}" if path else event.call


def _decoded(text: bytes) -> str:
    return HEXED.sub(lambda hexed: bytes([int(hexed[1], 16)]), text).decode()


def start_traced(reconciler: Reconciler, strace: str, record: Path) -> int:
    """Start it under strace; the number of its own process."""
    watch = ["-f", "-qq", "-y", "-v", "-xx", "-s", "16777216", "-e", "signal=none", "--seccomp-bpf"]
    reconciler.start(strace, *watch, "-o", str(record), "-e", f"trace={CALLS}", "--")
    deadline = time.monotonic() + PATIENCE
    program = os.fsencode(sys.executable)
    # strace has children of its own before that
    while not (found := [child for child in children(reconciler.pid) if _command(child).startswith(program)]):
        assert time.monotonic() < deadline, "strace starts nothing"
        time.sleep(0.02)
    return found[0]


def stop_traced(reconciler: Reconciler, pid: int) -> int:
    """Ask the process that strace watches to end; its exit status."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _state(reconciler.pid) != "Z":
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.02)
    return reconciler.stop()


def helpers(pid: int) -> list[int]:
    """The processes that Python's `multiprocessing` keeps for a supervisor: one that forks rounds, one that counts resources."""
    return [child for child in sorted(children(pid)) if b"multiprocessing" in _command(child)]


def children(pid: int) -> set[int]:
    """A process's children."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(word) for file in files for word in file.read_text().split()}


def remembered(pid: int, canaries: Iterable[Canary]) -> set[str]:
    """The slots of the canaries that are in the memory of a process: as text, in base64, or as the bytes of hexadecimal."""
    data = memory(pid)
    return {canary.slot for canary in canaries if any(form in data for form in _spelled(canary))}


def _spelled(canary: Canary) -> Iterator[bytes]:
    yield canary.data
    for offset in range(3):
        yield base64.b64encode(b"\0" * offset + canary.data)[4:-4]
    yield from _number(canary)


def _number(canary: Canary) -> Iterator[bytes]:
    """The bytes of a canary that is a number in hexadecimal."""
    if HEXADECIMAL.fullmatch(canary.text):
        yield bytes.fromhex(canary.text)


def memory(pid: int) -> bytes:
    """All that a process can write to in its memory (proc(5), maps and mem)."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, mode, *_ = line.split()
            if not mode.startswith("rw"):
                continue
            start, end = (int(text, 16) for text in place.split("-"))
            mem.seek(start)
            try:
                parts.append(mem.read(end - start))
            except OSError:
                continue  # the kernel's own
    return b"\0".join(parts)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has ended


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def in_memory() -> set[Path]:
    """The folders that rounds have in memory now: homes of gpg with the keys of a Secret, and trees for builders."""
    prefixes = ("sopskit-gnupg-", "sopskit-render-")
    # os.walk passes over what is removed meanwhile
    return {
        Path(folder, name) for folder, names, _ in os.walk("/dev/shm") for name in names if name.startswith(prefixes)
    }
