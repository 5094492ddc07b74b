"""The command line of sopskit under strace: what it writes, starts and makes, as the kernel sees it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.canary.observing import parse
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.canary.canaries import Hit, Scanner
    from tests.canary.observing import Event

CALLS = (
    "execve,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg,mknod,mknodat,open,openat,creat,mkdir,mkdirat,"
    "symlink,symlinkat,link,linkat,rename,renameat,renameat2,setxattr,fsetxattr,memfd_create,connect"
)
CREATED = re.compile(rb'^\d+ +(?:open|openat|creat)\([^"\n]*"([^"]*)", [^)\n]*O_CREAT', re.MULTILINE)
FIFO = re.compile(rb'^\d+ +(?:mknod|mknodat)\([^"\n]*"([^"]*)", S_IFIFO', re.MULTILINE)
INTERNET = re.compile(rb"^\d+ +connect\([^{\n]*\{sa_family=AF_INET", re.MULTILINE)
HEXED = re.compile(rb"\\x([0-9a-f]{2})")
ANONYMOUS = "/memfd:"


def program(change: str = "") -> str:
    """A program that runs sopskit's command line, after `change`: Python that alters sopskit for one test.

    The folder with the FIFOs is made where temporary files go, on a disk, where plaintext would be worst.
    """
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    on_disk = "from sopskit.deploy import shadow; shadow.SHARED_MEMORY = '/nonexistent'\n"
    return f"{start}{on_disk}{change}\nfrom sopskit.cli.main import main\nsys.exit(main())"


class Traced(NamedTuple):
    """What a run wrote and where; the files that it made, its FIFOs, and how often it went to the network."""

    returncode: int
    stdout: bytes
    stderr: bytes
    events: list[Event]
    created: set[str]
    fifos: set[str]
    connections: int

    def leaks(self, scanner: Scanner, *, anonymous: bool = False) -> set[Hit]:
        """Hits in all that left the process, but for standard output, pipes and FIFOs of its own.

        Anonymous files in memory count as leaks, unless `anonymous`.
        """
        hits = scanner.scan(self.stderr, "standard error")
        for event in self.events:
            if not self._may_hold_plaintext(event, anonymous=anonymous):
                hits |= scanner.scan(event.data, event.place)
        return hits

    def _may_hold_plaintext(self, event: Event, *, anonymous: bool) -> bool:
        path = event.path.removesuffix(" (deleted)")
        if path.startswith("pipe:") or (event.descriptor == 1 and event.pid == self.events[0].pid):
            return True
        if path.startswith(ANONYMOUS):
            return anonymous
        return path in self.fifos and path not in self.created

    def served(self, scanner: Scanner) -> set[Hit]:
        """Hits in what its FIFOs and pipes were given: proof that the run had the plaintext at all."""
        hits: set[Hit] = set()
        for event in self.events:
            if event.path.removesuffix(" (deleted)") in self.fifos or event.path.startswith("pipe:"):
                hits |= scanner.scan(event.data, event.place)
        return hits


def trace(
    strace: str,
    words: list[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    record: Path,
    change: str = "",
    stdin: bytes = b"",
) -> Traced:
    """Run a command line of sopskit. `record` is a file outside the folders that are scanned; it is removed."""
    watch = [strace, "-f", "-qq", "-y", "-v", "-xx", "-s", "16777216", "-e", "signal=none", "--seccomp-bpf"]
    done = subprocess.run(
        [*watch, "-o", str(record), "-e", f"trace={CALLS}", "--", sys.executable, "-c", program(change), *words],
        cwd=cwd,
        env=dict(environ),
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    text = record.read_bytes()
    record.unlink()
    return Traced(
        done.returncode,
        done.stdout,
        done.stderr,
        parse(text),
        _paths(CREATED, text),
        _paths(FIFO, text),
        len(INTERNET.findall(text)),
    )


def _paths(pattern: re.Pattern[bytes], record: bytes) -> set[str]:
    decoded = (HEXED.sub(lambda hexed: bytes([int(hexed[1], 16)]), found) for found in pattern.findall(record))
    return {path.decode() for path in decoded}
