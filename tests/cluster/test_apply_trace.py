"""What `apply` writes, starts and leaves behind, as the kernel sees it, and what the cluster has of it afterwards."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.canary.canaries import Canary, Scanner
from tests.canary.stored import leaks_in_cluster, secrets_with
from tests.cluster.faults import FOREVER, Cut, Refuse, Wait
from tests.deploy.checkouts import CHART, CHART_SLOTS, DATA, SLOTS, make_checkout, secret
from tests.deploy.tracing import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.canary.canaries import Hit
    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey
    from tests.deploy.checkouts import Checkout
    from tests.deploy.tracing import Traced

DEV = "k8s/gitops/dev"
IN_SECRETS = set(SLOTS) - {"ConfigMap"}


@pytest.fixture
def checkout(
    tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey
) -> Checkout:
    checkout = make_checkout(tmp_path, tool, alice, namespace=namespace)
    # the whole of its way: a client's private key that is embedded in the kubeconfig
    config = cluster.kubeconfig(tmp_path / "kubeconfig", namespace=namespace, certificate=True)
    checkout.environ |= {"KUBECONFIG": str(config), "PYTHONDONTWRITEBYTECODE": "1"}
    return checkout


def client_key(checkout: Checkout) -> Scanner:
    """Looks for the private key of the kubeconfig's user."""
    user = json.loads(Path(checkout.environ["KUBECONFIG"]).read_text())["users"][0]["user"]
    key = base64.b64decode(user["client-key-data"]).decode()
    return Scanner([Canary("client key", key.splitlines()[1], windows=False)])


def leaks(traced: Traced, checkout: Checkout, cluster: Cluster) -> set[Hit]:
    """Hits anywhere but in pipes, FIFOs and the data of Secrets; the ConfigMap's value in the ConfigMap is meant."""
    found = traced.leaks(checkout.scanner) | checkout.scanner.scan(traced.stdout, "standard output")
    found |= checkout.left()
    stored = leaks_in_cluster(checkout.scanner, cluster)
    return found | {hit for hit in stored if (hit.slot, hit.place[:16]) != ("ConfigMap", "ConfigMap config")}


def test_no_plaintext_of_a_plain_folder_leaves_but_through_tls(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str]
) -> None:
    (checkout.overlay / "kustomization.yaml").unlink()
    for name in ("settings.yaml", "patch.yaml"):
        (checkout.overlay / name).unlink()
    traced = checkout.run(tool("strace"), "apply", DEV, "--name", "dev")
    assert (traced.returncode, traced.stderr, traced.fifos) == (0, b"", set())
    assert leaks(traced, checkout, cluster) == set()
    assert traced.leaks(client_key(checkout), anonymous=True) == set()
    assert list(checkout.temporary.iterdir()) == []
    assert secrets_with(checkout.scanner, cluster, checkout.namespace) == {"resource"}


def test_no_plaintext_of_a_kustomization_leaves_but_through_pipes_and_tls(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str]
) -> None:
    traced = checkout.run(tool("strace"), "apply", DEV, "--name", "dev")
    assert (traced.returncode, traced.stderr, len(traced.fifos) > 6) == (0, b"", True)
    assert leaks(traced, checkout, cluster) == set()
    assert traced.leaks(client_key(checkout), anonymous=True) == set()
    assert traced.leaks(client_key(checkout)) != set(), "the scan does not see the key"
    assert list(checkout.temporary.iterdir()) == []
    assert secrets_with(checkout.scanner, cluster, checkout.namespace) == IN_SECRETS


def test_a_second_run_with_a_change_a_loss_and_an_adoption_leaks_nothing(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str]
) -> None:
    first = checkout.run(tool("strace"), "apply", DEV, "--name", "dev")
    assert first.returncode == 0, first.stderr.decode()
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "three"}, "data": {"theirs": "eA=="}}
    path = f"/api/v1/namespaces/{checkout.namespace}/secrets/three"
    assert cluster.apply(path, theirs, manager="kubectl").status == 200
    checkout.encrypted("patch.yaml", secret("one", patch=checkout.text("variable")), *DATA)
    checkout.plain("../base/kustomization.yaml", "resources: [secret.yaml]\n")
    for options in (["--diff"], ["--yes"]):
        words = ["apply", DEV, "--name", "dev", "--prune", "--adopt", "kubectl", *options]
        traced = checkout.run(tool("strace"), *words)
        assert (traced.returncode, traced.stderr) == (0, b"")
        assert leaks(traced, checkout, cluster) == set()
        assert traced.leaks(client_key(checkout), anonymous=True) == set()
    assert f"- Secret {checkout.namespace}/two" in traced.stdout.decode()
    assert list(checkout.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Refuse(403), 3), (Refuse(422), 3), (Cut.BEFORE, 3), (Cut.AFTER, 3), (Cut.MIDDLE, 3)],
    ids=str,
)
def test_a_run_that_stops_midway_leaks_nothing(
    checkout: Checkout,
    cluster: Cluster,
    proxy: Proxy,
    tool: Callable[[str], str],
    tmp_path: Path,
    fault: Refuse | Cut,
    code: int,
) -> None:
    cluster.kubeconfig(tmp_path / "kubeconfig", namespace=checkout.namespace, server=proxy.url)
    if isinstance(fault, Refuse):
        fault = Refuse(fault.status, f"invalid: {checkout.text('resource')} {checkout.text('file')}")
    proxy.inject(fault, method="PATCH", path=r"/secrets/three\?(?!.*dryRun)", times=FOREVER)
    traced = checkout.run(tool("strace"), "apply", DEV, "--name", "dev", "--prune", "--retry-for", "0.3")
    assert (traced.returncode, traced.stdout) == (code, b""), traced.stderr.decode()
    assert leaks(traced, checkout, cluster) == set()
    assert list(checkout.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_while_it_applies_deletes_and_leaks_nothing(
    checkout: Checkout, cluster: Cluster, proxy: Proxy, tmp_path: Path, number: signal.Signals
) -> None:
    cluster.kubeconfig(tmp_path / "kubeconfig", namespace=checkout.namespace, server=proxy.url)
    proxy.inject(Wait(1), method="PATCH", path=r"/secrets/[^?]*\?(?!.*dryRun)", times=FOREVER)
    process = subprocess.Popen(
        [sys.executable, "-c", program(), "apply", DEV, "--name", "dev", "--prune"],
        cwd=checkout.tree.folder,
        env=checkout.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not proxy.requests("PATCH", r"/secrets/[^?]*\?(?!.*dryRun)") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + number, b""), err.decode()
    assert checkout.scanner.scan(err, "standard error") == set()
    assert [text for text in proxy.requests("DELETE") if "dryRun" not in text] == []
    assert (checkout.left(), list(checkout.temporary.iterdir())) == (set(), [])


# --- charts


def test_no_plaintext_of_a_chart_leaves_but_through_pipes_and_tls(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str]
) -> None:
    checkout.environ["PATH"] += f":{tool('helm').rpartition('/')[0]}"
    checkout.add_release()
    traced = checkout.run(tool("strace"), "apply", DEV, "--helm", "--name", "dev")
    assert (traced.returncode, traced.stderr) == (0, b"")
    assert leaks(traced, checkout, cluster) == set()
    assert traced.leaks(client_key(checkout), anonymous=True) == set()
    assert list(checkout.temporary.iterdir()) == []
    assert secrets_with(checkout.scanner, cluster, checkout.namespace) == IN_SECRETS | set(CHART_SLOTS)


