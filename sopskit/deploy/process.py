"""Programs that build manifests: found by absolute folders, started with nothing of ours, ended with all their children."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, NamedTuple

from sopskit.errors import BuildError, LimitError
from sopskit.signals import kept_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

DEADLINE = 60.0  # seconds
MOST_OUTPUT = 256 * 1024 * 1024  # bytes
MOST_COMPLAINT = 1024 * 1024  # bytes that are kept of what a program says
PART = 64 * 1024  # bytes


class Ended(NamedTuple):
    """How a program ended, what it gave, and what it said, which may quote what it was given."""

    status: int
    output: bytes
    complaint: bytes

    def __repr__(self) -> str:
        """No content."""
        return f"<ended with {self.status}>"


def find_program(name: str, search_path: str) -> str | None:
    """Where a program is, looked for in the absolute folders of a PATH only; None if in none.

    Another entry would name a folder of whatever repository one stands in.
    """
    folders = [folder for folder in search_path.split(os.pathsep) if os.path.isabs(folder)]
    return shutil.which(name, path=os.pathsep.join(folders)) if folders else None


def run(
    argv: Sequence[str],
    given: bytes,
    folder: Path,
    environ: Mapping[str, str],
    meanwhile: Callable[[], None] | None = None,
) -> Ended:
    """Run a program in `folder`, with `given` on its standard input, to its end or for a minute.

    `meanwhile` is called once the program runs; what it raises ends the program. Raises `BuildError` if it cannot be
    started or does not end, and `LimitError` for more than 256 MiB of output.
    """
    name = os.path.basename(argv[0])
    with kept_back() as let_through, _start(argv, folder, environ) as process:
        try:
            let_through()
            if meanwhile is not None:
                meanwhile()
            output, complaint = _talk(process, given, name)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    return Ended(process.returncode, output, complaint)


def _talk(process: subprocess.Popen[bytes], given: bytes, name: str) -> tuple[bytes, bytes]:
    """What a program gives and says until it has ended, within the deadline and the limits of both."""
    output, complaint = bytearray(), bytearray()
    flooded = threading.Event()

    def flood() -> None:
        flooded.set()
        os.killpg(process.pid, signal.SIGKILL)

    threads = [
        threading.Thread(target=_give, args=(process, given)),
        threading.Thread(target=_take, args=(process.stdout, output, MOST_OUTPUT, flood)),
        threading.Thread(target=_take, args=(process.stderr, complaint, MOST_COMPLAINT, None)),
    ]
    for thread in threads:
        thread.daemon = True  # whoever raises kills the program, and its pipes end
        thread.start()
    deadline = time.monotonic() + DEADLINE
    for thread in threads[1:]:
        thread.join(max(0.0, deadline - time.monotonic()))
    if flooded.is_set():
        raise LimitError(f"{name} gave more than 256 MiB")
    try:
        process.wait(max(0.001, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise BuildError(f"{name} did not end within {DEADLINE:.0f} seconds") from None
    threads[0].join()
    return bytes(output), bytes(complaint)


def _give(process: subprocess.Popen[bytes], given: bytes) -> None:
    # ValueError: whoever ended the program has closed the pipe meanwhile
    with contextlib.suppress(OSError, ValueError), process.stdin or io.BytesIO() as stream:
        left = memoryview(given)
        while left:
            left = left[stream.write(left) :]


def _take(stream: IO[bytes], kept: bytearray, most: int, flood: Callable[[], None] | None) -> None:
    """Keep what comes, up to a limit; above it call `flood` and end, or without one read on."""
    with contextlib.suppress(OSError, ValueError):  # closed meanwhile, as above
        while part := stream.read(PART):
            if len(kept) + len(part) > most:
                if flood is not None:
                    flood()
                    return
                continue
            kept += part


def _start(argv: Sequence[str], folder: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            cwd=folder,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        name = os.path.basename(argv[0])
        raise BuildError(f"{name} cannot be started: {(error.strerror or '').lower()}") from None
