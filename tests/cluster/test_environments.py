"""The repository that the tests of a cluster push through is what its docstrings say."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cluster.environments import Environments, Reader, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import AgeTestKey


@pytest.fixture
def tree(tmp_path: Path, readers: Mapping[str, Reader]) -> Environments:
    return write(tmp_path / "repository", readers, prefix="test-")


def encrypted_files(tree: Environments) -> list[str]:
    return tree.git("grep", "--files-with-matches", "ENC[[]AES256_GCM,").splitlines()


def test_no_secret_value_is_in_the_repository(tree: Environments) -> None:
    secrets = [value for values in tree.values.values() for value in values[:5] if isinstance(value, str)]
    packed = [base64.b64encode(secret.encode()).decode() for secret in secrets]
    texts = [path.read_text() for path in tree.git.folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    assert len(secrets) == 15
    assert [secret for secret in secrets + packed if any(secret in text for text in texts)] == []


def test_the_released_sops_opens_the_files_of_an_environment_with_its_key(
    tree: Environments, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    environ = {"SOPS_AGE_KEY": alice.identity, "SOPS_DISABLE_VERSION_CHECK": "1", "HOME": "/nonexistent"}
    opened = []
    for name in encrypted_files(tree):
        command = [tool("sops"), "decrypt", str(tree.git.folder / name)]
        if subprocess.run(command, env=environ, capture_output=True, check=False).returncode == 0:
            opened.append(name)
    assert opened == [
        "k8s/components/registry/registry.json",
        "k8s/gitops/dev/service1/app.env",
        "k8s/gitops/dev/service1/secrets.yaml",
        "k8s/gitops/dev/service1/values.yaml",
        "k8s/gitops/dev/service2/password.yaml",
        "k8s/gitops/dev/service2/secrets.yaml",
        "k8s/helm-values/service1/dev-config.yaml",
        "k8s/helm-values/service2/dev-config.yaml",
    ]


def test_a_change_touches_the_files_that_hold_the_value(tree: Environments) -> None:
    values = tree.values["qa"]
    tree.change("qa", values._replace(password="test-only-another"))
    assert tree.git("diff", "--name-only", "HEAD~").splitlines() == [
        "k8s/gitops/qa/service1/secrets.yaml",
        "k8s/gitops/qa/service2/password.yaml",
    ]
    tree.change("qa", tree.values["qa"]._replace(replicas=9))
    assert tree.git("diff", "--name-only", "HEAD~").splitlines() == [
        "k8s/gitops/qa/service2/kustomization.yaml",
        "k8s/helm-values/service1/qa-config.yaml",
        "k8s/helm-values/service2/qa-config.yaml",
    ]


def test_a_copy_for_other_namespaces_has_the_same_ciphertext(tree: Environments, tmp_path: Path) -> None:
    copy = tree.copied(tmp_path / "copy", "other-")
    changed = copy.git("diff", "--name-only", "HEAD~").splitlines()
    names = ("kustomization.yaml", "namespace.yaml")
    assert changed == [f"k8s/gitops/{environment}/{name}" for environment in ("dev", "prod", "qa") for name in names]
    assert copy.namespace("dev") == "other-dev"
    assert tree.git("status", "--porcelain") == ""
