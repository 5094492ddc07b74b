"""What children are told to do in these tests: functions of a module, as the forkserver needs them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sopskit.deploy.opening import OpenedSource
from sopskit.deploy.shadow import ShadowTree
from sopskit.deploy.tree import Source


def echo(argument: object) -> bytes:
    return repr(argument).encode()


def process(argument: object) -> bytes:
    """The process's own number, its session, and whether a core file would be written of it."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_CORE)
    return repr((os.getpid() == os.getsid(0), limits, argument)).encode()


def threads(argument: object) -> bytes:
    return str(len(os.listdir("/proc/self/task"))).encode()


def write_number_and_sleep(argument: object) -> bytes:
    Path(str(argument)).write_text(str(os.getpid()))
    return sleep(argument)


def oom_score(argument: object) -> bytes:
    """How gladly the kernel takes this process when memory runs out, and the processes that it starts."""
    command = [sys.executable, "-c", "print(open('/proc/self/oom_score_adj').read())"]
    started = subprocess.run(command, check=True, capture_output=True).stdout
    return b" ".join([Path("/proc/self/oom_score_adj").read_bytes().strip(), started.strip()])


def fail(argument: object) -> bytes:
    raise ValueError(f"the secret is {argument}")


def sleep(argument: object) -> bytes:
    time.sleep(60)
    return b""


def rest(argument: object) -> bytes:
    time.sleep(0.5)
    return b"rested"


def refuse_to_end(argument: object) -> bytes:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return sleep(argument)


def crash(argument: object) -> bytes:
    ctypes.string_at(0)
    return b""


def fill_memory(argument: object) -> bytes:
    return bytes(8 * 1024**3)


def long_answer(argument: object) -> bytes:
    return b"x" * 1_000_000


def leave_a_process(argument: object) -> bytes:
    """Start a program that outlives everybody, write its number to the file that is named, and be killed."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    Path(str(argument)).write_text(str(left.pid))
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def serve_many_files(argument: object) -> bytes:
    """Hand out 1,000 files as a builder gets them, from below the folder that is named."""
    root = Path(str(argument))
    opened = OpenedSource(b"value", frozenset())
    with ShadowTree([Source(root / str(number), b"", opened) for number in range(1_000)], root) as tree:
        return tree.path(root / "999").read_bytes()
