"""What `render` of a kustomization writes, starts and leaves behind, as the kernel sees it, when it ends well and when it does not."""

from __future__ import annotations

import base64
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import leaks_in_folders, parse
from tests.conftest import ROOT
from tests.deploy.conftest import Tree
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.canary.canaries import Hit
    from tests.canary.observing import Event
    from tests.conftest import AgeTestKey

RUN = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.deploy import shadow; shadow.IN_MEMORY = '/nonexistent'; "
    "from sopskit.cli.main import main; sys.exit(main())"  # on a disk, where plaintext would be worst
)
CALLS = "execve,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,mknod,mknodat,open,openat,creat,symlink,symlinkat,link,linkat"
CREATED = re.compile(rb'^\d+ +(?:open|openat|creat)\([^"\n]*"([^"]*)", [^)\n]*O_CREAT', re.MULTILINE)
FIFO = re.compile(rb'^\d+ +(?:mknod|mknodat)\([^"\n]*"([^"]*)", S_IFIFO', re.MULTILINE)
DATA = ("--encrypted-regex", "^(data|stringData)$")
SLOTS = ("resource", "patch", "variable", "file", "nested", "ConfigMap")
# a builder that reads what it is given, says it on standard error and fails, or waits to be killed
TALKER = """#!/bin/sh
/bin/cat "$2"/secret.yaml "$2"/key.pem >&2
{end}
"""


class Traced(NamedTuple):
    """What a run wrote and where; the files that it made, and its FIFOs."""

    returncode: int
    stdout: bytes
    stderr: bytes
    events: list[Event]
    created: set[str]
    fifos: set[str]

    def leaks(self, scanner: Scanner) -> set[Hit]:
        """Hits in all that left the process, but for standard output, pipes and FIFOs of its own."""
        hits = scanner.scan(self.stderr, "standard error")
        for event in self.events:
            path = event.path.removesuffix(" (deleted)")
            own = event.descriptor == 1 and event.pid == self.events[0].pid
            if event.path.startswith("pipe:") or own or (path in self.fifos and path not in self.created):
                continue
            hits |= scanner.scan(event.data, event.place)
        return hits


class Checkout:
    """A repository whose overlay has secrets of every kind, with a temporary folder of its own."""

    def __init__(self, tree: Tree, environ: Mapping[str, str], temporary: Path) -> None:
        self.tree = tree
        self.temporary = temporary
        self.environ = {**environ, "TMPDIR": str(temporary)}
        self.canaries = {slot: Canary(slot, token()) for slot in SLOTS}
        identity = Canary("identity", tree.key.identity.removeprefix("AGE-SECRET-KEY-"))
        self.scanner = Scanner([*self.canaries.values(), identity])

    def fill(self) -> None:
        """Write and encrypt everything."""
        text = {slot: canary.text for slot, canary in self.canaries.items()}
        nested = self.tree.encrypted("nested.txt", text["nested"]).read_text()
        (self.tree.folder / "nested.txt").unlink()
        head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\n"
        body = f"{head}stringData:\n  resource: {text['resource']}\n"
        self.tree.encrypted("base/secret.yaml", body, *DATA)
        inner = base64.b64encode(nested.encode()).decode()
        self.tree.plain("base/nested.yaml", f"{head.replace('one', 'two')}data: {{file: {inner}}}\n")
        self.tree.plain("base/kustomization.yaml", "resources: [secret.yaml, nested.yaml]\n")
        self.tree.plain(
            "dev/kustomization.yaml",
            "namespace: dev\nresources: [../base, secret.yaml]\npatches: [{path: patch.yaml}]\n"
            "secretGenerator: [{name: gen, envs: [app.env], files: [key.pem]}]\n"
            "configMapGenerator: [{name: config, files: [settings.yaml]}]\n",
        )
        self.tree.encrypted("dev/secret.yaml", body.replace("one", "three"), *DATA)
        self.tree.encrypted("dev/patch.yaml", f"{head}stringData:\n  patch: {text['patch']}\n", *DATA)
        self.tree.encrypted("dev/app.env", f"VARIABLE={text['variable']}\n")
        self.tree.encrypted("dev/key.pem", f"{text['file']}\n" * 4_000)  # more than a pipe holds
        self.tree.encrypted("dev/settings.yaml", f"a: {text['ConfigMap']}\n")

    def run(self, strace: str, *arguments: str, path: str | None = None) -> Traced:
        """Render the overlay under strace."""
        record = self.temporary.parent / "trace"
        watch = [strace, "-f", "-qq", "-y", "-v", "-s", "16777216", "-e", "signal=none", "-o", str(record)]
        environ = {**self.environ, "PATH": path or self.environ["PATH"]}
        done = subprocess.run(
            [*watch, "-xx", "-e", f"trace={CALLS}", "--", sys.executable, "-c", RUN, "render", *arguments],
            cwd=self.tree.folder,
            env=environ,
            capture_output=True,
            timeout=120,
            check=False,
        )
        text = record.read_bytes()
        record.unlink()
        return Traced(done.returncode, done.stdout, done.stderr, parse(text), _paths(CREATED, text), _paths(FIFO, text))

    def left(self) -> set[Hit]:
        """Hits in what lies in the temporary folder and in the repository."""
        return leaks_in_folders(self.scanner, [self.temporary, self.tree.folder])

    def builder(self, end: str) -> str:
        """The folder of a builder that is a script."""
        folder = self.temporary.parent / "bin"
        folder.mkdir()
        script = folder / "kustomize"
        script.write_text(TALKER.format(end=end))
        script.chmod(0o755)
        return str(folder)


