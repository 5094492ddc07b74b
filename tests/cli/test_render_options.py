"""render: whose keys, and what nothing may lead out of."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import Done, sopskit
from tests.deploy.conftest import Tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\nstringData:\n  password: canary-7d20\n"
NO_KEY = 128


@pytest.fixture
def tree(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A base and an overlay beside it, in no repository; the right key is in the environment."""
    monkeypatch.setenv("PATH", f"{Path(tool('kustomize')).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SOPS_AGE_KEY", alice.identity)
    tree = Tree(tmp_path.resolve() / "files", tool("sops"), alice)
    tree.encrypted("base/secret.yaml", SECRET, "--encrypted-regex", "^(data|stringData)$")
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [../base]\n")
    return tree


def folder_of(path: Path, key: AgeTestKey) -> Path:
    path.mkdir()
    (path / "age.agekey").write_bytes(key.path.read_bytes())
    return path


def render(tree: Tree, *options: str | Path, folder: str = "base") -> Done:
    return sopskit("render", tree.folder / folder, *options)


def told(done: Done) -> tuple[int, bytes, str]:
    """How it failed: the code, what was printed, the first line of the error."""
    return done.code, done.out, done.err.splitlines()[0]


def test_outside_of_git_nothing_leads_out_of_the_folder_but_within_a_root(tree: Tree) -> None:
    assert (render(tree, folder="dev").code, render(tree, folder="dev").out) == (1, b"")
    done = render(tree, "--root", tree.folder, folder="dev")
    assert (done.code, done.err, b"password: canary-7d20" in done.out) == (0, "", True)


def test_a_folder_outside_of_the_root_is_refused(tree: Tree) -> None:
    done = render(tree, "--root", tree.folder / "base", folder="dev")
    assert told(done) == (
        1,
        b"",
        f"sopskit: error: {tree.folder / 'dev'}: the folder is not within the root that was given",
    )


def test_a_mounted_secret_opens_what_its_keys_open_and_no_more(
    tree: Tree, tmp_path: Path, alice: AgeTestKey, bob: AgeTestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = folder_of(tmp_path / "alice", alice), folder_of(tmp_path / "bob", bob)
    failed = render(tree, "--keys", wrong)
    assert (failed.code, failed.out, failed.err.splitlines()[-1]) == (
        NO_KEY,
        b"",
        f"sopskit: hint: these keys were tried, and no others: {wrong / 'age.agekey'}",
    )
    monkeypatch.delenv("SOPS_AGE_KEY")
    assert b"password: canary-7d20" in render(tree, "--keys", right).out


def test_a_secret_in_the_cluster_opens_what_its_keys_open_and_no_more(
    tree: Tree,
    cluster: Cluster,
    namespace: str,
    tmp_path: Path,
    alice: AgeTestKey,
    bob: AgeTestKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, key in (("right", alice), ("wrong", bob)):
        content = {
            "metadata": {"name": name},
            "data": {"a.agekey": base64.b64encode(key.path.read_bytes()).decode()},
        }
        assert cluster.request("POST", f"/api/v1/namespaces/{namespace}/secrets", content).status == 201
    options = ("--kubeconfig", cluster.kubeconfig(tmp_path / "config", namespace=namespace), "--context", "testbed")
    failed = render(tree, "--key-secret", "wrong", *options)
    assert (failed.code, failed.out) == (NO_KEY, b"")
    monkeypatch.delenv("SOPS_AGE_KEY")
    assert b"password: canary-7d20" in render(tree, "--key-secret", f"{namespace}/right", *options).out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--keys", "x", "--key-secret", "y"), "--keys and --key-secret exclude each other"),
        (("--context", "x"), "render asks no cluster without --key-secret"),
        (("--kubeconfig", "x", "--keys", "y"), "render asks no cluster without --key-secret"),
        (("--kube-version", "1.33"), "--kube-version needs --helm"),
    ],
)
def test_what_cannot_be_meant_together_is_refused(tree: Tree, options: tuple[str, ...], message: str) -> None:
    assert told(render(tree, *options)) == (1, b"", f"sopskit: error: {message}")
