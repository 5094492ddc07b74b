"""A whole GitOps tree under its own creation rules: back byte for byte, and readable for the released sops."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sopskit.document import format_for_path, parse
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

GITOPS = ROOT / "fixtures" / "repos" / "gitops"
RUN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.cli.main import main; sys.exit(main())"
PATTERNS = ("*/secrets.yaml", "*/registry.json", "*/app.env", "*/settings.ini", "k8s/helm-values/*/*.yaml")
# spellings that the format cannot carry, as docs/formats/yaml.md lists them
LOST = {
    "[1234, 0x1F, 5.0e2]": "[1234, 31, 5.0e2]",
    "rotateAfter: 2026-12-31": "rotateAfter: 2026-12-31T00:00:00Z",
    "Be careful with\n        what": "Be careful with what",
    ".\n        Be careful": ". Be careful",
}


def secret_files(root: Path) -> list[str]:
    """The files of the tree that hold secrets."""
    return sorted({path.relative_to(root).as_posix() for pattern in PATTERNS for path in root.rglob(pattern)})


def sopskit(tree: Path, *argv: str) -> None:
    """Run a command of sopskit in the tree; it must succeed."""
    done = subprocess.run([sys.executable, "-c", RUN, *argv], cwd=tree, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def tree(tmp_path: Path, alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tree, and the key of somebody who may read all of it."""
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    return shutil.copytree(GITOPS, tmp_path / "gitops")


def test_encrypting_and_decrypting_the_tree_gives_it_back(tree: Path) -> None:
    names = secret_files(tree)
    assert len(names) == 3 * (2 + 3 + 2)
    sopskit(tree, "encrypt", "-i", *names)
    assert [name for name in names if (tree / name).read_bytes() == (GITOPS / name).read_bytes()] == []
    sopskit(tree, "decrypt", "-i", *names)
    changed = []
    for name in names:
        expected = (GITOPS / name).read_bytes()
        line_end = b"\r\n" if b"\r" in expected else b"\n"
        for source, result in LOST.items():
            expected = expected.replace(source.encode().replace(b"\n", line_end), result.encode())
        if (tree / name).read_bytes() != expected:
            changed.append(name)
    assert changed == []


def test_the_released_sops_reads_the_encrypted_tree(tree: Path, tool: Callable[[str], str]) -> None:
    names = secret_files(tree)
    sopskit(tree, "encrypt", "-i", *names)
    for name in names:
        shown = subprocess.run([tool("sops"), "decrypt", name], cwd=tree, capture_output=True, check=False)
        assert shown.returncode == 0, shown.stderr.decode()
        assert content(shown.stdout, name) == content((GITOPS / name).read_bytes(), name)


def content(text: bytes, name: str) -> list[tuple[object, ...]]:
    """The leaves of a file with place and canonical bytes; sops writes the float 500.0 as `500`, so types are not compared."""
    return [(leaf.path, leaf.data) for leaf in parse(text, format_for_path(name)).leaves()]
