"""render on the command line: masked on a terminal, plaintext into a pipe."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit.cli.context import Context
from sopskit.cli.main import main
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.render import render
from tests.deploy.conftest import Tree
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import AgeTestKey

SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: one\nstringData:\n    password: canary-41c7\n"


@pytest.fixture
def folder(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Path:
    """A repository with an overlay in `dev`, and its base beside it."""
    git = init(tmp_path / "repository")
    tree = Tree(git.folder.resolve(), tool("sops"), alice)
    tree.encrypted("base/secret.yaml", SECRET, "--encrypted-regex", "^(data|stringData)$")
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [../base]\n")
    return git.folder


def run(environ: dict[str, str], *arguments: str, terminal: bool = False) -> tuple[int, str, str]:
    out, err = io.BytesIO(), io.StringIO()
    terminals = frozenset(("stdout",)) if terminal else frozenset[str]()
    context = Context(stdin=io.BytesIO(), stdout=out, stderr=err, environ=environ, terminals=terminals)
    code = main(["render", *arguments], context)
    return code, out.getvalue().decode(), err.getvalue()


@pytest.fixture
def environ(tool: Callable[[str], str], alice: AgeTestKey) -> dict[str, str]:
    return {**os.environ, "PATH": str(Path(tool("kustomize")).parent), "SOPS_AGE_KEY": alice.identity}


def test_a_pipe_gets_the_manifests(folder: Path, environ: dict[str, str]) -> None:
    code, out, err = run(environ, str(folder / "dev"))
    assert (code, err) == (0, "")
    assert "namespace: dev" in out
    assert "password: canary-41c7" in out


def test_a_terminal_gets_masks_unless_asked_otherwise(folder: Path, environ: dict[str, str]) -> None:
    code, out, err = run(environ, str(folder / "dev"), terminal=True)
    assert (code, "password: <redacted>" in out, "canary" in out) == (0, True, False)
    assert "values are masked on a terminal" in err
    _, out, err = run(environ, "--show", str(folder / "dev"), terminal=True)
    assert ("password: canary-41c7" in out, err) == (True, "")


def test_without_a_key_nothing_is_printed(folder: Path, environ: dict[str, str]) -> None:
    del environ["SOPS_AGE_KEY"]
    code, out, err = run(environ, str(folder / "dev"))
    assert (code, out) == (128, "")
    assert "no private key at hand opens this file" in err


def test_outside_of_git_a_folder_is_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: A\n")
    assert render(tmp_path, FixedKeyring(), {}).stream == b"kind: A\n"
