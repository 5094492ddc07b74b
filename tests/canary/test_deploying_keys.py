"""Private keys that render, apply and krm are handed: none meets a disk, and none stays behind a run that is ended."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.canary.canaries import Canary, Scanner
from tests.conftest import KEYS
from tests.deploy.checkouts import make_checkout, secret
from tests.deploy.tracing import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey
    from tests.deploy.checkouts import Checkout

ARMORED = (KEYS / "test-only-pgp.asc").read_text()
CONFIG = {"apiVersion": "sopskit/v1", "kind": "SopsGenerator", "files": ["dev/secret.yaml"]}
REQUEST = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": CONFIG}
COMMANDS = {"render": ["render", "dev"], "apply": ["apply", "dev"], "krm": ["krm"]}
# gpg that waits where it is to decrypt; the rest is the real one's
WAITING = """#!/bin/sh
case " $* " in *" --decrypt "*) : > "{folder}/waiting"; exec /bin/sleep 60 ;; esac
exec {gpg} "$@"
"""


class Place(NamedTuple):
    """A repository with a file for a PGP key, a mounted Secret with that key, and a folder in memory of its own."""

    checkout: Checkout
    keys: Path
    scanner: Scanner
    memory: Path

    @property
    def change(self) -> str:
        """What lets gpg's home be made in that folder."""
        return f"from sopskit.keysources import gpghome; gpghome.SHARED_MEMORY = {str(self.memory)!r}"


@pytest.fixture
def place(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, pgp_key: str) -> Iterator[Place]:
    checkout = make_checkout(tmp_path, tool, alice)
    path = checkout.tree.plain("dev/secret.yaml", secret("one", password=checkout.text("resource")))
    subprocess.run(
        [tool("sops"), "--encrypt", "--in-place", "--pgp", pgp_key, "--encrypted-regex", "^stringData$", path],
        check=True,
        capture_output=True,
    )
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "flux.asc").write_text(ARMORED)
    checkout.environ["PATH"] += f":{Path(tool('gpg')).parent}"
    lines = [line for line in ARMORED.splitlines() if len(line) == 64]
    canaries = [Canary(f"line {number}", line, windows=False) for number, line in enumerate(lines)]
    memory = Path(tempfile.mkdtemp(prefix="sk-", dir="/dev/shm"))
    yield Place(checkout, keys, Scanner([*canaries, *checkout.canaries.values()]), memory)
    for home in memory.iterdir():
        subprocess.run([tool("gpgconf"), "--homedir", home, "--kill", "all"], check=False, capture_output=True)
    shutil.rmtree(memory)


@pytest.mark.parametrize("command", ["render", "krm", "apply"])
def test_a_pgp_key_stays_in_memory_and_leaves_with_the_run(
    command: str, place: Place, tool: Callable[[str], str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if command == "apply":
        cluster: Cluster = request.getfixturevalue("cluster")
        namespace = cluster.namespace()
        config = cluster.kubeconfig(tmp_path / "kubeconfig", namespace=namespace, certificate=True)
        place.checkout.environ["KUBECONFIG"] = str(config)
    words = [*COMMANDS[command], "--keys", str(place.keys)]
    traced = place.checkout.run(tool("strace"), *words, stdin=json.dumps(REQUEST).encode(), change=place.change)
    assert (traced.returncode, traced.stderr) == (0, b"")
    assert traced.leaks(place.scanner) == set()
    made = {path for path in traced.created if "/private-keys-v1.d/" in path or path.endswith((".gpg", ".kbx", ".key"))}
    assert [path for path in made if not path.startswith(f"{place.memory}/")] == []
    assert len(made) > 0, "the scan does not see gpg's files"
    left = [*place.memory.iterdir(), *place.checkout.temporary.iterdir()]
    assert (left, place.checkout.left()) == ([], set())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_that_is_ended_leaves_no_key_behind(
    command: str, number: signal.Signals, place: Place, tool: Callable[[str], str], tmp_path: Path
) -> None:
    path = place.checkout.stand_in("gpg", WAITING.format(folder=tmp_path, gpg=tool("gpg")).partition("\n")[2])
    process = subprocess.Popen(
        [sys.executable, "-c", program(place.change), *COMMANDS[command], "--keys", str(place.keys)],
        cwd=place.checkout.tree.folder,
        env={**place.checkout.environ, "PATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(REQUEST).encode())
    process.stdin.close()
    process.stdin = None
    deadline = time.monotonic() + 30
    while not (tmp_path / "waiting").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    made = list(place.memory.iterdir())
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (len(made), process.returncode != 0, out) == (1, True, b""), err.decode()
    assert place.scanner.scan(err, "standard error") == set()
    assert [*place.memory.iterdir(), *place.checkout.temporary.iterdir()] == []
