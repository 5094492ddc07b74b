"""A reconciler that has the printed rights and no others: they are enough, each is used, all else is refused.

Which rights are used is read in the API server's own audit log, which names the role that allowed each request.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.accounts import Account
from tests.cluster.apiserver import free_ports
from tests.cluster.audited import AuditedCluster, audited_cluster
from tests.cluster.numbered import FOLDER, Numbered
from tests.cluster.printed import container, installing
from tests.cluster.reconciler import Reconciler, Sources, until
from tests.deploy.apply.applying import data_of, names_in
from tests.deploy.notify.receivers import serving
from tests.git.servers import HttpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.cluster.audited import Event
    from tests.cluster.printed import Install
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
def install(cluster: AuditedCluster, tmp_path: Path, tool: Callable[[str], str]) -> Iterator[Install]:
    with installing(cluster, tmp_path, tool("kubectl")) as install:
        yield install


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
    command, *words = container(objects)["args"]
    assert command == "reconcile"
    # here others may listen at 8080, and there is no /scratch
    words[words.index("--listen") + 1] = f"127.0.0.1:{free_ports(1)[0]}"
    place = words.index("--scratch")
    del words[place : place + 2]
    with Reconciler(config, folder / "replica", *words, path=path) as reconciler:
        yield reconciler


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


def reasons_of_events(cluster: AuditedCluster, namespace: str) -> set[str]:
    answer = cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
    return {item["reason"] for item in answer.json["items"]}


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
IN_OWN_NAMESPACE = {("coordination.k8s.io", "leases", verb, ()) for verb in ("get", "create", "update")}
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
    install: Install,
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
    # 404 is what is not there yet; nothing is refused, nothing is malformed
    assert [str(event) for event in own(cluster) if event.status not in {200, 201, 404}] == []
    assert reasons_of_events(cluster, team.namespace) == {"Applied", "Drifted", "Invalid"}
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
    install: Install,
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
    assert [str(event) for event in events if event.status not in {200, 201, 404}] == []
    assert (unseen.sources.status(unseen_id), names_in(cluster, unseen.namespace, "configmaps")) == ({}, [])
    assert may(cluster, seen.namespace, USER) == EVERYBODYS | IN_SOURCES_NAMESPACE
    assert may(cluster, "sopskit", USER) == EVERYBODYS | IN_OWN_NAMESPACE
    assert may(cluster, unseen.namespace, USER) == EVERYBODYS
