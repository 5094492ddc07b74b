"""The tests of render and apply would fail: sopskit with one leak built into it is caught, each time at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.canary.canaries import Canary, Scanner
from tests.canary.stored import leaks_in_cluster
from tests.cluster.faults import FOREVER, Refuse
from tests.deploy.checkouts import CHART, make_checkout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

DEV = "k8s/gitops/dev"
# `leak(secret, source)` is called with every text that is opened and where it is from
OPENING = """
import os, socket, subprocess, tempfile
from sopskit.deploy.opening import SourceOpener
opened_by = SourceOpener.open
def leaking(self, source, path):
    opened = opened_by(self, source, path)
    if opened is not None:
        leak(max(opened.secrets, key=len, default="").partition("\\n")[0], str(path))
    return opened
SourceOpener.open = leaking
def leak(secret, source):
"""
# `leak(given, ended, folder)` is called with what each program was given, how it ended, and its folder
RUNNING = """
import subprocess, sys
from sopskit.deploy import charts, kustomize, process
def leaking(argv, given, folder, environ, *meanwhile):
    ended = process.run(argv, given, folder, environ, *meanwhile)
    leak(given, ended, folder)
    return ended
charts.run = kustomize.run = leaking
def leak(given, ended, folder):
"""
# `changed(content)` is what is sent in the place of an object
SENDING = """
import base64, hashlib, json, logging
from sopskit.cluster import Connection
applied_by = Connection.apply
def leaking(self, path, body, **options):
    content = json.loads(body)
    changed(content, next(iter(content.get("data", {}).values()), ""))
    return applied_by(self, path, json.dumps(content).encode(), **options)
Connection.apply = leaking
def changed(content, value):
"""
# what refuses a request says what the server said
QUOTING = """
import sys
from sopskit.cluster import Connection, refusals
told = refusals.refusal
def quoting(status, content):
    error = told(status, content)
    error.message += content["message"]
    return error
for module in list(sys.modules.values()):
    if getattr(module, "refusal", None) is told:
        module.refusal = quoting
"""
NOTE = "content['metadata'].setdefault('annotations', {})['note'] = "


class Mutant(NamedTuple):
    """What is changed in sopskit, and what a hit's place begins with."""

    change: str
    place: str


BUILDING = {
    "temporary file": Mutant(f"{OPENING} with tempfile.TemporaryFile('w') as file: file.write(secret)", "write to "),
    "file in memory": Mutant(f"{OPENING} os.write(os.memfd_create('x'), secret.encode())", "write to /memfd:"),
    "backup": Mutant(f"{OPENING} open(source + '.bak', 'w').write(secret)", "write to "),
    "name of a folder": Mutant(f"{OPENING} os.rmdir(tempfile.mkdtemp(prefix=secret))", "mkdir"),
    "argument": Mutant(f"{OPENING} subprocess.run(['/bin/true', secret])", "execve"),
    "environment": Mutant(f"{OPENING} subprocess.run(['/bin/true'], env=dict(VALUE=secret))", "execve"),
    "warning": Mutant(f"{OPENING} print('opened', repr(secret), file=__import__('sys').stderr)", "standard error"),
    "name of the process": Mutant(f"{OPENING} open('/proc/self/comm', 'w').write(secret[:12])", "write to /proc/"),
    "packet": Mutant(
        f"{OPENING} socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(secret.encode(), ('127.0.0.1', 9))",
        "sendto",
    ),
}
CHARTS = {
    "values in a file": Mutant(f"{RUNNING} (folder / 'values.json').write_bytes(given)", "write to "),
    "values as an argument": Mutant(f"{RUNNING} given and subprocess.run(['/bin/true', given.decode()])", "execve"),
    "words of helm": Mutant(f"{RUNNING} sys.stderr.write(ended.complaint.decode())", "standard error"),
}
APPLYING = {
    "whole manifest in an annotation": Mutant(f"{SENDING} {NOTE}json.dumps(content)", "Secret "),
    "digest in an annotation": Mutant(
        f"{SENDING} {NOTE}hashlib.sha256(base64.b64decode(value) if content['kind'] == 'Secret' else b'').hexdigest()",
        "Secret ",
    ),
    "log of what is sent": Mutant(f"{SENDING} logging.warning('sending %s', content)", "standard error"),
}


