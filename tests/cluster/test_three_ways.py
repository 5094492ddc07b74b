"""A program that uses the provider, a pipe to kubectl, and apply bring the same objects into the cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import sopskit
from tests.cluster.environment_files import registry, standard_values
from tests.cluster.environments import write
from tests.cluster.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cluster.apiserver import Cluster, Object
    from tests.cluster.environments import Environments, Reader

PROGRAM = """\
import sys

from kubernetes import config, dynamic

from sopskit import DecryptionProvider
from sopskit.keysources import mounted

folder, root, keys, search_path, kubeconfig = sys.argv[1:]
with mounted.load(keys) as keyring:
    objects = DecryptionProvider(keyring, search_path=search_path).render(folder, root=root, helm=True).objects()
client = dynamic.DynamicClient(config.new_client_from_config(kubeconfig))
for obj in objects:
    resource = client.resources.get(api_version=obj.api_version, kind=obj.kind)
    resource.server_side_apply(obj.reveal(), obj.name, obj.namespace or None, field_manager="program")
"""
RUN = f"{sys.executable} -P -m sopskit"
PIPE = f'set -o pipefail; {RUN} render --helm --keys "$2" "$1" | kubectl apply --server-side -f -'


class Ways:
    """The three ways, each with the key of the environment in a folder, and with no other."""

    def __init__(self, keys: Mapping[str, Path], search_path: str, kubeconfig: Path) -> None:
        self.keys = keys
        self.search_path = search_path
        self.environ = {**os.environ, "PATH": search_path, "KUBECONFIG": str(kubeconfig)}
        del self.environ["GNUPGHOME"]

    def program(self, tree: Environments, environment: str) -> None:
        """Somebody else's program uses the provider, and the official client."""
        place = tree.folder(environment), tree.git.folder, self.keys[environment]
        self._run(sys.executable, "-P", "-c", PROGRAM, *place, self.search_path, self.environ["KUBECONFIG"])

    def pipe(self, tree: Environments, environment: str) -> None:
        """`render --helm | kubectl apply --server-side`."""
        self._run("bash", "-c", PIPE, "bash", tree.folder(environment), self.keys[environment])

    def apply(self, tree: Environments, environment: str, *more: str) -> None:
        """`apply --helm`, with an inventory."""
        options = ("--helm", "--keys", self.keys[environment], "--name", environment, "--namespace", "default")
        self._run(sys.executable, "-P", "-m", "sopskit", "apply", tree.folder(environment), *options, *more)

    def _run(self, *command: str | Path) -> None:
        subprocess.run(command, env=self.environ, cwd="/", check=True, capture_output=True)


@pytest.fixture
def ways(tmp_path: Path, tool: Callable[[str], str], cluster: Cluster, readers: Mapping[str, Reader]) -> Ways:
    keys = {name: reader.mounted(tmp_path / f"keys-of-{name}") for name, reader in readers.items()}
    folders = [str(Path(tool(name)).parent) for name in ("kustomize", "helm", "kubectl", "gpg")]
    search_path = os.pathsep.join([*folders, os.environ["PATH"]])
    return Ways(keys, search_path, cluster.kubeconfig(tmp_path / "kubeconfig"))


def secrets_of(live: Mapping[str, Object]) -> dict[str, dict[str, str]]:
    """The decoded data of Secrets by name; the hash that kustomize adds to a name is cut off."""
    secrets = [obj for obj in live.values() if obj["kind"] == "Secret"]
    return {re.sub("-[0-9a-z]{10}$", "", obj["metadata"]["name"]): obj["data"] for obj in secrets}


def values_file(password: str) -> str:
    return f"secrets:\n    password: {password}\n"


def expected_secrets(environment: str) -> dict[str, dict[str, str]]:
    values = standard_values(environment)
    pem = f"-----BEGIN EXAMPLE-----\n{values.password}\n-----END EXAMPLE-----\n"
    return {
        "registry": {".dockerconfigjson": registry()},
        "service1": {
            "DB_USER": "service1",
            "DB_PASSWORD": values.password,
            "empty": "",
            "signature": values.signature,
        },
        "service1-pem": {"client.pem": pem},
        "service1-values": {"values.yaml": values_file(values.chart_password)},
        "service1-env": {"TOKEN": values.token, "LEVEL": values.level},
        "service1-web": {"admin": values.admin, "password": values.chart_password, "token": values.token},
        "service2": {"DB_USER": "service2", "DB_PASSWORD": values.password},
        "service2-keys": {"signature": values.signature},
        "front-web": {"admin": values.admin},
    }


