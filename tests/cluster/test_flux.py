"""The real Flux decrypts and applies what sopskit encrypted."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import sopskit
from tests.cluster.flux import condition, packed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.flux import Flux
    from tests.conftest import AgeTestKey

SECRET = """\
# who pays
apiVersion: v1
kind: Secret
metadata:
    name: app
stringData:
    password: {password}
"""
KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [secret.yaml, plain.yaml]
secretGenerator:
    - name: generated
      envs: [settings.env]
      options: {disableNameSuffixHash: true}
"""
PLAIN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {colour: green}\n"


@pytest.fixture
def tree(tmp_path: Path, alice: AgeTestKey, cluster_key: AgeTestKey) -> Path:
    """A kustomization with an encrypted resource and an encrypted source of a generator."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(KUSTOMIZATION)
    (folder / "plain.yaml").write_text(PLAIN)
    recipients = f"{alice.recipient},{cluster_key.recipient}"
    for name, text in (("secret.yaml", SECRET.format(password="open sesame")), ("settings.env", "TOKEN=0123\n")):
        (folder / name).write_text(text)
        options = ["--encrypted-regex", "^(data|stringData)$"] if name.endswith("yaml") else []
        done = sopskit("encrypt", "--in-place", "--age", recipients, *options, folder / name)
        assert done.code == 0, done.err
    return folder


def data_of(cluster: Cluster, namespace: str, name: str) -> dict[str, bytes]:
    """The decoded values of a Secret; empty if there is none."""
    found = cluster.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}").json
    return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}


def test_a_tree_that_sopskit_encrypted_is_reconciled(
    cluster: Cluster, flux: Flux, namespace: str, tree: Path, cluster_key: AgeTestKey
) -> None:
    flux.keep_key(namespace, "sops", {"cluster.agekey": cluster_key.identity})
    done = flux.reconcile(namespace, tree, key="sops", targetNamespace=namespace)
    assert (condition(done)["status"], condition(done)["reason"]) == ("True", "ReconciliationSucceeded"), done["status"]
    assert data_of(cluster, namespace, "app") == {"password": b"open sesame"}
    assert data_of(cluster, namespace, "generated") == {"TOKEN": b"0123"}
    plain = cluster.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/plain").json
    assert plain["data"] == {"colour": "green"}


def test_a_new_revision_is_reconciled_too(
    cluster: Cluster, flux: Flux, namespace: str, tree: Path, cluster_key: AgeTestKey, alice: AgeTestKey
) -> None:
    flux.keep_key(namespace, "sops", {"cluster.agekey": cluster_key.identity})
    flux.reconcile(namespace, tree, key="sops", targetNamespace=namespace)
    environ = {"SOPS_AGE_KEY_FILE": str(alice.path)}
    changed = sopskit("set", tree / "secret.yaml", '["stringData"]["password"]', '"changed"', environ=environ)
    assert changed.code == 0, changed.err
    done = flux.reconcile(namespace, tree, key="sops", targetNamespace=namespace)
    assert condition(done)["status"] == "True", done["status"]
    assert data_of(cluster, namespace, "app") == {"password": b"changed"}


def test_the_wrong_key_is_a_failed_build_and_nothing_is_applied(
    cluster: Cluster, flux: Flux, namespace: str, tree: Path, bob: AgeTestKey
) -> None:
    flux.keep_key(namespace, "sops", {"bob.agekey": bob.identity})
    done = flux.reconcile(namespace, tree, key="sops", targetNamespace=namespace)
    assert (condition(done)["status"], condition(done)["reason"]) == ("False", "BuildFailed")
    assert cluster.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/plain").status == 404
    assert data_of(cluster, namespace, "app") == {}


def test_the_controller_goes_on_after_the_server_was_lost(
    cluster: Cluster, flux: Flux, namespace: str, tree: Path, cluster_key: AgeTestKey
) -> None:
    cluster.kill()
    cluster.start()
    flux.keep_key(namespace, "sops", {"cluster.agekey": cluster_key.identity})
    done = flux.reconcile(namespace, tree, key="sops", targetNamespace=namespace)
    assert condition(done)["status"] == "True", done["status"]


def test_nothing_decrypted_is_left_in_its_folders(
    flux: Flux, namespace: str, tree: Path, cluster_key: AgeTestKey
) -> None:
    flux.keep_key(namespace, "sops", {"cluster.agekey": cluster_key.identity})
    flux.reconcile(namespace, tree, key="sops", targetNamespace=namespace)
    assert [path for path in flux.temporary.rglob("*") if path.is_file()] == []


def test_packing_the_same_files_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / ".git" / "HEAD").write_text(name)
        (tmp_path / name / "file").write_text("same")
    assert packed(tmp_path / "one") == packed(tmp_path / "two")
