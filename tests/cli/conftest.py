"""A folder with the keys of two people, and sops beside sopskit."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

PLAIN = """\
# who may connect
apiVersion: v1
kind: Secret
metadata:
  name: app
stringData:
  user: "admin"   # quoted

  password: correct horse
  port: 5432
list:
  - one
  - two
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alice: AgeTestKey) -> Path:
    """The current folder of a test, with alice's private key at hand."""
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    return path


@pytest.fixture
def plain(folder: Path) -> Path:
    """A plaintext manifest."""
    path = folder / "plain.yaml"
    path.write_text(PLAIN)
    return path


@pytest.fixture
def secret(folder: Path, alice: AgeTestKey, tool: Callable[[str], str]) -> Path:
    """The manifest, encrypted for alice by sops itself."""
    path = folder / "secret.yaml"
    path.write_text(PLAIN)
    subprocess.run([tool("sops"), "encrypt", "-i", "--age", alice.recipient, path], check=True, capture_output=True)
    return path


@pytest.fixture
def ours(folder: Path, alice: AgeTestKey) -> Path:
    """The manifest, encrypted for alice by sopskit, formatting kept."""
    from tests.cli.running import sopskit

    path = folder / "ours.yaml"
    path.write_text(PLAIN)
    done = sopskit("encrypt", "-i", "--age", alice.recipient, "--encrypted-regex", "^(stringData|list)$", path)
    assert done.code == 0, done.err
    return path