@pytest.mark.parametrize("environment", ["dev", "qa", "prod"])
def test_three_ways_bring_the_same_objects_into_the_cluster(
    cluster: Cluster, namespace: str, tmp_path: Path, readers: Mapping[str, Reader], ways: Ways, environment: str
) -> None:
    prefixes = [f"{namespace}-{way}-" for way in ("program", "pipe", "apply")]
    tree = write(tmp_path / "program", readers, prefix=prefixes[0])
    ways.program(tree, environment)
    ways.pipe(tree.copied(tmp_path / "pipe", prefixes[1]), environment)
    ways.apply(tree.copied(tmp_path / "apply", prefixes[2]), environment)
    first, second, third = (snapshot(cluster, prefix) for prefix in prefixes)
    assert (second, third) == (first, first)
    assert secrets_of(first) == expected_secrets(environment)
    assert Counter(obj["kind"] for obj in first.values()) == {
        "Namespace": 1,
        "ConfigMap": 4,
        "Secret": 9,
        "Service": 2,
        "Deployment": 3,
    }


def test_other_values_arrive_as_well(
    cluster: Cluster, namespace: str, tmp_path: Path, readers: Mapping[str, Reader], ways: Ways
) -> None:
    """What is generated has a new name then; the old one stays until it is pruned."""
    prefixes = [f"{namespace}-{way}-" for way in ("program", "pipe", "apply")]
    trees = [write(tmp_path / "program", readers, prefix=prefixes[0])]
    trees += [trees[0].copied(tmp_path / prefix, prefix) for prefix in prefixes[1:]]
    other = standard_values("dev")._replace(password="test-only-p", chart_password="test-only-c", replicas=5)
    for way, tree in zip((ways.program, ways.pipe, ways.apply), trees, strict=True):
        way(tree, "dev")
        tree.change("dev", other)
        way(tree, "dev")
    first, second, third = (snapshot(cluster, prefix) for prefix in prefixes)
    assert (second, third) == (first, first)
    values = [obj["data"]["values.yaml"] for name, obj in first.items() if "/service1-values-" in name]
    assert sorted(values) == [values_file("test-only-c"), values_file(standard_values("dev").chart_password)]
    assert first["Secret dev/service1-web"]["data"]["password"] == "test-only-c"
    assert first["Deployment dev/front-web"]["spec"]["replicas"] == 5


def test_what_other_values_leave_behind_is_pruned_by_apply(
    cluster: Cluster, namespace: str, tmp_path: Path, readers: Mapping[str, Reader], ways: Ways
) -> None:
    tree = write(tmp_path / "tree", readers, prefix=f"{namespace}-")
    ways.apply(tree, "dev")
    before = set(snapshot(cluster, tree.prefix))
    tree.change("dev", standard_values("dev")._replace(chart_password="test-only-c", token="test-only-t"))
    ways.apply(tree, "dev", "--prune")
    after = set(snapshot(cluster, tree.prefix))
    assert len(after) == len(before)
    assert {name[:-11] for name in before - after} == {"Secret dev/service1-values", "Secret dev/service1-env"}


@pytest.mark.parametrize("way", ["program", "pipe", "apply"])
def test_with_the_key_of_another_environment_nothing_arrives(
    cluster: Cluster, namespace: str, tmp_path: Path, readers: Mapping[str, Reader], ways: Ways, way: str
) -> None:
    tree = write(tmp_path / "tree", readers, prefix=f"{namespace}-")
    ways.keys = {"prod": ways.keys["dev"]}
    with pytest.raises(subprocess.CalledProcessError) as caught:
        getattr(ways, way)(tree, "prod")
    assert re.search(rb"/k8s/gitops/prod/service1/[a-z.]+: no private key", caught.value.stderr)
    assert snapshot(cluster, f"{namespace}-") == {}


@pytest.mark.parametrize(("way", "left"), [("program", ["empty"]), ("pipe", ["empty"]), ("apply", [])])
def test_an_entry_that_is_taken_out_of_string_data_goes_by_apply_alone(
    cluster: Cluster,
    namespace: str,
    tmp_path: Path,
    readers: Mapping[str, Reader],
    ways: Ways,
    way: str,
    left: list[str],
) -> None:
    """The API server folds `stringData` into `data`, and forgets who owned its entries."""
    tree = write(tmp_path / "tree", readers, prefix=f"{namespace}-")
    getattr(ways, way)(tree, "dev")
    path = tree.folder("dev") / "service1" / "secrets.yaml"
    environ = {"SOPS_AGE_KEY_FILE": str(ways.keys["dev"] / "test-only.agekey")}
    assert sopskit("unset", path, '["stringData"]["empty"]', environ=environ).code == 0
    getattr(ways, way)(tree, "dev")
    found = snapshot(cluster, f"{namespace}-")["Secret dev/service1"]["data"]
    assert [name for name in found if name == "empty"] == left
