"""The printed manifests at the real API server: accepted, and the pod works within what they confine it to."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sopskit.deploy.reconcile.source import API_VERSION, KIND, Source, read_source
from tests.cluster.apiserver import MERGE
from tests.cluster.printed import container, installing, kubectl, one
from tests.cluster.reconciler import Sources, until
from tests.cluster.walking import password
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.cluster.apiserver import Cluster
    from tests.cluster.printed import Install
    from tests.cluster.reconciler import Reconciler
    from tests.cluster.walking import Walk
    from tests.git.servers import HttpServer


@pytest.fixture
def install(cluster: Cluster, tmp_path: Path, tool: Callable[[str], str]) -> Iterator[Install]:
    with installing(cluster, tmp_path, tool("kubectl")) as install:
        yield install


def test_they_are_accepted_and_a_second_time_change_nothing(cluster: Cluster, install: Install) -> None:
    def versions(objects: Sequence[Any]) -> list[str]:
        return [cluster.request("GET", path_of(item)).json["metadata"]["resourceVersion"] for item in objects]

    objects = install("--image", "registry.example.org/sopskit-reconcile@sha256:" + "0" * 64)
    definition = path_of(one(objects, "CustomResourceDefinition"))
    conditions = until(
        lambda: {
            item["type"]: item["status"] for item in cluster.request("GET", definition).json["status"]["conditions"]
        },
        lambda found: found.get("Established") == "True",
    )
    assert conditions == {"Established": "True", "NamesAccepted": "True"}  # no NonStructuralSchema
    before = versions(objects)
    again = install("--image", "registry.example.org/sopskit-reconcile@sha256:" + "0" * 64)
    assert (again, versions(again)) == (objects, before)


def test_shards_stand_side_by_side(cluster: Cluster, install: Install) -> None:
    shards = [install("--shard", f"fleet={name}") for name in ("eu", "us")]
    eu, us = ({path_of(item) for item in objects} for objects in shards)
    assert sorted(path.rpartition("/")[2] for path in eu ^ us) == [
        *["sopskit-reconcile-eu"] * 2,
        *["sopskit-reconcile-us"] * 2,
    ]
    assert {cluster.request("GET", path).status for path in eu | us} == {200}
    leases = [[word for word in container(objects)["args"] if word.startswith("sopskit-")] for objects in shards]
    assert leases == [["sopskit-reconcile-eu"], ["sopskit-reconcile-us"]]


def path_of(item: Mapping[str, Any]) -> str:
    """The URL of a printed object."""
    group = item["apiVersion"]
    start = "/api/v1" if group == "v1" else f"/apis/{group}"
    kind = item["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    namespace = item["metadata"].get("namespace")
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{start}{place}/{plural}/{item['metadata']['name']}"


def test_the_pod_is_let_in_where_only_restricted_ones_are(cluster: Cluster, install: Install) -> None:
    template = one(install(), "Deployment")["spec"]["template"]

    def ask(template: Mapping[str, Any]) -> int:
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}
        pod["metadata"] = {"name": "reconcile", "labels": template["metadata"]["labels"]}
        return cluster.request("POST", "/api/v1/namespaces/sopskit/pods?dryRun=All", pod).status

    assert ask(template) == 201
    weaker: Sequence[Callable[[Any], object]] = (
        lambda spec: spec["securityContext"].update(runAsNonRoot=False),
        lambda spec: spec["securityContext"].update(runAsUser=0),
        lambda spec: spec["securityContext"].pop("seccompProfile"),
        lambda spec: spec["containers"][0]["securityContext"].update(allowPrivilegeEscalation=True),
        lambda spec: spec["containers"][0]["securityContext"].pop("capabilities"),
        lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
        lambda spec: spec.update(hostNetwork=True),
    )
    for weaken in weaker:
        weak = copy.deepcopy(template)
        weaken(weak["spec"])
        assert ask(weak) == 403, weak


GOOD: Mapping[str, Any] = {"repository": "https://git.example.org/config.git", "keys": {"secretRef": {"name": "keys"}}}
WHOLE: Mapping[str, Any] = {
    "repository": "ssh://git@git.example.org:2222/team/config.git",
    "branch": "release/1.2",
    "path": "k8s/gitops/dev",
    "credentials": {"secretRef": {"name": "git"}},
    "keys": {"secretRef": {"name": "sops-keys"}},
    "serviceAccountName": "deployer",
    "targetNamespace": "dev",
    "interval": "1m30s",
    "retryInterval": "0.5h",
    "timeout": "250ms",
    "wait": "0s",
    "prune": False,
    "drift": "report",
    "helm": True,
    "kubeVersion": "1.34.0",
    "suspend": True,
    "signedBy": ["ssh-ed25519 AAAA test only"],
    "policy": [{"kinds": ["Secret"], "namespaces": ["dev"], "clusterKinds": ["Namespace"], "names": ["app-*"]}],
    "checks": [
        {"name": "web", "http": {"url": "http://web.dev.svc/", "status": 204, "contains": "fine"}, "timeout": "5s"},
        {"name": "database", "tcp": {"address": "db.dev.svc:5432"}, "retries": 0, "every": "1s"},
    ],
    "notify": [{"type": "slack", "secretRef": {"name": "slack"}, "events": ["failed", "recovered"]}],
}
BAD: Sequence[Mapping[str, Any]] = [
    *({"repository": url} for url in ("", "git://git.example.org/x", "file:///etc", "ext::sh -c id", "https://a b", 7)),
    *({"interval": text} for text in ("60", "-5s", "1d", "5 s", "", "1m\n", 60)),
    *({name: "soon"} for name in ("retryInterval", "timeout", "wait")),
    {"keys": None},
    {"keys": {}},
    {"keys": {"secretRef": {}}},
    {"keys": {"secretRef": {"name": "A"}}},
    {"keys": "keys"},
    {"credentials": {"secretRef": {"name": "../other"}}},
    {"credentials": {"secretRef": {"name": "git", "namespace": "other"}}},
    {"keys": {"secretRef": {"name": "keys", "namespace": "other"}}},
    {"serviceAccountName": "team:admin"},
    {"targetNamespace": "Dev"},
    {"targetNamespace": "a.b"},
    {"drift": "ignore"},
    {"prune": "yes"},
    {"suspend": 1},
    {"signedBy": "ssh-ed25519 AAAA"},
    {"policy": {"kinds": ["Secret"]}},
    {"policy": [{"kinds": "Secret"}]},
    {"policy": []},
    {"signedBy": []},
    {"checks": [{"http": {"url": "http://web/"}}]},
    {"checks": [{"name": "web", "http": {"url": "file:///etc/passwd"}}]},
    {"checks": [{"name": "web", "http": {"url": "http://web/", "status": 99}}]},
    {"checks": [{"name": "web", "tcp": {}}]},
    {"checks": [{"name": "nothing"}]},
    {"checks": [{"name": "both", "http": {"url": "http://web/"}, "tcp": {"address": "web:80"}}]},
    {"notify": [{"type": "mail", "secretRef": {"name": "mail"}}]},
    {"notify": [{"type": "slack"}]},
    {"notify": [{"type": "slack", "secretRef": {"name": "slack"}, "events": ["everything"]}]},
    {"branches": ["main"]},
    {"path": "../other"},
    {"path": "/etc"},
    {"branch": "-upload-pack=id"},
    {"branch": "a..b"},
]


def test_the_definition_takes_good_sources_and_refuses_bad_ones(
    cluster: Cluster, namespace: str, install: Install
) -> None:
    install()
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/sopssources?dryRun=All&fieldValidation=Strict"

    def ask(spec: Mapping[str, Any]) -> int:
        content = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "dev"}, "spec": spec}
        return cluster.request("POST", path, content).status

    until(lambda: ask(GOOD), lambda status: status == 201, "the definition is served")
    assert ask(WHOLE) == 201
    assert ask(documented()) == 201
    assert [(spec, status) for spec in BAD if (status := ask({**GOOD, **spec})) not in {400, 422}] == []


def documented() -> dict[str, Any]:
    """The source with everything of the reconciler's page."""
    page = (ROOT / "docs" / "reconciling.md").read_text()
    text = page.partition("A source with everything:\n\n```yaml\n")[2].partition("```")[0]
    spec: dict[str, Any] = yaml.safe_load(text)["spec"]
    return spec


