"""A command that is asked to end leaves no private key and no program behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import KEYS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.cli.main import main; sys.exit(main())"
SHARED_MEMORY = Path("/dev/shm")
GPG = '#!/bin/sh\ncase "$*" in *--import*) echo $$ > {ready}; exec /bin/sleep 60;; esac\nexec {gpg} "$@"\n'
REQUEST = {
    "apiVersion": "config.kubernetes.io/v1",
    "kind": "ResourceList",
    "functionConfig": {
        "apiVersion": "sopskit/v1",
        "kind": "SopsGenerator",
        "metadata": {"name": "secrets"},
        "files": ["secret.yaml"],
    },
    "items": [],
}


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory."""
    if not SHARED_MEMORY.is_dir():
        pytest.skip("needs /dev/shm")
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY, prefix="sk-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("command", ["apply", "render", "krm"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_gpg_is_ended_and_its_home_removed(
    tmp_path: Path, memory: Path, tool: Callable[[str], str], command: str, number: signal.Signals
) -> None:
    keys, ready, gpg = tmp_path / "keys", tmp_path / "ready", tmp_path / "bin" / "gpg"
    keys.mkdir()
    gpg.parent.mkdir()
    (keys / "key.asc").write_bytes((KEYS / "test-only-pgp.asc").read_bytes())
    gpg.write_text(GPG.format(ready=ready, gpg=tool("gpg")))
    gpg.chmod(0o755)
    subprocess.run(["/usr/bin/mkfifo", ready], check=True)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, command, "--keys", str(keys), *([] if command == "krm" else ["."])],
        cwd=tmp_path,
        env={"PATH": f"{gpg.parent}:/usr/bin:/bin", "TMPDIR": str(memory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(REQUEST).encode())
    process.stdin.close()
    process.stdin = None
    child = int(ready.read_text())
    assert [path.name.startswith("sopskit-gnupg-") for path in memory.iterdir()] == [True]
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err, list(memory.iterdir())) == (128 + number, b"", [])
    assert not Path(f"/proc/{child}").exists()
