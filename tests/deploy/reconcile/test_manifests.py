"""What `--print-manifests` prints, by its words. `tests/cluster/test_reconcile_manifests.py` has the real API server's view."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
import yaml

from sopskit.deploy.reconcile.manifests import FOLDER, Part, manifests
from sopskit.deploy.reconcile.source import API_VERSION, KIND, Source, read_source
from sopskit.deploy.reconcile.workplace import STORES, Workplace
from sopskit.errors import UsageError
from tests.cli.running import sopskit
from tests.testbed import install


def printed(*arguments: Any) -> list[Any]:
    return list(yaml.load_all(manifests(*arguments), yaml.CSafeLoader))


def one(objects: list[Any], kind: str) -> Any:
    (found,) = (item for item in objects if item["kind"] == kind)
    return found


def kinds(objects: list[Any]) -> list[str]:
    return [f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}" for item in objects]


def test_everything_that_a_cluster_needs_is_there() -> None:
    assert kinds(printed()) == [
        "CustomResourceDefinition /sopssources.reconcile.sopskit",
        "Namespace /sopskit",
        "ServiceAccount sopskit/sopskit-reconcile",
        "Role sopskit/sopskit-reconcile-lease",
        "RoleBinding sopskit/sopskit-reconcile-lease",
        "Deployment sopskit/sopskit-reconcile",
        "NetworkPolicy sopskit/sopskit-reconcile",
        "ClusterRole /sopskit-reconcile",
        "ClusterRoleBinding /sopskit-reconcile",
    ]


def test_with_namespaces_no_right_is_one_of_the_whole_cluster() -> None:
    objects = printed("", ["team-a", "team-b"])
    assert kinds(objects)[7:] == [
        "Role team-a/sopskit-reconcile",
        "RoleBinding team-a/sopskit-reconcile",
        "Role team-b/sopskit-reconcile",
        "RoleBinding team-b/sopskit-reconcile",
    ]
    assert objects[7]["rules"] == one(printed(), "ClusterRole")["rules"]
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["args"][:5] == ["reconcile", "--namespace", "team-a", "--namespace", "team-b"]


def test_the_pod_has_no_right_that_it_does_not_need() -> None:
    pod = one(printed(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() == {"memory"}
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}


def test_what_the_pod_can_write_is_memory_and_bounded_and_no_secret_is_mounted() -> None:
    pod = one(printed(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume.get("emptyDir", {}) for volume in pod["volumes"]}
    assert {name: (folder.get("medium"), "sizeLimit" in folder) for name, folder in volumes.items()} == {
        "scratch": ("Memory", True),
        "shared-memory": ("Memory", True),
    }
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert places == {"scratch": "/scratch", "shared-memory": "/dev/shm"}
    environ = {item["name"]: item["value"] for item in container["env"]}
    assert environ == {"HOME": "/scratch", "TMPDIR": "/scratch"}
    assert container["args"][-2:] == ["--scratch", "/scratch"]


def test_the_pod_has_longer_to_end_than_a_round_has() -> None:
    from sopskit.deploy.reconcile.loop import Settings
    from sopskit.workflow.reconcile import LAST_NOTICES

    pod = one(printed(), "Deployment")["spec"]["template"]["spec"]
    grace: float = Settings._field_defaults["grace"]
    assert pod["terminationGracePeriodSeconds"] > grace + LAST_NOTICES


def test_the_image_is_the_one_that_is_named() -> None:
    image = "registry.example.org:5000/team/sopskit-reconcile:1.0@sha256:" + "0" * 64
    (container,) = one(printed(image), "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image


@pytest.mark.parametrize("word", ["1", "1.0", "true", "null", "0x1"])
def test_names_stay_texts_whatever_they_look_like(word: str) -> None:
    objects = printed(word, [word.replace(".", "-")] * 2)
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["args"][2]) == (word, word.replace(".", "-"))
    assert kinds(objects)[7:] == [
        f"{kind} {word.replace('.', '-')}/sopskit-reconcile" for kind in ("Role", "RoleBinding")
    ]


@pytest.mark.parametrize(
    "image", ["a b", 'a"', "a\nb: c", "a: b", "{a}", "[a]", "*a", "&a", "!a", "a,b", "|", "-", "~", "a:", "a/"]
)
def test_what_is_no_name_of_an_image_is_refused(image: str) -> None:
    with pytest.raises(UsageError):
        manifests(image)


@pytest.mark.parametrize("namespace", ["", "A", "a.b", "a b", "a\nb", "-a", "a" * 64])
def test_what_is_no_name_of_a_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(UsageError):
        manifests("", [namespace])
    assert sopskit("reconcile", "--print-manifests", f"--namespace={namespace}").code == 1


# --- shards


def arguments(objects: list[Any]) -> list[str]:
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    words: list[str] = container["args"]
    return words


def test_each_shard_has_a_deployment_and_a_lease_of_its_own_and_all_else_in_common() -> None:
    whole, eu, us = printed(), printed("", (), Part("fleet=eu")), printed("", (), Part("fleet=us"))
    assert arguments(eu)[:5] == ["reconcile", "--shard", "fleet=eu", "--lease-name", "sopskit-reconcile-eu"]
    assert arguments(eu)[5:] == arguments(whole)[1:]
    own = ("Deployment", "NetworkPolicy")
    for shard, name in ((eu, "sopskit-reconcile-eu"), (us, "sopskit-reconcile-us")):
        assert [item for item in shard if item["kind"] not in own] == [i for i in whole if i["kind"] not in own]
        spec = one(shard, "Deployment")["spec"]
        labels = {"app.kubernetes.io/name": name}
        assert {one(shard, kind)["metadata"]["name"] for kind in own} == {name}
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == labels
        assert one(shard, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
        assert spec["template"]["spec"]["serviceAccountName"] == "sopskit-reconcile"


def test_the_name_of_the_lease_is_that_of_the_deployment_too() -> None:
    objects = printed("", ["team-a"], Part("example.org/fleet=EU_1", "eu"), "arn:aws:eks:eu-west-1:1:cluster/prod")
    assert one(objects, "Deployment")["metadata"]["name"] == "eu"
    assert arguments(objects)[1:9] == [
        *("--namespace", "team-a", "--shard", "example.org/fleet=EU_1", "--lease-name", "eu"),
        *("--cluster", "arn:aws:eks:eu-west-1:1:cluster/prod"),
    ]


def test_the_options_of_the_command_are_those_of_what_it_prints() -> None:
    done = sopskit("reconcile", "--print-manifests", "--shard", "fleet=eu", "--cluster", "prod")
    assert done.out.decode() == manifests("", (), Part("fleet=eu"), "prod")
    named = sopskit("reconcile", "--print-manifests", "--shard", "fleet=eu", "--lease-name", "europe")
    assert named.out.decode() == manifests("", (), Part("fleet=eu", "europe"))
    assert sopskit("reconcile", "--print-manifests").out.decode() == manifests()


@pytest.mark.parametrize("word", ["1", "true", "null", "1e3", "y"])
def test_names_of_shards_stay_texts_whatever_they_look_like(word: str) -> None:
    objects = printed("", (), Part(f"fleet={word}", word), word)
    assert arguments(objects)[1:7] == ["--shard", f"fleet={word}", "--lease-name", word, "--cluster", word]
    assert one(objects, "Deployment")["metadata"]["labels"] == {"app.kubernetes.io/name": word}


@pytest.mark.parametrize(
    "shard",
    [
        *("fleet", "=eu", "fleet=", "fleet==eu", "fleet!=eu", "!fleet", "a=b,c=d", "fleet in (eu)", "fleet=EU", "f=-"),
        *("fleet=$(HOME)", 'fleet="', "fleet=a\nb", "fleet=eu\n", "/fleet=eu", "fleet=a.b", f"fleet={'a' * 63}"),
    ],
)
def test_what_is_no_shard_or_gives_no_name_is_refused(shard: str) -> None:
    with pytest.raises(UsageError):
        manifests("", (), Part(shard))


@pytest.mark.parametrize("lease", ["A", "a.b", "a b", "a\n", "-a", 'a"', "a" * 64, "$(HOME)"])
def test_what_is_no_name_of_a_lease_and_a_deployment_is_refused(lease: str) -> None:
    with pytest.raises(UsageError):
        manifests("", (), Part("fleet=eu", lease))


@pytest.mark.parametrize("cluster", ['a"b', "a\nb", "a\n", "$(HOME)", "a\\b", " a", "a ", "ä", "a" * 254])
def test_what_cannot_be_written_as_the_name_of_a_cluster_is_refused(cluster: str) -> None:
    with pytest.raises(UsageError):
        manifests("", (), Part(), cluster)


@pytest.mark.parametrize(
    "words",
    [
        ("--config", "sources.yaml"),
        ("--once",),
        ("--parallel", "4"),
        ("--scratch", "."),
        ("--lease-namespace", "sopskit"),
        ("--listen", ":8080"),
        ("--context", "prod"),
        ("--kubeconfig", "config"),
    ],
)
def test_what_says_nothing_to_the_manifests_is_refused_with_them(words: tuple[str, ...]) -> None:
    done = sopskit("reconcile", "--print-manifests", *words)
    assert (done.code, done.out) == (1, b"")
    assert f"--print-manifests takes no {words[0]}" in done.err


def test_an_image_is_refused_where_nothing_is_printed() -> None:
    assert sopskit("reconcile", "--image", "sopskit").code == 1


def test_the_definition_has_the_fields_that_are_read() -> None:
    schema = one(printed(), "CustomResourceDefinition")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec = {
        "repository": "https://git.example.org/config.git",
        "branch": "main",
        "path": "dev",
        "credentials": {"secretRef": {"name": "git"}},
        "keys": {"secretRef": {"name": "keys"}},
        "serviceAccountName": "deployer",
        "targetNamespace": "dev",
        "interval": "1m",
        "retryInterval": "30s",
        "timeout": "5m",
        "wait": "0s",
        "prune": True,
        "drift": "correct",
        "helm": False,
        "kubeVersion": "1.34.0",
        "suspend": False,
        "signedBy": ["ssh-ed25519 AAAA"],
        "policy": [{"kinds": ["Secret"], "namespaces": ["dev"], "clusterKinds": []}],
        "checks": [
            {"name": "a", "http": {"url": "http://a/", "status": 200, "contains": "x"}, "timeout": "5s"},
            {"name": "b", "tcp": {"address": "b:1"}, "retries": 3, "every": "2s"},
        ],
        "notify": [{"type": "slack", "secretRef": {"name": "slack"}, "events": ["failed"]}],
    }
    properties = schema["properties"]["spec"]["properties"]
    assert properties.keys() == spec.keys()
    metadata = {"name": "dev", "namespace": "team-a"}
    assert isinstance(
        read_source({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}), Source
    )


def test_what_the_definition_fills_in_is_what_a_file_without_it_means() -> None:
    schema = one(printed(), "CustomResourceDefinition")["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    properties = schema["properties"]["spec"]["properties"]
    defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
    spec = {"repository": "https://git.example.org/config.git", "keys": {"secretRef": {"name": "keys"}}}
    metadata = {"name": "dev", "namespace": "team-a"}
    bare, filled = (read_source({"metadata": metadata, "spec": content}) for content in (spec, {**spec, **defaults}))
    assert bare == filled


def test_the_image_is_built_of_named_versions_and_runs_as_nobody() -> None:
    text = (resources.files(FOLDER) / "reconciler" / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line.startswith("FROM")] == [
        "FROM docker.io/library/golang:1.26-trixie AS programs",
        "FROM docker.io/library/python:3.13-slim-trixie AS wheel",
        "FROM docker.io/library/python:3.13-slim-trixie",
    ]
    assert [line for line in lines if line.startswith("USER")] == ["USER 65532:65532"]
    assert lines.index("USER 65532:65532") > max(n for n, line in enumerate(lines) if line.startswith("RUN"))
    programs = [word for line in lines if "go install" in line for word in line.split() if "@" in word]
    tried = [tool for tool in install.TOOLS if tool.programs.keys() & {"kustomize", "helm"}]
    assert programs == [f"{package}@{tool.version}" for tool in tried for package in tool.packages]
    last = lines[lines.index("FROM docker.io/library/python:3.13-slim-trixie") :]
    assert not any(line.startswith("COPY . ") for line in last)  # no checkout in a layer of the image
    assert not any(word in text for word in ("ADD ", "curl", "wget", ":latest"))


# --- Git's stores in the scratch folder


def test_stores_that_no_source_needs_are_removed(tmp_path: Any) -> None:
    stores = tmp_path / STORES
    for name in ("kept", "gone"):
        (stores / name / "objects").mkdir(parents=True)
        (stores / f"{name}.lock").touch()
    workplace = Workplace(str(tmp_path))
    workplace.keep_stores({"kept"})
    assert sorted(path.name for path in stores.iterdir()) == ["kept", "kept.lock"]
    workplace.keep_stores(set())
    assert list(stores.iterdir()) == []


def test_who_narrows_the_rights_is_told_which_stay() -> None:
    told = "kubectl delete clusterrolebinding,clusterrole sopskit-reconcile"
    assert (told in manifests(namespaces=["team-a"]), told in manifests()) == (True, False)