def _paths(pattern: re.Pattern[bytes], record: bytes) -> set[str]:
    plain = re.compile(rb"\\x([0-9a-f]{2})")
    decoded = (plain.sub(lambda hexed: bytes([int(hexed[1], 16)]), found) for found in pattern.findall(record))
    return {path.decode() for path in decoded}


@pytest.fixture
def checkout(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Checkout:
    git = init(tmp_path / "repository")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = {
        "PATH": str(Path(tool("kustomize")).parent),
        "HOME": str(tmp_path / "home"),
        "SOPS_AGE_KEY_FILE": str(alice.path),
    }
    checkout = Checkout(Tree(git.folder.resolve(), tool("sops"), alice), environ, temporary)
    checkout.fill()
    return checkout


def test_no_plaintext_of_a_kustomization_meets_a_disk(checkout: Checkout, tool: Callable[[str], str]) -> None:
    traced = checkout.run(tool("strace"), "dev")
    assert (traced.returncode, traced.stderr) == (0, b"")
    assert {hit.slot for hit in checkout.scanner.scan(traced.stdout, "")} == set(SLOTS)
    assert traced.leaks(checkout.scanner) == set()
    assert len(traced.fifos) > 6
    served = [event for event in traced.events if event.path.removesuffix(" (deleted)") in traced.fifos]
    assert {hit.slot for event in served for hit in checkout.scanner.scan(event.data, "")} >= set(SLOTS) - {"nested"}
    assert checkout.left() == set()
    assert list(checkout.temporary.iterdir()) == []


def damage_a_mac(checkout: Checkout) -> None:
    path = checkout.tree.folder / "dev" / "key.pem"
    path.write_text(path.read_text().replace('"mac": "ENC[AES256_GCM,data:', '"mac": "ENC[AES256_GCM,data:AAAA'))


def lose_a_target(checkout: Checkout) -> None:
    checkout.tree.plain("base/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n")


def repeat_a_name(checkout: Checkout) -> None:
    text = checkout.canaries["resource"].text
    body = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\nstringData:\n  resource: {text}\n"
    checkout.tree.encrypted("dev/secret.yaml", body, *DATA)


def patch_what_is_not_there(checkout: Checkout) -> None:
    text = checkout.canaries["patch"].text
    checkout.tree.encrypted("dev/patch.txt", f"- op: replace\n  path: /nowhere/below\n  value: {text}\n")
    path = checkout.tree.folder / "dev" / "kustomization.yaml"
    path.write_text(path.read_text().replace("{path: patch.yaml}", "{path: patch.txt, target: {kind: Secret}}"))


def spoil_the_patch(checkout: Checkout) -> None:
    checkout.tree.encrypted("dev/patch.yaml", f"a: [{checkout.canaries['patch'].text}]\n")


def spoil_the_base64(checkout: Checkout) -> None:
    text = checkout.canaries["resource"].text
    body = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: three\ndata:\n  resource: '!{text}'\n"
    checkout.tree.encrypted("dev/secret.yaml", body, *DATA)


@pytest.mark.parametrize(
    "spoil",
    [damage_a_mac, lose_a_target, repeat_a_name, patch_what_is_not_there, spoil_the_patch, spoil_the_base64],
    ids=lambda function: function.__name__,
)
def test_a_build_that_fails_leaks_nothing(
    checkout: Checkout, tool: Callable[[str], str], spoil: Callable[[Checkout], None]
) -> None:
    spoil(checkout)
    traced = checkout.run(tool("strace"), "dev")
    assert (traced.returncode != 0, traced.stdout) == (True, b""), traced.stderr.decode()
    assert b"Traceback" not in traced.stderr
    assert traced.leaks(checkout.scanner) == set()
    assert checkout.left() == set()
    assert list(checkout.temporary.iterdir()) == []


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$", "kill -9 0"])
def test_a_builder_that_tells_what_it_read_and_dies_is_not_quoted(
    checkout: Checkout, tool: Callable[[str], str], end: str
) -> None:
    traced = checkout.run(tool("strace"), "dev", path=checkout.builder(end))
    assert (traced.returncode != 0, traced.stdout) == (True, b"")
    assert traced.leaks(checkout.scanner) == set()
    assert any(checkout.scanner.scan(event.data, "") for event in traced.events)
    assert checkout.left() == set()
    assert list(checkout.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_killed_leaves_no_plaintext(checkout: Checkout, number: signal.Signals) -> None:
    """What is left after SIGKILL is a folder of FIFOs that nobody serves."""
    path = checkout.builder(': > "$HOME"/../waiting\n/bin/sleep 60')
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "render", "dev"],
        cwd=checkout.tree.folder,
        env={**checkout.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not list(checkout.temporary.glob("*/waiting")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode != 0, out, checkout.scanner.scan(err, "")) == (True, b"", set())
    left = [entry for entry in checkout.temporary.rglob("*") if not entry.is_dir()]
    if number == signal.SIGKILL:
        assert any(stat.S_ISFIFO(entry.lstat().st_mode) for entry in left)
    else:
        assert left == []
    for entry in left:
        if entry.is_file():
            assert checkout.scanner.scan(entry.read_bytes(), str(entry)) == set()
    _end_sleepers(checkout.temporary)


def _end_sleepers(folder: Path) -> None:
    """End the builder that a killed run left behind: it works in our folder, and nobody else does."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in os.readlink(entry / "cwd"):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
