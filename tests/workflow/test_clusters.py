"""Which cluster is meant: named, by a kubeconfig, or the pod's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sopskit.cluster.incluster import InCluster
from sopskit.errors import FileAccessError, RefusedError
from sopskit.sops.masterkeys import FixedKeyring
from sopskit.workflow.apply import Request, apply, prepare
from sopskit.workflow.clusters import Chosen, connect, find_access
from tests.cluster.accounts import Account
from tests.deploy.apply.applying import config_map, data_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.apiserver import Cluster

KUBECONFIG = """
current-context: {name}
contexts: [{{name: {name}, context: {{cluster: {name}}}}}]
clusters: [{{name: {name}, cluster: {{server: "{scheme}://{name}.example"}}}}]
"""


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """The folder of a pod's service account."""
    folder = tmp_path / "account"
    folder.mkdir()
    for name in ("token", "ca.crt", "namespace"):
        (folder / name).write_text(f"test-only-{name}")
    return folder


def written(path: Path, name: str, scheme: str = "https") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(KUBECONFIG.format(name=name, scheme=scheme))
    return str(path)


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", **more}


def test_in_a_pod_without_a_kubeconfig_it_is_the_pods_own(account: Path, tmp_path: Path) -> None:
    found = find_access(Chosen(account=str(account)), environ(tmp_path))
    assert found == InCluster("https://10.96.0.1:443", "test-only-namespace", str(account))


def test_a_kubeconfig_goes_before_the_pod(account: Path, tmp_path: Path) -> None:
    written(tmp_path / ".kube" / "config", "home")
    assert find_access(Chosen(account=str(account)), environ(tmp_path)).context == "home"
    named = environ(tmp_path, KUBECONFIG=written(tmp_path / "named", "named"))
    assert find_access(Chosen(account=str(account)), named).context == "named"
    chosen = Chosen(written(tmp_path / "chosen", "chosen"), account=str(account))
    assert find_access(chosen, named).context == "chosen"


@pytest.mark.parametrize("how", ["option", "context", "variable"])
def test_what_is_named_and_not_there_is_not_taken_for_the_pods_own(account: Path, tmp_path: Path, how: str) -> None:
    missing = str(tmp_path / "missing")
    chosen = Chosen(
        kubeconfig=missing if how == "option" else None,
        context="dev" if how == "context" else None,
        account=str(account),
    )
    more = {"KUBECONFIG": missing} if how == "variable" else {}
    with pytest.raises(FileAccessError, match="there is no kubeconfig"):
        find_access(chosen, environ(tmp_path, **more))


def test_outside_of_a_pod_a_kubeconfig_is_missed(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="there is no kubeconfig"):
        find_access(Chosen(account=str(tmp_path / "missing")), environ(tmp_path))


def test_a_connection_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="secrets are not sent in the context open"):
        connect(Chosen(written(tmp_path / "open", "open", "http")), {})


def test_a_pod_applies_with_its_own_account(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    pod = Account(cluster, namespace, "deployer")
    pod.allow(["configmaps"], ["create", "patch", "get"])
    host, _, port = cluster.url.removeprefix("https://").rpartition(":")
    around = environ(tmp_path, KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT=port)
    chosen = Chosen(account=str(pod.mount(tmp_path / "account")))
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "one.yaml").write_text(json.dumps(config_map("one", a="b")))
    prepared = prepare(Request(folder), lambda: connect(chosen, around), FixedKeyring(), around)
    apply(prepared, lambda done, total: None)
    assert data_of(cluster, namespace, "one", "configmaps") == {"a": "b"}
