"""The printed manifests at the real API server, and a reconciler that has the rights in them and no others.

Which rights are used is read in the API server's own audit log, which names the role that allowed each request.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sopskit.deploy.reconcile.source import API_VERSION, KIND
from tests.cli.running import sopskit
from tests.cluster.accounts import Account
from tests.cluster.apiserver import MERGE, free_ports
from tests.cluster.audited import AuditedCluster, audited_cluster
from tests.cluster.numbered import FOLDER, Numbered
from tests.cluster.reconciler import Reconciler, Sources, until
from tests.cluster.walking import password
from tests.deploy.apply.applying import data_of, names_in
from tests.deploy.notify.receivers import serving
from tests.git.servers import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.cluster.audited import Event
    from tests.cluster.walking import Walk
    from tests.conftest import AgeTestKey

NAME = "sopskit-reconcile"
USER = f"system:serviceaccount:sopskit:{NAME}"
EVERYWHERE = "*"
TOKEN = "test-only-token"
# of a replica before this one
LEASE_IS_THERE = {("sopskit", "coordination.k8s.io", "leases", "create")}
BINDING_OF_A_NAMESPACE = re.compile(r'by RoleBinding "[^/"]+/([^"]+)"')

Right = tuple[str, str, str, str]  # namespace, group, resource, verb


@pytest.fixture(scope="module")
def started_cluster(tool: Callable[[str], str], short_folder: Path) -> Iterator[AuditedCluster]:
    yield from audited_cluster(tool, short_folder)


@pytest.fixture
def install(cluster: AuditedCluster, tmp_path: Path, tool: Callable[[str], str]) -> Iterator[Callable[..., list[Any]]]:
    """`reconcile --print-manifests OPTIONS | kubectl apply --server-side -f -`; gives the objects. Rights go afterwards."""
    config = cluster.kubeconfig(tmp_path / "admin")
    rights: list[Any] = []

    def run(*options: str) -> list[Any]:
        text = sopskit("reconcile", "--print-manifests", *options).out
        kubectl(tool, config, "apply", "--server-side", "-f", "-", input=text)
        objects = list(yaml.load_all(text, yaml.CSafeLoader))
        rights.extend(item for item in objects if item["apiVersion"].startswith("rbac."))
        return objects

    yield run
    kubectl(tool, config, "delete", "--ignore-not-found", "-f", "-", input=yaml.safe_dump_all(rights).encode())


def kubectl(tool: Callable[[str], str], config: Path, *words: str, input: bytes = b"") -> str:
    command = [tool("kubectl"), "--kubeconfig", str(config), *words]
    done = subprocess.run(command, input=input, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def one(objects: Sequence[Any], kind: str) -> Any:
    (found,) = (item for item in objects if item["kind"] == kind)
    return found


# --- accepted


def test_they_are_accepted_and_a_second_time_change_nothing(
    cluster: AuditedCluster, install: Callable[..., list[Any]]
) -> None:
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


def path_of(item: Mapping[str, Any]) -> str:
    """The URL of a printed object."""
    group = item["apiVersion"]
    start = "/api/v1" if group == "v1" else f"/apis/{group}"
    kind = item["kind"].lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    namespace = item["metadata"].get("namespace")
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{start}{place}/{plural}/{item['metadata']['name']}"


def test_the_pod_is_let_in_where_only_restricted_ones_are(
    cluster: AuditedCluster, install: Callable[..., list[Any]]
) -> None:
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
    "policy": [{"kinds": ["Secret"], "namespaces": ["dev"], "clusterKinds": ["Namespace"]}],
    "checks": [
        {"name": "web", "http": {"url": "http://web.dev.svc/", "status": 204, "contains": "fine"}, "timeout": "5s"},
        {"name": "database", "tcp": {"address": "db.dev.svc:5432"}, "retries": 0, "every": "1s"},
    ],
    "notify": [{"type": "slack", "secretRef": {"name": "slack"}, "on": ["failed", "recovered"]}],
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
    {"notify": [{"type": "slack", "secretRef": {"name": "slack"}, "on": ["everything"]}]},
    {"branches": ["main"]},
    {"path": "../other"},
    {"path": "/etc"},
    {"branch": "-upload-pack=id"},
    {"branch": "a..b"},
]


def test_the_definition_takes_good_sources_and_refuses_bad_ones(
    cluster: AuditedCluster, namespace: str, install: Callable[..., list[Any]]
) -> None:
    install()
    path = f"/apis/{API_VERSION}/namespaces/{namespace}/sopssources?dryRun=All&fieldValidation=Strict"

    def ask(spec: Mapping[str, Any]) -> int:
        content = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "dev"}, "spec": spec}
        return cluster.request("POST", path, content).status

    until(lambda: ask(GOOD), lambda status: status == 201, "the definition is served")
    assert ask(WHOLE) == 201
    assert [(spec, status) for spec in BAD if (status := ask({**GOOD, **spec})) not in {400, 422}] == []


def test_kubectl_shows_what_a_source_is_at(
    cluster: AuditedCluster,
    namespace: str,
    install: Callable[..., list[Any]],
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
    shown = kubectl(tool, cluster.kubeconfig(tmp_path / "config"), "-n", namespace, "get", "sopssrc", "-o", "wide")
    assert [re.split(r"\s{2,}", line.strip()) for line in shown.splitlines()] == [
        ["NAME", "READY", "REASON", "REVISION", "AGE", "MESSAGE"],
        ["dev", "False", "FetchFailed", "0" * 40, shown.splitlines()[1].split()[4], "no branch"],
    ]
    assert cluster.request("DELETE", id.path).status == 200  # or the reconciler of the next test would find it


def _written(sources: Sources) -> Any:
    try:
        return sources.write("dev", **GOOD)
    except AssertionError:
        return None


# --- rights


def granted(objects: Sequence[Any]) -> set[Right]:
    """What the printed roles give by the printed bindings."""
    roles = {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item["rules"]
        for item in objects
        if item["kind"] in {"Role", "ClusterRole"}
    }
    found: set[Right] = set()
    for item in objects:
        if item["kind"] not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        assert item["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": "sopskit"}]
        namespace = item["metadata"].get("namespace", "")
        for rule in roles[item["roleRef"]["kind"], namespace, item["roleRef"]["name"]]:
            found |= _rights(namespace or EVERYWHERE, rule)
    return found


def _rights(namespace: str, rule: Mapping[str, Any]) -> set[Right]:
    return {
        (namespace, group, resource, verb)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(events: Sequence[Event], *, everywhere: bool) -> set[Right]:
    """What the reconciler did by its roles; impersonating counts as used where somebody was impersonated."""
    found: set[Right] = set()
    for event in events:
        if event.acting:
            namespace = EVERYWHERE if everywhere else event.acting.split(":")[2]
            found.add((namespace, "", "serviceaccounts", "impersonate"))
        elif NAME in event.reason:
            match = BINDING_OF_A_NAMESPACE.search(event.reason)
            found.add((match[1] if match else EVERYWHERE, event.group, event.resource, event.verb))
    return found


class Team:
    """A namespace with a repository, a key, a token, and an account with the role that docs/reconciling.md names."""

    def __init__(self, cluster: AuditedCluster, tree: Numbered, url: str, key: AgeTestKey) -> None:
        self.cluster = cluster
        self.tree = tree
        self.url = url
        self.namespace = cluster.namespace()
        self.sources = Sources(cluster, self.namespace)
        self.sources.secret("sops-keys", {"team.agekey": key.identity})
        self.sources.secret("git", {"username": "git", "password": TOKEN})
        deployer = Account(cluster, self.namespace, "deployer")
        deployer.allow(["secrets", "configmaps"], ["get", "list", "create", "patch", "delete"])

    def write(self, name: str = "dev", **spec: Any) -> Any:
        usual: dict[str, Any] = {
            "repository": self.url,
            "path": FOLDER,
            "credentials": {"secretRef": {"name": "git"}},
            "keys": {"secretRef": {"name": "sops-keys"}},
            "serviceAccountName": "deployer",
            "interval": "5s",
            "retryInterval": "5s",
        }
        return self.sources.write(name, **(usual | spec))


@pytest.fixture
def new_team(cluster: AuditedCluster, tmp_path: Path, alice: AgeTestKey) -> Iterator[Callable[[], Team]]:
    tree = Numbered(tmp_path / "git", alice)
    with HttpServer(tree.remotes, token=TOKEN) as server:
        yield lambda: Team(cluster, tree, server.url("config.git"), alice)


@contextmanager
def running(cluster: AuditedCluster, objects: Sequence[Any], folder: Path, path: str) -> Iterator[Reconciler]:
    """What the Deployment starts, as its service account, with a token as the kubelet projects it."""
    answer = cluster.request("POST", f"/api/v1/namespaces/sopskit/serviceaccounts/{NAME}/token", {"spec": {}})
    assert answer.status == 201, answer.body
    cluster.tokens[USER] = answer.json["status"]["token"]
    token = folder / "token"
    token.write_text(cluster.tokens[USER])
    config = cluster.kubeconfig(folder / "kubeconfig", user="reader")
    content = json.loads(config.read_text())
    content["users"][0]["user"] = {"tokenFile": str(token)}
    config.write_text(json.dumps(content))
    command, *words = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert command == "reconcile"
    # here others may listen at 8080, and there is no /scratch
    words[words.index("--listen") + 1] = f"127.0.0.1:{free_ports(1)[0]}"
    place = words.index("--scratch")
    del words[place : place + 2]
    with Reconciler(config, folder / "replica", *words, path=path) as reconciler:
        yield reconciler


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
    walk: Walk, http: HttpServer, install: Callable[..., list[Any]], reconciler: Reconciler
) -> None:
    container = one(install(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/scratch", "/dev/shm"}
    scratch = reconciler.folder / "scratch"
    reconciler.environ |= {item["name"]: item["value"].replace("/scratch", str(scratch)) for item in container["env"]}
    reconciler.start(*confined(scratch))
    try:
        id = walk.source("prod", http.url("config.git"), helm=True)
        walk.sources.wait_ready(id, walk.git("rev-parse", "HEAD"))
    finally:
        assert reconciler.stop() == 0
    assert password(walk, "prod") == "test-only-password-of-prod"
    assert list(scratch.iterdir()) == []  # the volume has gone with its pod


def own(cluster: AuditedCluster, after: float = 0.0) -> list[Event]:
    """What the reconciler asked for, impersonating or not."""
    return [event for event in cluster.events() if event.user == USER and event.began > after]


def may(cluster: AuditedCluster, namespace: str, user: str) -> set[tuple[str, str, str, tuple[str, ...]]]:
    """What the API server lets somebody do in a namespace: group, resource, verb, names (empty for all)."""
    content = {"spec": {"namespace": namespace}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    status = cluster.request("POST", path, content, user=user).json["status"]
    assert not status["incomplete"]
    return {
        (group, resource, verb, tuple(rule.get("resourceNames", ())))
        for rule in status["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def conditions_told(events: Sequence[Event], namespace: str) -> list[list[str]]:
    """The conditions in each status of the source `dev`."""
    found = [event for event in events if (event.resource, event.namespace) == ("sopssources/status", namespace)]
    return [[item["type"] for item in event.body["status"]["conditions"]] for event in found if event.name == "dev"]


EVERYBODYS = {
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create", ()),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create", ()),
    ("authentication.k8s.io", "selfsubjectreviews", "create", ()),
}
IN_SOURCES_NAMESPACE = {
    ("reconcile.sopskit", "sopssources", "list", ()),
    ("reconcile.sopskit", "sopssources/status", "patch", ()),
    ("", "secrets", "get", ()),
    *(("", "configmaps", verb, ()) for verb in ("get", "create", "patch")),
    ("", "serviceaccounts", "impersonate", ()),
    ("events.k8s.io", "events", "create", ()),
}
IN_OWN_NAMESPACE = {
    ("coordination.k8s.io", "leases", "create", ()),
    *(("coordination.k8s.io", "leases", verb, (NAME,)) for verb in ("get", "update")),
}
REFUSED = (
    ("GET", "/api/v1/namespaces/{}/secrets"),
    ("PUT", "/api/v1/namespaces/{}/secrets/git"),
    ("DELETE", "/api/v1/namespaces/{}/configmaps/settings"),
    ("GET", "/api/v1/namespaces/{}/configmaps"),
    ("POST", "/api/v1/namespaces/{}/pods"),
    ("POST", "/api/v1/namespaces/{}/serviceaccounts/deployer/token"),
    ("DELETE", "/apis/reconcile.sopskit/v1alpha1/namespaces/{}/sopssources/dev"),
    ("PATCH", "/apis/reconcile.sopskit/v1alpha1/namespaces/{}/sopssources/dev"),
    ("GET", "/apis/coordination.k8s.io/v1/namespaces/{}/leases/another"),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"),
)


def test_the_printed_rights_are_enough_each_is_used_and_all_else_is_refused(
    cluster: AuditedCluster,
    install: Callable[..., list[Any]],
    new_team: Callable[[], Team],
    tmp_path: Path,
    builders: str,
) -> None:
    objects = install()
    team = new_team()
    with serving() as hook:
        team.sources.secret("hook", {"address": hook.url("/")})
        notify = [{"type": "webhook", "secretRef": {"name": "hook"}}]
        with running(cluster, objects, tmp_path, builders) as replica:
            id = team.write(notify=notify)
            team.sources.wait_ready(id, team.tree.git("rev-parse", "HEAD"))
            team.sources.wait_ready(id, team.tree.push())  # what the commit before had is deleted
            assert names_in(cluster, team.namespace, "configmaps")[:2] == ["only-1", "settings"]
            settings = f"/api/v1/namespaces/{team.namespace}/configmaps/settings"
            assert cluster.request("DELETE", settings).status == 200
            until(lambda: data_of(cluster, team.namespace, "settings", "configmaps"), bool)
            until(lambda: hook.seen, lambda seen: len(seen) >= 3, "notices")
            assert replica.stop() == 0
            replica.start()  # renews the lease that it has made
            team.sources.wait_failed(team.write("bad", interval="9000h"), "Invalid")
            team.sources.wait_ready(id, team.tree.push())
    assert used(own(cluster), everywhere=True) == granted(objects)
    assert [str(event) for event in own(cluster) if event.status in {401, 403}] == []
    assert "could not" not in replica.said()
    # from the first good round on, also while another process works on the first of its own
    assert [types for types in conditions_told(own(cluster), team.namespace) if "Ready" not in types] == [
        ["Reconciling"]
    ]
    assert may(cluster, team.namespace, USER) == EVERYBODYS | IN_SOURCES_NAMESPACE
    assert may(cluster, "sopskit", USER) == EVERYBODYS | IN_SOURCES_NAMESPACE | IN_OWN_NAMESPACE
    refused = [cluster.request(verb, path.format(team.namespace), {}, user=USER).status for verb, path in REFUSED]
    assert refused == [403] * len(REFUSED)


def test_with_namespaces_the_rights_end_at_these(
    cluster: AuditedCluster,
    install: Callable[..., list[Any]],
    new_team: Callable[[], Team],
    tmp_path: Path,
    builders: str,
) -> None:
    seen, unseen = new_team(), new_team()
    began = time.time()
    objects = install("--namespace", seen.namespace)
    with running(cluster, objects, tmp_path, builders):
        unseen_id, id = unseen.write(), seen.write()
        seen.sources.wait_ready(id, seen.tree.git("rev-parse", "HEAD"))
        seen.sources.wait_ready(id, seen.tree.push())
    events = own(cluster, began)
    assert used(events, everywhere=False) == granted(objects) - LEASE_IS_THERE
    assert {event.namespace for event in events if event.resource} == {seen.namespace, "sopskit"}
    assert [str(event) for event in events if event.status in {401, 403}] == []
    assert (unseen.sources.status(unseen_id), names_in(cluster, unseen.namespace, "configmaps")) == ({}, [])
    assert may(cluster, seen.namespace, USER) == EVERYBODYS | IN_SOURCES_NAMESPACE
    assert may(cluster, "sopskit", USER) == EVERYBODYS | IN_OWN_NAMESPACE
    assert may(cluster, unseen.namespace, USER) == EVERYBODYS