@pytest.fixture
def found(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Callable[[Mutant, str], set[str]]:
    """The places where a mutant leaks when it renders the overlay and its release."""

    def places(mutant: Mutant, template: str) -> set[str]:
        checkout = make_checkout(tmp_path, tool, alice, release=bool(template))
        if template:
            tool("helm")
            checkout.tree.plain(f"{CHART}/templates/x.yaml", template)
        words = ["render", DEV, *(["--helm"] if template else [])]
        traced = checkout.run(tool("strace"), *words, change=mutant.change)
        assert b"a bug in sopskit" not in traced.stderr, traced.stderr.decode()
        return {hit.place for hit in traced.leaks(checkout.scanner) | checkout.left()}

    return places


@pytest.mark.parametrize("name", BUILDING)
def test_a_build_that_leaks_is_caught(name: str, found: Callable[[Mutant, str], set[str]]) -> None:
    mutant = BUILDING[name]
    assert [place for place in found(mutant, "") if place.startswith(mutant.place)]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_that_leaks_is_caught(name: str, found: Callable[[Mutant, str], set[str]]) -> None:
    mutant = CHARTS[name]
    assert [place for place in found(mutant, "{{ fail .Values.password }}") if place.startswith(mutant.place)]


def test_a_change_that_leaks_nothing_is_not_accused(found: Callable[[Mutant, str], set[str]]) -> None:
    quiet = "subprocess.run(['/bin/true', str(len(secret))]); open(source).read(); tempfile.TemporaryFile().write(b'x')"
    assert found(Mutant(f"{OPENING} {quiet}", ""), "") == set()


@pytest.mark.parametrize("name", APPLYING)
def test_an_apply_that_leaks_is_caught(
    name: str, tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    checkout = make_checkout(tmp_path, tool, alice, namespace=namespace)
    checkout.environ["KUBECONFIG"] = str(cluster.kubeconfig(tmp_path / "kubeconfig", namespace=namespace))
    traced = checkout.run(tool("strace"), "apply", DEV, change=APPLYING[name].change)
    assert traced.returncode == 0, traced.stderr.decode()
    hits = traced.leaks(checkout.scanner) | leaks_in_cluster(checkout.scanner, cluster)
    assert [hit.place for hit in hits if hit.place.startswith(APPLYING[name].place)]
    # it lies in the objects, where other tests would take it for a leak of theirs
    for kind in ("secrets", "configmaps"):
        assert cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/{kind}").status == 200


def test_an_apply_that_passes_on_what_the_server_says_is_caught(
    tmp_path: Path, cluster: Cluster, proxy: Proxy, namespace: str, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    checkout = make_checkout(tmp_path, tool, alice, namespace=namespace)
    config = cluster.kubeconfig(tmp_path / "kubeconfig", namespace=namespace, server=proxy.url)
    checkout.environ["KUBECONFIG"] = str(config)
    proxy.inject(Refuse(422, f"invalid: {checkout.text('patch')}"), method="PATCH", times=FOREVER)
    traced = checkout.run(tool("strace"), "apply", DEV, change=QUOTING)
    assert {hit.place for hit in traced.leaks(checkout.scanner)} >= {"standard error"}


def test_a_client_key_that_meets_a_disk_is_caught(
    tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey
) -> None:
    """Without anonymous files the Kubernetes client writes the key to a temporary file."""
    checkout = make_checkout(tmp_path, tool, alice, namespace=namespace)
    config = cluster.kubeconfig(tmp_path / "kubeconfig", namespace=namespace, certificate=True)
    checkout.environ["KUBECONFIG"] = str(config)
    traced = checkout.run(tool("strace"), "apply", DEV, "--dry-run", change="import os; del os.memfd_create")
    key = Scanner([Canary("PEM", "-----BEGIN PRIVATE KEY-----", windows=False)])
    places = {hit.place for hit in traced.leaks(key, anonymous=True)}
    assert [place for place in places if place.startswith(f"write to {checkout.temporary}")]
