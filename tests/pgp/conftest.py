"""The real gpg in an empty home, and programs that only claim to be gpg."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.pgp import Gpg

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "pgp"
CURVE = "A6075F6937ACDAA2341D55128D4B8217123602E2"
CURVE_SUBKEY = "C045CE64DDC3AB7345FE74244E0D0991C48591D2"
LOCKED = "3BC22A7B7BEAB9869678C623CD51F3DAC340CDAF"
EXPIRED = "283F629FBABE78FFD1FE35A4DBF3D973E7452978"

# A program that answers the version question as gpg does, notes how it was called, and then lies.
LIAR = """#!{python} -I
import os, subprocess, sys, time
status_fd = int(sys.argv[sys.argv.index("--status-fd") + 1])
def status(text):
    os.write(status_fd, text.encode())
def out(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
if "--list-config" in sys.argv:
    print("cfg:version:{version}")
    sys.exit(0)
{body}
"""


@pytest.fixture
def gpg(gnupg_home: Path, tool: Callable[[str], str]) -> Gpg:
    """The real gpg with an empty home."""
    return Gpg(tool("gpg"), str(gnupg_home), environment=dict(os.environ))


@pytest.fixture
def run_gpg(gnupg_home: Path, tool: Callable[[str], str]) -> Callable[..., bytes]:
    """Run the real gpg as a person would; gives its output."""

    def run(*arguments: str, data: bytes = b"") -> bytes:
        command = [tool("gpg"), "--batch", "--quiet", "--homedir", str(gnupg_home), *arguments]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    return run


@pytest.fixture
def imported(run_gpg: Callable[..., bytes]) -> Callable[[str], None]:
    """`imported("curve")` puts fixtures/pgp/test-only-curve.asc into the home."""

    def take(name: str) -> None:
        run_gpg("--import", str(FIXTURES / f"test-only-{name}.asc"))

    return take


class Liar:
    """A gpg that is none."""

    def __init__(self, folder: Path, body: str, version: str = "2.2.40") -> None:
        self.log = folder / "calls"
        self.program = folder / "gpg"
        self.program.write_text(LIAR.format(python=sys.executable, log=str(self.log), body=body, version=version))
        self.program.chmod(0o755)

    def gpg(self, timeout: float = 20, environment: dict[str, str] | None = None) -> Gpg:
        """To be handed to sopskit."""
        return Gpg(str(self.program), None, timeout=timeout, environment=environment)

    def calls(self) -> list[str]:
        """The arguments of every call, one line each."""
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def liar(tmp_path: Path) -> Callable[..., Liar]:
    """`liar(body)` writes the program; `body` is Python with `status(text)` and `out(data)`."""

    def make(body: str, version: str = "2.2.40") -> Liar:
        return Liar(tmp_path, body, version)

    return make
