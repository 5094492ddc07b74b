"""Many files opened on all processors at once, by forked copies of this process.

Opening a file is mostly Python at work, and one process does that on one processor. A worker is a fork, so it has the keys
in memory as its parent has them; what it opened comes back through a pipe, and nothing is handed on before all are done.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from sopskit.deploy.opening import METADATA_WORD, OpenedSource
from sopskit.errors import SopskitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from sopskit.deploy.opening import SourceOpener

    Files: TypeAlias = Sequence[tuple[bytes, str]]
    Found: TypeAlias = dict[int, OpenedSource | None]

LEAST_FILES = 64  # to start a worker costs as much as to open about ten of them
MOST_PROCESSES = 4
CHUNK = 16  # files that a process takes at a time, or more
TICKET = 2  # bytes that stand for a chunk
MOST_CHUNKS = 2000  # all tickets must fit into a pipe, which may have one page (pipe(7))
NOTHING_OPENED: Found = {}


class _Job(NamedTuple):
    """What is to be opened; `tickets` is a pipe that holds the numbers of all chunks: who reads one has that chunk to do."""

    opener: SourceOpener
    files: Files
    chunk: int
    tickets: int


class _Worker(NamedTuple):
    """A forked process, and the pipe on which it tells what it has opened."""

    pid: int
    pipe: int


def open_all(opener: SourceOpener, files: Files) -> list[OpenedSource | None]:
    """What `opener.open` gives for each of `files`, which are bytes and a path.

    Raises what the first of them raises that does not open. Workers are forked only on Linux, and only if this process
    has one thread: a copy of a process with several may wait for ever for a lock that a thread held.
    """
    encrypted = [number for number, (data, _) in enumerate(files) if METADATA_WORD in data]
    found: Found = {}
    count = _processes() if len(encrypted) >= LEAST_FILES else 1
    if count > 1:
        first = encrypted[0]
        found[first] = opener.open(*files[first])  # keys are loaded, and passphrases asked for, once and here
        found |= _share(opener, files, count)
    return [found[number] if number in found else opener.open(*file) for number, file in enumerate(files)]


def _processes() -> int:
    """How many processes may work at once."""
    if sys.platform != "linux":
        return 1
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        return 1
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES) if threads == 1 else 1


def _share(opener: SourceOpener, files: Files, count: int) -> Found:
    """What this process and `count - 1` workers could open. What they could not is missing: the caller finds out why."""
    chunk = max(CHUNK, -(-len(files) // MOST_CHUNKS))
    job = _Job(opener, files, chunk, _tickets(-(-len(files) // chunk)))
    workers: list[_Worker] = []
    try:
        with contextlib.suppress(OSError):  # no more processes are allowed: there are fewer, then
            for _ in range(count - 1):
                workers.append(_fork(job))  # noqa: PERF401 those before a failure are kept
        found = _open_some(job)
        for worker in workers:
            found |= _result(worker)
    finally:
        os.close(job.tickets)
        for worker in workers:
            _end(worker)
    return found


def _tickets(count: int) -> int:
    """A pipe with the numbers of so many chunks."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(number.to_bytes(TICKET, "big") for number in range(count)))
    os.close(writing)
    return reading


def _open_some(job: _Job) -> Found:
    """Open chunk after chunk until there are no more, or one file does not open."""
    found: Found = {}
    while ticket := os.read(job.tickets, TICKET):
        start = int.from_bytes(ticket, "big") * job.chunk
        for number in range(start, min(start + job.chunk, len(job.files))):
            try:
                found[number] = job.opener.open(*job.files[number])
            except SopskitError:
                return found
    return found


def _fork(job: _Job) -> _Worker:
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if not pid:
        _work(job, writing)
    os.close(writing)
    return _Worker(pid, reading)


def _work(job: _Job, writing: int) -> NoReturn:
    """The worker's whole life. Without a terminal: a question is the parent's to ask, about a file that did not open here."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        found = _open_some(job)
        plain = {number: opened and (opened.plaintext, opened.secrets) for number, opened in found.items()}
        with open(writing, "wb") as pipe:
            pipe.write(marshal.dumps(plain))
    finally:
        os._exit(0)  # no handler, buffer or exception of the parent's is the worker's business


def _result(worker: _Worker) -> Mapping[int, OpenedSource | None]:
    """What a worker has opened; nothing if it died."""
    with open(worker.pipe, "rb", closefd=False) as pipe:
        data = pipe.read()
    try:
        plain = marshal.loads(data)  # noqa: S302 of our own process
    except (EOFError, ValueError, TypeError):
        return NOTHING_OPENED
    return {number: OpenedSource(*opened) if opened is not None else None for number, opened in plain.items()}


def _end(worker: _Worker) -> None:
    os.close(worker.pipe)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)  # with gpg, if it has started that
    with contextlib.suppress(ProcessLookupError, ChildProcessError):  # somebody else may wait for all children
        os.kill(worker.pid, signal.SIGKILL)
        os.waitpid(worker.pid, 0)
