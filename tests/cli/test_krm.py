"""kustomize, Argo CD and kubectl call sopskit, as they do in the field."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from tests.canary.canaries import Canary, Scanner, token
from tests.canary.observing import Sinks, leaks_in_folders, observe
from tests.cli.running import sopskit
from tests.conftest import ROOT
from tests.deploy.conftest import Tree
from tests.repositories import init

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.conftest import AgeTestKey

SCRIPT = """#!{python}
import sys
sys.path.insert(0, {root!r})
from sopskit.cli.main import main
sys.exit(main())
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\nstringData:\n  password: canary-41c7\n  flag: 'y'\n"
DATA = ("--encrypted-regex", "^(data|stringData)$")
BUILD = ("build", "--enable-alpha-plugins", "--enable-exec")
# what Argo CD gives a plugin beside the sidecar's own variables
ARGOCD = {
    "ARGOCD_APP_NAME": "web",
    "ARGOCD_APP_NAMESPACE": "dev",
    "ARGOCD_APP_SOURCE_PATH": "dev",
    "ARGOCD_APP_REVISION": "0" * 40,
    "ARGOCD_ENV_STAGE": "dev",
    "ARGOCD_APP_PARAMETERS": "[]",
    "KUBE_VERSION": "1.33",
    "KUBE_API_VERSIONS": "v1,apps/v1",
}
NOTHING: Mapping[str, str] = {}


class Done(NamedTuple):
    """How a program ended."""

    code: int
    out: bytes
    err: str


class Place:
    """A repository with a kustomization of a generator, and a PATH on which sopskit is."""

    def __init__(self, tree: Tree, programs: Path) -> None:
        self.tree = tree
        self.programs = programs
        self.environ = {
            "PATH": f"{programs}:{os.defpath}",
            "SOPS_AGE_KEY_FILE": str(tree.key.path),
            "HOME": "/nonexistent",
        }

    def provide(self, name: str, program: str | None = None) -> None:
        """Put a program on the PATH: a real one, or sopskit under that name."""
        path = self.programs / name
        if program is not None:
            path.symlink_to(program)
        else:
            path.write_text(SCRIPT.format(python=sys.executable, root=str(ROOT)))
            path.chmod(0o755)

    def run(self, *argv: str, folder: str = "dev", stdin: bytes = b"", environ: Mapping[str, str] = NOTHING) -> Done:
        """Run a program of the PATH in a folder; an empty variable is none."""
        environ = {name: value for name, value in {**self.environ, **environ}.items() if value}
        program = str(self.programs / argv[0]) if (self.programs / argv[0]).exists() else argv[0]
        where = self.tree.folder / folder
        done = subprocess.run(
            [program, *argv[1:]], cwd=where, env=environ, input=stdin, capture_output=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture
def place(tmp_path: Path, tool: Callable[[str], str], alice: AgeTestKey) -> Place:
    tree = Tree(init(tmp_path / "repository").folder.resolve(), tool("sops"), alice)
    tree.encrypted("dev/secret.yaml", SECRET, *DATA)
    tree.plain("dev/kustomization.yaml", "namespace: dev\ngenerators: [generator.yaml]\n")
    tree.plain("dev/generator.yaml", sopskit("krm", "--print", "kustomize-generator").out.decode())
    programs = tmp_path / "bin"
    programs.mkdir()
    place = Place(tree, programs)
    place.provide("sopskit")
    place.provide("kustomize", tool("kustomize"))
    return place


def documents(out: bytes) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(out) if document]


BUILT = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "one", "namespace": "dev"},
    "stringData": {"password": "canary-41c7", "flag": "y"},
}


# --- kustomize


def test_kustomize_generates_with_it(place: Place) -> None:
    done = place.run("kustomize", *BUILD, ".")
    assert (done.code, done.err) == (0, "")
    assert documents(done.out) == [BUILT]


def test_kustomize_generates_from_another_folder(place: Place) -> None:
    place.tree.plain("qa/kustomization.yaml", "resources: [../dev]\nnamePrefix: qa-\n")
    done = place.run("kustomize", *BUILD, "qa", folder=".")
    assert (done.code, documents(done.out)[0]["metadata"]["name"]) == (0, "qa-one")


def test_a_transformer_is_refused_under_kustomize(place: Place) -> None:
    place.tree.plain("dev/kustomization.yaml", "resources: [secret.yaml]\ntransformers: [generator.yaml]\n")
    done = place.run("kustomize", *BUILD, ".")
    assert (done.code, done.out) == (1, b"")
    assert "a transformer cannot verify a MAC, and Secret was given to be transformed" in done.err


def test_with_another_s_key_nothing_is_built(place: Place, bob: AgeTestKey) -> None:
    done = place.run("kustomize", *BUILD, ".", environ={"SOPS_AGE_KEY_FILE": str(bob.path)})
    assert (done.code, done.out) == (1, b"")
    assert "error: secret.yaml: no private key at hand opens this file" in done.err


def test_with_a_wrong_mac_nothing_is_built(place: Place) -> None:
    path = place.tree.folder / "dev" / "secret.yaml"
    path.write_text(path.read_text().replace("name: one", "name: other"))
    done = place.run("kustomize", *BUILD, ".")
    assert (done.code, done.out, "canary" in done.err) == (1, b"", False)
    assert "error: secret.yaml: " in done.err
    request = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "functionConfig": yaml.safe_load((place.tree.folder / "dev" / "generator.yaml").read_text()),
    }
    direct = place.run("sopskit", "krm", stdin=yaml.safe_dump(request).encode())
    response = yaml.safe_load(direct.out)
    assert (direct.code, response["items"]) == (51, [])
    assert [(result["severity"], result["file"]) for result in response["results"]] == [
        ("error", {"path": "secret.yaml"})
    ]