def test_the_objects_of_the_page_are_accepted(cluster: Cluster, namespace: str, install: Install) -> None:
    install()
    until(lambda: cluster.request("GET", f"/apis/{API_VERSION}/sopssources").status, lambda status: status == 200)
    page = (ROOT / "docs" / "reconciling.md").read_text()
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    found = [item for text in blocks if "kind" in (item := yaml.safe_load(textwrap.dedent(text)))]
    assert [item["kind"] for item in found] == ["SopsSource", "NetworkPolicy"]
    for item in found:
        item["metadata"]["namespace"] = namespace
        path = f"{path_of(item).rpartition('/')[0]}?dryRun=All&fieldValidation=Strict"
        answer = cluster.request("POST", path, item)
        assert answer.status == 201, answer.body


def test_the_source_of_the_page_is_understood() -> None:
    content = {"metadata": {"namespace": "team-a", "name": "prod"}, "spec": documented()}
    source = read_source(content)
    assert isinstance(source, Source)
    assert set(documented()) | {"branch", "drift", "prune", "retryInterval", "suspend", "timeout"} == set(WHOLE)


def test_kubectl_shows_what_a_source_is_at(
    cluster: Cluster,
    namespace: str,
    install: Install,
    tool: Callable[[str], str],
    tmp_path: Path,
) -> None:
    install()
    sources = Sources(cluster, namespace)
    id = until(lambda: _written(sources), lambda found: found is not None)
    ready = {"type": "Ready", "status": "False", "reason": "FetchFailed", "message": "no branch"}
    ready |= {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"status": {"lastAppliedRevision": "0" * 40, "conditions": [ready]}}
    assert cluster.request("PATCH", f"{id.path}/status", status, content_type=MERGE).status == 200
    shown = kubectl(
        tool("kubectl"), cluster.kubeconfig(tmp_path / "config"), "-n", namespace, "get", "sopssrc", "-o", "wide"
    )
    assert [re.split(r"\s{2,}", line.strip()) for line in shown.splitlines()] == [
        ["NAME", "READY", "REASON", "SUSPENDED", "REVISION", "AGE", "MESSAGE"],
        ["dev", "False", "FetchFailed", "false", "0" * 40, shown.splitlines()[1].split()[5], "no branch"],
    ]
    assert cluster.request("DELETE", id.path).status == 200  # or the reconciler of the next test would find it


