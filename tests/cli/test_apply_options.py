"""apply: whose keys, whose charts, and the report for programs."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import Sinks, observe
from tests.cli.applying import ENCRYPTED, Case, made_case, manifest
from tests.cluster.faults import FOREVER, Call
from tests.conftest import ROOT
from tests.deploy.apply.applying import config_map, data_of, names_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster
    from tests.cluster.proxy import Proxy
    from tests.conftest import AgeTestKey

NO_KEY = 128
RUN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from sopskit.cli.main import main; sys.exit(main())"
RELEASE = """apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: {namespace}}}
spec:
  chart: {{spec: {{chart: charts/web, sourceRef: {{kind: GitRepository, name: repository}}}}}}
  valuesFrom: [{{kind: Secret, name: web-values}}]
"""
VALUES = """apiVersion: v1
kind: Secret
metadata: {{name: web-values, namespace: {namespace}}}
stringData:
  values.yaml: |
    password: {password}
"""
TEMPLATE = """apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}}
stringData: {password: {{ .Values.password | quote }}, kube: {{ .Capabilities.KubeVersion.Version | quote }}}
"""
HOOK = """apiVersion: batch/v1
kind: Job
metadata: {name: job, annotations: {helm.sh/hook: pre-install}}
"""


@pytest.fixture
def case(tmp_path: Path, cluster: Cluster, namespace: str, tool: Callable[[str], str], alice: AgeTestKey) -> Case:
    return made_case(tmp_path, cluster, namespace, tool, alice)


def folder_of(path: Path, key: AgeTestKey) -> Path:
    """A mounted Secret with the key of one person."""
    path.mkdir()
    (path / "age.agekey").write_bytes(key.path.read_bytes())
    return path


def store(case: Case, namespace: str, key: AgeTestKey, name: str = "sops-age") -> None:
    """A Secret in the cluster with the key of one person."""
    data = {"age.agekey": base64.b64encode(key.path.read_bytes()).decode()}
    made = case.cluster.request(
        "POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name}, "data": data}
    )
    assert made.status == 201


# --- keys


def test_the_keys_of_a_mounted_secret(case: Case, alice: AgeTestKey, tmp_path: Path) -> None:
    del case.environ["SOPS_AGE_KEY"]
    assert case.lines("--keys", folder_of(tmp_path / "keys", alice)) == ["+ Secret NS/app", "1 created"]


def test_the_keys_of_a_secret_in_the_cluster(case: Case, alice: AgeTestKey) -> None:
    del case.environ["SOPS_AGE_KEY"]
    store(case, case.namespace, alice)
    assert case.lines("--key-secret", "sops-age") == ["+ Secret NS/app", "1 created"]


def test_a_secret_in_another_namespace_is_named_with_it(case: Case, alice: AgeTestKey) -> None:
    del case.environ["SOPS_AGE_KEY"]
    keys = case.cluster.namespace()
    store(case, keys, alice)
    assert case.apply("--key-secret", "sops-age").code == NO_KEY
    assert case.lines("--key-secret", f"{keys}/sops-age") == ["+ Secret NS/app", "1 created"]
    case.environ["KUBECONFIG"] = str(case.cluster.kubeconfig(Path(case.environ["KUBECONFIG"]).with_name("other")))
    assert case.apply("--key-secret", "sops-age", "--namespace", keys, "--dry-run").code == 0


@pytest.mark.parametrize("option", ["--keys", "--key-secret"])
def test_a_wrong_key_does_not_fall_back_to_the_right_one_at_hand(
    case: Case, alice: AgeTestKey, bob: AgeTestKey, tmp_path: Path, option: str
) -> None:
    home = tmp_path / "home" / ".config" / "sops" / "age"
    home.mkdir(parents=True)
    (home / "keys.txt").write_bytes(alice.path.read_bytes())
    case.environ |= {"HOME": str(tmp_path / "home"), "SOPS_AGE_KEY_FILE": str(alice.path)}
    store(case, case.namespace, bob)
    choice = folder_of(tmp_path / "keys", bob) if option == "--keys" else "sops-age"
    done = case.apply(option, choice)
    assert (done.code, done.out, names_in(case.cluster, case.namespace)) == (NO_KEY, b"", ["sops-age"])
    assert case.apply("--dry-run").code == 0


@pytest.mark.parametrize("content", [{}, {"other": b"x"}, {"a.agekey": b"AGE-SECRET-KEY-1X"}])
def test_a_folder_without_a_usable_key_does_not_fall_back_either(
    case: Case, tmp_path: Path, content: dict[str, bytes], proxy: Proxy
) -> None:
    case.use(server=proxy.url)
    (tmp_path / "keys").mkdir()
    for name, data in content.items():
        (tmp_path / "keys" / name).write_bytes(data)
    done = case.apply("--keys", tmp_path / "keys")
    assert (done.code, done.out, proxy.exchanges) == (NO_KEY, b"", ())


def test_a_key_secret_that_is_not_there_is_all_that_is_asked_for(case: Case, proxy: Proxy) -> None:
    case.use(server=proxy.url)
    done = case.apply("--key-secret", "missing")
    assert (done.code, done.out, done.err.splitlines()[0], proxy.requests()) == (
        NO_KEY,
        b"",
        f"sopskit: error: Secret {case.namespace}/missing: there is no such Secret in the cluster",
        [f"GET /api/v1/namespaces/{case.namespace}/secrets/missing: 404"],
    )


def test_a_key_from_the_cluster_is_written_nowhere(
    case: Case, alice: AgeTestKey, tmp_path: Path, tool: Callable[[str], str]
) -> None:
    del case.environ["SOPS_AGE_KEY"]
    store(case, case.namespace, alice)
    observed = observe(
        tool("strace"),
        [sys.executable, "-c", RUN, "apply", str(case.tree.folder / "dev"), "--key-secret", "sops-age", "--diff"],
        cwd=tmp_path,
        environ={**case.environ, "HOME": str(tmp_path)},
        trace=tmp_path / "trace",
    )
    assert (observed.returncode, observed.stderr) == (0, b"")
    scanner = Scanner([Canary("identity", alice.identity), Canary("password", case.canary)])
    assert observed.leaks(scanner, Sinks()) == set()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--keys", "x", "--key-secret", "y"), "--keys and --key-secret exclude each other"),
        (("--key-secret", "a/"), "--key-secret names no Secret"),
        (("--key-secret", ""), "--key-secret names no Secret"),
        (("--key-secret", "a/b/c"), "--key-secret names no Secret"),
        (("--kube-version", "1.33"), "--kube-version needs --helm"),
        (("--prune",), "--prune needs --name"),
    ],
)
def test_what_cannot_be_meant_together_is_refused(
    case: Case, proxy: Proxy, options: tuple[str, ...], told: str
) -> None:
    case.use(server=proxy.url)
    done = case.apply(*options)
    assert (done.code, done.err.splitlines()[0], proxy.exchanges) == (1, f"sopskit: error: {told}", ())


# --- charts


@pytest.fixture
def charts(case: Case, tool: Callable[[str], str]) -> Case:
    """A HelmRelease that takes its password from an encrypted Secret of the folder."""
    case.environ["PATH"] = f"{Path(tool('helm')).parent}{os.pathsep}{case.environ['PATH']}"
    case.tree.plain("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
    case.tree.plain("charts/web/templates/secret.yaml", TEMPLATE)
    case.tree.plain("dev/release.yaml", RELEASE.format(namespace=case.namespace))
    values = VALUES.format(namespace=case.namespace, password=case.canary)
    case.tree.encrypted("dev/values.yaml", values, *ENCRYPTED)
    return case


def test_a_chart_is_applied_in_the_place_of_its_release(charts: Case) -> None:
    assert charts.lines("--helm", "--kube-version", "1.33.1") == [
        "+ Secret NS/app",
        "+ Secret NS/web",
        "+ Secret NS/web-values",
        "3 created",
    ]
    data = data_of(charts.cluster, charts.namespace, "web")
    assert {name: base64.b64decode(value).decode() for name, value in data.items()} == {
        "password": charts.canary,
        "kube": "v1.33.1",
    }
    assert charts.lines("--helm", "--kube-version", "1.33.1") == ["3 unchanged"]


def test_without_helm_the_cluster_must_know_releases(charts: Case) -> None:
    done = charts.apply()
    assert (done.code, "the cluster has no kind HelmRelease in helm.toolkit.fluxcd.io/v2" in done.err) == (1, True)


def test_a_chart_with_a_hook_is_refused_before_the_cluster_is_asked(charts: Case, proxy: Proxy) -> None:
    charts.use(server=proxy.url)
    charts.tree.plain("charts/web/templates/job.yaml", HOOK)
    done = charts.apply("--helm", "--name", "dev", "--prune")
    assert (done.code, "hook" in done.err, proxy.exchanges) == (1, True, ())


def test_a_policy_holds_for_what_charts_make(charts: Case, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    allowed = {"paths": ["dev/**"], "kinds": ["ConfigMap"], "namespaces": ["*"]}
    policy.write_text(json.dumps({"version": 1, "apply": [allowed]}))
    done = charts.apply("--helm", "--policy", policy)
    told = "the policy does not allow this kind in this place"
    assert f"sopskit: error: Secret {charts.namespace}/web: {told}" in done.err.splitlines()


# --- immutable


@pytest.fixture
def immutable(case: Case) -> Case:
    """An immutable Secret that has been applied, and then changed in the repository."""
    for _ in range(2):
        case.canary = token()
        text = manifest("app", password=case.canary).replace("stringData", "immutable: true\nstringData")
        case.tree.encrypted("dev/secret.yaml", text, *ENCRYPTED)
        case.apply()
    return case


def test_a_changed_immutable_secret_is_refused(immutable: Case) -> None:
    done = immutable.apply()
    assert (done.code, done.out, "created anew with --recreate" in done.err) == (1, b"", True)


def test_with_recreate_it_is_deleted_and_made_anew(immutable: Case) -> None:
    assert immutable.lines("--recreate", "--dry-run") == [
        "-/+ Secret NS/app",
        "1 to recreate; nothing was applied",
    ]
    assert immutable.lines("--recreate") == ["-/+ Secret NS/app", "1 recreated"]
    data = data_of(immutable.cluster, immutable.namespace, "app")
    assert base64.b64decode(data["password"]).decode() == immutable.canary


# --- asked to end


@pytest.mark.parametrize("count", [1, 8], ids=["one object", "some at once"])
def test_a_run_that_is_asked_to_end_midway_is_finished_by_the_next(case: Case, proxy: Proxy, count: int) -> None:
    case.use(server=proxy.url)
    for number in range(1, count):
        case.tree.plain(f"dev/map-{number}.yaml", json.dumps(config_map(f"map-{number}", a="b")))
    begun, asked = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        asked.wait(30)

    applying = r"(secrets|configmaps)/(app|map).*\?(?!.*dryRun)"
    proxy.inject(Call(hold), method="PATCH", path=applying, times=FOREVER)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "apply", str(case.tree.folder / "dev"), "--name", "dev", "--prune"],
        env={**os.environ, **case.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert begun.wait(30)
    process.terminate()
    asked.set()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (143, b"", b"")
    proxy.clear()
    case.apply("--name", "dev", "--prune")
    assert case.lines("--name", "dev", "--prune") == [f"{count} unchanged"]
