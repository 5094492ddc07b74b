"""Two teams in one repository and one cluster: what one of them writes does not reach what is the other's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.canary.canaries import token
from tests.cli.applying import ENCRYPTED, Case, made_case, manifest
from tests.cli.running import sopskit
from tests.cluster.apiserver import MERGE
from tests.deploy.apply.applying import names_in, secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.running import Done
    from tests.cluster.apiserver import Cluster
    from tests.conftest import AgeTestKey

NO_PLACE = "the policy does not allow this kind in this place"


class Teams:
    """`dev` is the first team's, with its namespace, key and policy; `theirs` is the second's."""

    def __init__(self, case: Case, theirs: str, bob: AgeTestKey, policy: Path) -> None:
        self.case = case
        self.namespace = case.namespace
        self.theirs = theirs
        self._policy = policy
        self.canary = token()
        alice, case.tree.key = case.tree.key, bob
        case.tree.encrypted("theirs/secret.yaml", self._manifest("theirs", self.canary), *ENCRYPTED)
        case.tree.key = alice
        entry = {"paths": ["dev/**"], "kinds": ["Secret"], "namespaces": [self.namespace]}
        policy.write_text(json.dumps({"version": 1, "apply": [entry]}))

    def _manifest(self, name: str, value: str) -> str:
        return manifest(name, a=value).replace(f"name: {name}", f"name: {name}\n    namespace: {self.theirs}")

    def write(self, name: str, content: Any) -> None:
        self.case.tree.plain(f"dev/{name}", json.dumps(content))

    def apply(self, *options: str) -> Done:
        return self.case.apply("--policy", self._policy, "--name", "app", *options)

    def refused(self, *options: str) -> list[str]:
        """The first line of the error; nothing may have been applied anywhere."""
        done = self.apply(*options)
        assert (done.code != 0, done.out, self.canary in done.err) == (True, b"", False)
        assert names_in(self.case.cluster, self.namespace) == names_in(self.case.cluster, self.theirs) == []
        text = done.err
        for namespace, word in ((self.namespace, "OURS"), (self.theirs, "THEIRS")):
            # a name and no part of one: pytest's folders have numbers too
            text = re.sub(rf"(?<![a-z0-9-]){namespace}(?![a-z0-9-])", word, text)
        return [line.removeprefix("sopskit: error: ") for line in text.splitlines()]


@pytest.fixture
def teams(tmp_path: Path, cluster: Cluster, tool: Callable[[str], str], alice: AgeTestKey, bob: AgeTestKey) -> Teams:
    case = made_case(tmp_path, cluster, cluster.namespace(), tool, alice)
    return Teams(case, cluster.namespace(), bob, tmp_path / "policy.yaml")


def test_their_file_in_our_folder_does_not_open_with_our_key(teams: Teams) -> None:
    folder = teams.case.tree.folder
    (folder / "dev/copied.yaml").write_bytes((folder / "theirs/secret.yaml").read_bytes())
    assert teams.refused()[0].startswith(f"{folder}/dev/copied.yaml: ")


def test_a_link_to_their_file_does_not_open_with_our_key(teams: Teams) -> None:
    folder = teams.case.tree.folder
    (folder / "dev/linked.yaml").symlink_to(folder / "theirs/secret.yaml")
    assert teams.apply().code != 0
    assert names_in(teams.case.cluster, teams.theirs) == []


def test_their_folder_as_a_base_of_ours_does_not_open_with_our_key(teams: Teams) -> None:
    teams.case.tree.plain("theirs/kustomization.yaml", "resources: [secret.yaml]\n")
    teams.case.tree.plain("dev/kustomization.yaml", "resources: [secret.yaml, ../theirs]\n")
    assert "theirs/secret.yaml" in teams.refused()[0]


def test_their_namespace_in_our_manifest_is_refused(teams: Teams) -> None:
    stolen = secret("stolen", a="b")
    stolen["metadata"]["namespace"] = teams.theirs
    teams.write("stolen.yaml", stolen)
    assert teams.refused()[0] == f"Secret THEIRS/stolen: {NO_PLACE}"


def test_their_namespace_edited_in_an_encrypted_file_breaks_its_mac(teams: Teams) -> None:
    path = teams.case.tree.folder / "dev/secret.yaml"
    path.write_text(path.read_text().replace("name: app", f"name: app\n    namespace: {teams.theirs}"))
    assert "MAC" in teams.refused()[0]


def test_their_namespace_set_by_our_kustomization_is_refused(teams: Teams) -> None:
    kustomization = {"namespace": teams.theirs, "resources": ["secret.yaml"]}
    teams.write("kustomization.yaml", kustomization)
    assert teams.refused()[0] == f"Secret THEIRS/app: {NO_PLACE}"


def test_their_namespace_as_the_default_is_refused(teams: Teams) -> None:
    assert teams.refused("--namespace", teams.theirs)[0] == f"Secret THEIRS/app: {NO_PLACE}"


def test_an_object_hidden_in_a_list_is_refused(teams: Teams) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "stranger"}],
    }
    teams.write("list.yaml", {"apiVersion": "v1", "kind": "List", "items": [binding]})
    assert teams.refused()[0] == f"ClusterRoleBinding everything: {NO_PLACE}"


def test_a_kind_of_that_name_in_another_group_is_refused(teams: Teams) -> None:
    role = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {}}
    teams.write("deployment.yaml", role)
    assert teams.refused()[0] == f"Deployment OURS/d: {NO_PLACE}"


def test_what_an_edited_inventory_says_of_their_objects_is_not_believed(teams: Teams) -> None:
    cluster, theirs = teams.case.cluster, teams.theirs
    assert teams.apply().code == 0
    path = f"/api/v1/namespaces/{theirs}/secrets/victim"
    labelled = secret("victim")
    labelled["metadata"]["labels"] = {"sopskit/inventory": "app"}
    cluster.apply(path, {**labelled, "stringData": None}, manager="sopskit")
    objects = json.dumps([["", "Secret", theirs, "victim"]])
    inventory = f"/api/v1/namespaces/{teams.namespace}/configmaps/sopskit-inventory-app"
    cluster.request("PATCH", inventory, {"data": {"objects": objects}}, content_type=MERGE)
    done = teams.apply("--prune")
    assert done.code == 0
    assert f"Secret {theirs}/victim is in the inventory, not in the folder, and stays" in done.err
    assert names_in(cluster, theirs) == ["victim"]


def test_what_is_in_their_own_inventory_is_not_deleted_without_a_policy_either(teams: Teams) -> None:
    case, cluster, theirs = teams.case, teams.case.cluster, teams.theirs
    victim = secret("victim")
    victim["metadata"]["namespace"] = theirs
    case.tree.plain("second/victim.yaml", json.dumps(victim))
    words = ("apply", case.tree.folder / "second", "--name", "app", "--namespace", theirs)
    assert sopskit(*words, environ=case.environ).code == 0
    assert case.apply("--name", "app").code == 0
    objects = json.dumps([["", "Secret", theirs, "victim"]])
    inventory = f"/api/v1/namespaces/{teams.namespace}/configmaps/sopskit-inventory-app"
    cluster.request("PATCH", inventory, {"data": {"objects": objects}}, content_type=MERGE)
    done = case.apply("--name", "app", "--prune")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"sopskit: error: Secret {theirs}/victim: is in the inventory app of the namespace {theirs}",
    )
    assert names_in(cluster, theirs) == ["victim"]