def _written(sources: Sources) -> Any:
    try:
        return sources.write("dev", **GOOD)
    except AssertionError:
        return None


# What a container's runtime does for the Deployment's securityContext and volumes, done by hand: all that is mounted
# becomes read-only, but for two volumes in memory; no capability, and none to be had.
CONFINED = """\
set -e
mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm
mount -t tmpfs -o size=512m,mode=700 tmpfs "$1"
cut -d ' ' -f 5 /proc/self/mountinfo | sort -ru | while read -r place; do
  case "$place" in "$1" | /dev/shm | /dev | /dev/* | /proc | /proc/* | /sys | /sys/*) ;;
  *) mount -o remount,bind,ro "$place" ;; esac
done
shift
exec setpriv --no-new-privs --bounding-set=-all "$@"
"""


def confined(scratch: Path) -> list[str]:
    """The words before a command; skips the test where nobody may do that."""
    before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONFINED, "confined", str(scratch)]
    if os.geteuid() != 0:
        before[1:1] = ["--user", "--map-root-user"]
    done = subprocess.run([*before, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs leave to mount: {done.stderr.strip()}")
    return before


@pytest.mark.usefixtures("accounts")
def test_git_gpg_kustomize_and_helm_work_where_nothing_but_its_volumes_can_be_written(
    walk: Walk, http: HttpServer, install: Install, reconciler: Reconciler
) -> None:
    pod = container(install())
    assert {mount["mountPath"] for mount in pod["volumeMounts"]} == {"/scratch", "/dev/shm"}
    scratch = reconciler.folder / "scratch"
    reconciler.environ |= {item["name"]: item["value"].replace("/scratch", str(scratch)) for item in pod["env"]}
    reconciler.start(*confined(scratch))
    try:
        id = walk.source("prod", http.url("config.git"), helm=True)
        walk.sources.wait_ready(id, walk.git("rev-parse", "HEAD"))
    finally:
        assert reconciler.stop() == 0
    assert password(walk, "prod") == "test-only-password-of-prod"
    assert list(scratch.iterdir()) == []  # the volume has gone with its pod
