"""`sopskit render` as a process: pipes, signals, other builders."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.deploy.conftest import Tree
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey

# the folder with the pipes is made in TMPDIR, a test's own, instead of in memory
RUN = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.deploy import shadow; shadow.SHARED_MEMORY = '/nonexistent'; "
    "from sopskit.cli.main import main; sys.exit(main())"
)
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\nstringData:\n  password: canary-41c7\n"


@pytest.fixture
def tree(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Tree:
    """A repository with an encrypted base and an overlay."""
    tree = Tree(init(tmp_path / "repository").folder.resolve(), tool("sops"), alice)
    tree.encrypted("base/secret.yaml", SECRET, "--encrypted-regex", "^(data|stringData)$")
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [../base]\n")
    return tree


def start(tree: Tree, path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environ = {"PATH": str(path), "SOPS_AGE_KEY_FILE": str(tree.key.path), "TMPDIR": str(tree.folder.parent)}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "render", *arguments],
        cwd=tree.folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("program", ["kustomize", "kubectl"])
def test_either_builder_will_do(tree: Tree, tool: Callable[[str], str], tmp_path: Path, program: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / program).symlink_to(Path(tool(program)).resolve())
    out, err = start(tree, folder, "dev").communicate(timeout=60)
    assert (err, b"namespace: dev" in out, b"password: canary-41c7" in out) == (b"", True, True)


def test_without_a_builder_there_is_a_hint(tree: Tree, tmp_path: Path) -> None:
    process = start(tree, tmp_path, "dev")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert b"the kustomize program was not found, nor was kubectl" in err
    assert b"hint: install kustomize" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_builder_and_removes_its_folder(tree: Tree, tmp_path: Path, number: signal.Signals) -> None:
    fake = tmp_path / "bin" / "kustomize"
    fake.parent.mkdir()
    ready = tmp_path / "ready"
    subprocess.run(["/usr/bin/mkfifo", ready], check=True)
    fake.write_text(f"#!/bin/sh\necho $$ > {ready}\nexec /bin/sleep 60\n")
    fake.chmod(0o755)
    process = start(tree, fake.parent, "dev")
    child = int(ready.read_text())
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    expected = 130 if number == signal.SIGINT else 128 + number
    assert (process.returncode, out) == (expected, b"")
    assert b"Traceback" not in err, err
    assert not Path(f"/proc/{child}").exists()
    assert list(tmp_path.glob("sopskit-render-*")) == []


def test_a_reader_that_goes_early_is_no_error_of_ours(tree: Tree, tmp_path: Path) -> None:
    for number in range(30):
        tree.plain(f"plain/{number}.yaml", SECRET.replace("one", f"n{number}").replace("canary", "x" * 10_000))
    process = start(tree, tmp_path, "plain")
    assert process.stdout is not None
    assert process.stdout.read(10) == b"apiVersion"
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=30)
    assert (b"Traceback" in err, b"canary" in err) == (False, False)