def test_no_value_meets_a_disk_an_argument_or_the_environment(
    place: Place, tool: Callable[[str], str], tmp_path: Path
) -> None:
    canary = Canary("password", token())
    scanner = Scanner([canary])
    place.tree.encrypted("dev/secret.yaml", SECRET.replace("canary-41c7", canary.text), *DATA)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    seen = observe(
        tool("strace"),
        [str(place.programs / "kustomize"), *BUILD, "."],
        cwd=place.tree.folder / "dev",
        environ={**place.environ, "TMPDIR": str(temporary)},
        trace=tmp_path / "trace",
    )
    assert (seen.returncode, seen.stderr, bool(scanner.scan(seen.stdout, ""))) == (0, b"", True)
    assert seen.leaks(scanner, Sinks(stdout=True, pipes=True)) == set()
    assert leaks_in_folders(scanner, [temporary, place.tree.folder]) == set()


def test_the_keys_of_a_mounted_secret_are_enough(place: Place, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "age.agekey").write_text(place.tree.key.identity)
    text = (place.tree.folder / "dev" / "generator.yaml").read_text()
    place.tree.plain("dev/generator.yaml", text.replace("args: [krm]", f"args: [krm, --keys, {keys}]"))
    done = place.run("kustomize", *BUILD, ".", environ={"SOPS_AGE_KEY_FILE": ""})
    assert (done.code, done.err, documents(done.out)) == (0, "", [BUILT])
    (keys / "age.agekey").unlink()
    done = place.run("kustomize", *BUILD, ".")
    assert (done.code, done.out, "there is no private key in it" in done.err) == (1, b"", True)


def test_files_beside_the_kustomization_need_a_root(place: Place) -> None:
    place.tree.encrypted("base/other.yaml", SECRET.replace("one", "two"), *DATA)
    text = (place.tree.folder / "dev" / "generator.yaml").read_text()
    place.tree.plain("dev/generator.yaml", text.replace("secret.yaml", "../base/other.yaml"))
    done = place.run("kustomize", *BUILD, ".")
    assert (done.code, done.out, "names a file outside of the folder" in done.err) == (1, b"", True)
    place.tree.plain(
        "dev/generator.yaml", text.replace("secret.yaml", "../base/other.yaml").replace("[krm]", "[krm, --root, ..]")
    )
    done = place.run("kustomize", *BUILD, ".")
    assert (done.code, documents(done.out)[0]["metadata"]["name"]) == (0, "two")


def test_at_a_terminal_there_is_a_hint() -> None:
    done = sopskit("krm", terminals="stdin")
    assert (done.code, done.out, "krm is started by kustomize" in done.err) == (1, b"", True)


# --- Argo CD


def argocd_plugin() -> dict[str, Any]:
    done = sopskit("krm", "--print", "argocd-plugin")
    assert (done.code, done.err) == (0, "")
    content: dict[str, Any] = yaml.safe_load(done.out)
    return content


def test_the_plugin_has_the_fields_that_argo_cd_reads() -> None:
    plugin = argocd_plugin()
    assert (plugin["apiVersion"], plugin["kind"]) == ("argoproj.io/v1alpha1", "ConfigManagementPlugin")
    assert plugin["metadata"] == {"name": "sopskit"}  # without a version, or its name would end in it
    assert plugin["spec"].keys() == {"discover", "generate", "preserveFileMode", "provideGitCreds"}


def test_the_plugin_generates_what_argo_cd_applies(place: Place) -> None:
    place.tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [secret.yaml]\n")
    done = place.run(*argocd_plugin()["spec"]["generate"]["command"], environ=ARGOCD)
    assert (done.code, done.err, documents(done.out)) == (0, "", [BUILT])


def test_the_plugin_gives_nothing_and_fails_without_its_key(place: Place) -> None:
    place.tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [secret.yaml]\n")
    done = place.run(*argocd_plugin()["spec"]["generate"]["command"], environ={**ARGOCD, "SOPS_AGE_KEY_FILE": ""})
    assert (done.code, done.out) == (128, b"")


@pytest.mark.parametrize(("folder", "found"), [("dev", True), ("plain", False)])
def test_the_plugin_discovers_encrypted_files(place: Place, folder: str, found: bool) -> None:
    place.tree.plain("plain/a.yaml", "a: 1\n")
    done = place.run(*argocd_plugin()["spec"]["discover"]["find"]["command"], folder=folder, environ=ARGOCD)
    assert (done.code, done.err, done.out) == (0, "", b"./secret.yaml\n" if found else b"")


# --- kubectl


def test_kubectl_finds_it_as_a_plugin(place: Place, tool: Callable[[str], str]) -> None:
    place.provide("kubectl", tool("kubectl"))
    place.provide("kubectl-sopskit")
    place.tree.plain("dev/kustomization.yaml", "namespace: dev\nresources: [secret.yaml]\n")
    done = place.run("kubectl", "sopskit", "render", ".", environ={"KUBECONFIG": os.devnull})
    assert (done.code, done.err, documents(done.out)) == (0, "", [BUILT])
    done = place.run("kubectl", "sopskit", "--version", environ={"KUBECONFIG": os.devnull})
    assert (done.code, done.out.startswith(b"sopskit ")) == (0, True)
