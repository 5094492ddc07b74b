"""The fixtures themselves: what they are said to be."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.source_tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import AgeTestKey

GITOPS = ROOT / "fixtures" / "repos" / "gitops"
RELEASED = ROOT / "fixtures" / "sops" / "3.13.3"
ENVIRONMENTS = ("dev", "qa", "prod")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_kustomize_builds_every_environment(tool: Callable[[str], str], environment: str) -> None:
    built = subprocess.run(
        [tool("kustomize"), "build", GITOPS / "k8s" / "gitops" / environment], capture_output=True, check=True
    ).stdout
    kinds = sorted(document["kind"] for document in yaml.safe_load_all(built))
    assert kinds == ["ConfigMap"] * 2 + ["HelmRelease"] * 2 + ["Namespace"] * 2 + ["Secret"] * 6


def test_one_file_has_dos_line_ends() -> None:
    with_cr = [path for path in GITOPS.rglob("*") if path.is_file() and b"\r" in path.read_bytes()]
    assert [path.relative_to(GITOPS).as_posix() for path in with_cr] == ["k8s/gitops/qa/web/secrets.yaml"]


def test_environments_have_the_same_files() -> None:
    trees = [{path.relative_to(root).as_posix() for path in root.rglob("*")} for root in gitops_folders()]
    assert trees[0] == trees[1] == trees[2]


def gitops_folders() -> list[Path]:
    """One folder per environment."""
    return [GITOPS / "k8s" / "gitops" / environment for environment in ENVIRONMENTS]


def test_the_released_sops_opens_what_is_kept_of_it(
    tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(alice.path))
    shown = subprocess.run([tool("sops"), "decrypt", RELEASED / "types.yaml"], capture_output=True, check=True).stdout
    assert shown == (RELEASED / "types.yaml.plain").read_bytes()


def test_every_released_file_has_its_plaintext() -> None:
    names = {path.name for path in RELEASED.iterdir()}
    assert {f"{name}.plain" for name in names if not name.endswith(".plain")} <= names