def test_a_chart_that_fails_applies_and_leaks_nothing(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str]
) -> None:
    checkout.add_release()
    checkout.tree.plain(f"{CHART}/templates/x.yaml", "{{ fail .Values.password }}")
    traced = checkout.run(tool("strace"), "apply", DEV, "--helm", "--name", "dev", "--prune")
    assert (traced.returncode, traced.stdout, traced.connections) == (1, b"", 0)
    assert leaks(traced, checkout, cluster) == set()
    assert list(checkout.temporary.iterdir()) == []


# --- credentials


def use_plugin(checkout: Checkout, status: dict[str, str]) -> None:
    """Let the kubeconfig's user have credentials from a program, which prints them."""
    config = Path(checkout.environ["KUBECONFIG"])
    version = "client.authentication.k8s.io/v1"
    printed = config.parent / "credential"
    printed.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))
    plugin = config.parent / "plugin"
    plugin.write_text(f'#!/bin/sh\nexec /bin/cat "{printed}"\n')
    plugin.chmod(0o755)
    content = json.loads(config.read_text())
    started = {"apiVersion": version, "command": str(plugin), "interactiveMode": "Never"}
    content["users"][0]["user"] = {"exec": started}
    config.write_text(json.dumps(content))


def test_a_client_key_of_a_credential_plugin_meets_no_disk(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str]
) -> None:
    key = client_key(checkout)
    user = json.loads(Path(checkout.environ["KUBECONFIG"]).read_text())["users"][0]["user"]
    pem = {name: base64.b64decode(user[f"client-{name}-data"]).decode() for name in ("certificate", "key")}
    use_plugin(checkout, {"clientCertificateData": pem["certificate"], "clientKeyData": pem["key"]})
    traced = checkout.run(tool("strace"), "apply", DEV, "--name", "dev")
    assert (traced.returncode, traced.stderr) == (0, b"")
    assert leaks(traced, checkout, cluster) == set()
    assert {hit for hit in traced.leaks(key, anonymous=True) if "/dev/shm/" not in hit.place} == set()
    assert list(checkout.temporary.iterdir()) == []


def test_a_credential_plugin_is_not_told_the_keys_of_the_files(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    del checkout.environ["SOPS_AGE_KEY_FILE"]
    checkout.environ["SOPS_AGE_KEY"] = alice.identity
    use_plugin(checkout, {"token": cluster.tokens["admin"]})
    traced = checkout.run(tool("strace"), "apply", DEV, "--dry-run")
    assert (traced.returncode, traced.stderr) == (0, b"")
    started = [event for event in traced.events if event.call == "execve"]
    assert [event.data.partition(b"\0")[0].rpartition(b"/")[2] for event in started[1:]] == [
        b"kustomize",
        b"plugin",
        b"cat",
    ]
    assert {hit for event in started[1:] for hit in checkout.scanner.scan(event.data, event.place)} == set()


def test_keys_of_a_secret_in_the_cluster_stay_in_memory(
    checkout: Checkout, cluster: Cluster, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    del checkout.environ["SOPS_AGE_KEY_FILE"]
    kept = {"metadata": {"name": "sops-keys"}, "stringData": {"identity.agekey": alice.identity}}
    assert cluster.request("POST", f"/api/v1/namespaces/{checkout.namespace}/secrets", kept).status == 201
    traced = checkout.run(tool("strace"), "apply", DEV, "--key-secret", "sops-keys", "--name", "dev")
    assert (traced.returncode, traced.stderr) == (0, b"")
    assert leaks(traced, checkout, cluster) == set()
    assert list(checkout.temporary.iterdir()) == []
    assert secrets_with(checkout.scanner, cluster, checkout.namespace) == IN_SECRETS | {"identity"}
