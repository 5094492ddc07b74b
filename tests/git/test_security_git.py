"""Programs in a repository that are named as git is."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPEN = (
    "from sopskit.git import open_repository; assert open_repository('.', dict(__import__('os').environ)) is not None"
)


@pytest.mark.parametrize("entry", [".", "", "bin", "{tree}", "{tree}/bin"])
def test_a_git_program_in_the_tree_is_not_started(tmp_path: Path, tool: Callable[[str], str], entry: str) -> None:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    subprocess.run([tool("git"), "init", "--quiet", str(tree)], check=True)
    for folder in (tree, tree / "bin"):
        (folder / "git").write_text(f'#!/bin/sh\ntouch {tmp_path}/started\nexec {tool("git")} "$@"\n')
        (folder / "git").chmod(0o755)
    path = os.pathsep.join((entry.format(tree=tree), os.path.dirname(tool("git")), os.environ["PATH"]))
    environ = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", OPEN], cwd=tree, env=environ, check=True)
    assert not (tmp_path / "started").exists()
