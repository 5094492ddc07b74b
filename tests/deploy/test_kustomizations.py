"""Everything that a kustomization may be made of, built by the real kustomize from files that sops encrypted."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sopskit.deploy.build import Rendered
from sopskit.deploy.provider import DecryptionProvider
from sopskit.errors import BuildError, RefusedError
from sopskit.sops.masterkeys import FixedKeyring
from tests.deploy.conftest import Tree

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = ("--encrypted-regex", "^(data|stringData)$")
BASE = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: canary-base\n  url: canary-url\n"
PATCH = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: canary-patched\n"
JSON_PATCH = "- op: replace\n  path: /stringData/password\n  value: canary-patched\n"
TARGET = "{kind: Secret, name: db}"


@pytest.fixture(params=["kustomize", "kubectl"])
def builder(request: pytest.FixtureRequest, tool: Callable[[str], str], tmp_path: Path) -> str:
    """A folder with one of the two builders and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / request.param).symlink_to(Path(tool(request.param)).resolve())
    return str(folder)


@pytest.fixture
def build(tree: Tree, keyring: FixedKeyring, builder: str) -> Callable[[str], Rendered]:
    provider = DecryptionProvider(keyring, search_path=builder)
    return lambda folder: provider.render(tree.folder / folder, root=tree.folder)


def contents(rendered: Rendered) -> dict[str, dict[str, Any]]:
    return {f"{obj.kind}/{obj.name}": obj.reveal() for obj in rendered.objects()}


@pytest.mark.parametrize(
    ("fields", "patch"),
    [
        ("patches: [{path: patch.yaml}]", PATCH),
        (f"patches: [{{path: patch.txt, target: {TARGET}}}]", JSON_PATCH),
        ("patchesStrategicMerge: [patch.yaml]", PATCH),
        (f"patchesJson6902: [{{path: patch.txt, target: {TARGET}}}]", JSON_PATCH),
        (f"transformers: [transformer.yaml] # {TARGET}", JSON_PATCH),
    ],
)
def test_an_encrypted_patch_changes_an_encrypted_base(
    tree: Tree, build: Callable[[str], Rendered], fields: str, patch: str
) -> None:
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.encrypted("base/secret.yaml", BASE, *DATA)
    tree.plain("dev/kustomization.yaml", f"namespace: dev\nresources: [../base]\n{fields}\n")
    tree.plain(
        "dev/transformer.yaml",
        f"apiVersion: builtin\nkind: PatchTransformer\nmetadata: {{name: t}}\npath: patch.txt\ntarget: {TARGET}\n",
    )
    if patch == JSON_PATCH:  # a list, which sops encrypts as a text only
        tree.encrypted("dev/patch.txt", patch)
    else:
        tree.encrypted("dev/patch.yaml", patch, *DATA)
    assert contents(build("dev"))["Secret/db"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "dev"},
        "stringData": {"password": "canary-patched", "url": "canary-url"},
    }


@pytest.mark.parametrize(
    "fields",
    [
        "patches:\n- patch: |-\n    {}\n",
        f"patches:\n- target: {TARGET}\n  patch: |-\n    - op: replace\n      path: /stringData/password\n      value: inline\n",
        "patchesStrategicMerge:\n- |-\n  {}\n",
        f"patchesJson6902:\n- target: {TARGET}\n  patch: |-\n    - op: replace\n      path: /stringData/password\n      value: inline\n",
    ],
)
def test_a_patch_in_place_changes_an_encrypted_base(tree: Tree, build: Callable[[str], Rendered], fields: str) -> None:
    inline = "apiVersion: v1\n    kind: Secret\n    metadata: {name: db}\n    stringData: {password: inline}"
    text = fields.replace("{}", inline if "- patch" in fields else inline.replace("\n    ", "\n  "))
    tree.plain("kustomization.yaml", f"resources: [secret.yaml]\n{text}")
    tree.encrypted("secret.yaml", BASE, *DATA)
    secret = contents(build("."))["Secret/db"]
    assert secret["stringData"] == {"password": "inline", "url": "canary-url"}


def test_generators_take_encrypted_files_and_variables(tree: Tree, build: Callable[[str], Rendered]) -> None:
    tree.plain(
        "kustomization.yaml",
        "generatorOptions: {disableNameSuffixHash: true}\n"
        "secretGenerator:\n"
        "- {name: files, files: [key.pem, other=tls/key.pem, config.yaml, .dockerconfigjson=registry.json]}\n"
        "- {name: envs, envs: [.env, app.properties]}\n"
        "- {name: literal, literals: [a=b=c]}\n"
        "configMapGenerator:\n"
        "- {name: config, files: [settings=settings.ini], envs: [.env]}\n",
    )
    for name in ("key.pem", "tls/key.pem"):
        tree.encrypted(name, "canary-pem\n")
    tree.encrypted("config.yaml", "# note\nkey: canary-yaml\n")
    tree.encrypted("registry.json", '{"auths": {}}')
    tree.encrypted(".env", "TOKEN=canary-env\n")
    tree.encrypted("app.properties", "PORT=80\n", "--input-type", "dotenv", "--output-type", "dotenv")
    tree.encrypted("settings.ini", "[a]\nb = canary-ini\n")
    found = contents(build("."))
    decoded = {
        name: {key: base64.b64decode(value).decode() for key, value in found[f"Secret/{name}"]["data"].items()}
        for name in ("files", "envs", "literal")
    }
    assert decoded == {
        "files": {
            "key.pem": "canary-pem\n",
            "other": "canary-pem\n",
            "config.yaml": "# note\nkey: canary-yaml\n",
            ".dockerconfigjson": '{\n\t"auths": {}\n}\n',
        },
        "envs": {"TOKEN": "canary-env", "PORT": "80"},
        "literal": {"a": "b=c"},
    }
    assert found["ConfigMap/config"]["data"] == {"settings": "[a]\nb = canary-ini\n", "TOKEN": "canary-env"}


def test_components_and_overlays_follow_each_other(tree: Tree, build: Callable[[str], Rendered]) -> None:
    tree.plain("base/kustomization.yaml", "resources: [secret.yaml]\n")
    tree.encrypted("base/secret.yaml", BASE, *DATA)
    tree.plain(
        "components/tls/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yaml}]\n",
    )
    tree.encrypted("components/tls/patch.yaml", PATCH.replace("password: canary-patched", "ca: canary-ca"), *DATA)
    tree.plain(
        "stage/kustomization.yaml", "namePrefix: stage-\nresources: [../base]\ncomponents: [../components/tls]\n"
    )
    tree.plain("prod/kustomization.yaml", "nameSuffix: -prod\nbases: [../stage]\npatches: [{path: patch.yaml}]\n")
    tree.encrypted("prod/patch.yaml", PATCH.replace("name: db", "name: stage-db"), *DATA)
    assert contents(build("prod"))["Secret/stage-db-prod"]["stringData"] == {
        "ca": "canary-ca",
        "password": "canary-patched",
        "url": "canary-url",
    }


def test_a_helm_release_gets_the_generated_names_of_its_values(tree: Tree, build: Callable[[str], Rendered]) -> None:
    """`kustomizeconfig.yaml`, as Flux documents it."""
    tree.plain(
        "kustomization.yaml",
        "namespace: dev\nresources: [release.yaml]\nconfigurations: [kustomizeconfig.yaml]\n"
        "secretGenerator: [{name: values, files: [values.yaml=secret-values.yaml]}]\n"
        "configMapGenerator: [{name: defaults, files: [values.yaml]}]\n",
    )
    tree.plain(
        "kustomizeconfig.yaml",
        "nameReference:\n"
        "- {kind: ConfigMap, version: v1, fieldSpecs: [{path: spec/valuesFrom/name, kind: HelmRelease}]}\n"
        "- {kind: Secret, version: v1, fieldSpecs: [{path: spec/valuesFrom/name, kind: HelmRelease}]}\n",
    )
    tree.plain(
        "release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: app}\n"
        "spec:\n  valuesFrom:\n  - {kind: ConfigMap, name: defaults}\n  - {kind: Secret, name: values}\n",
    )
    tree.encrypted("secret-values.yaml", "db:\n    password: canary\n")
    tree.plain("values.yaml", "replicas: 1\n")
    found = contents(build("."))
    references = found["HelmRelease/app"]["spec"]["valuesFrom"]
    assert {f"{entry['kind']}/{entry['name']}" for entry in references} == set(found) - {"HelmRelease/app"}
    (secret,) = (content for name, content in found.items() if name.startswith("Secret/values-"))
    assert base64.b64decode(secret["data"]["values.yaml"]) == b"db:\n    password: canary\n"


def test_links_within_the_root_are_followed(tree: Tree, build: Callable[[str], Rendered]) -> None:
    tree.encrypted("library/common/secret.yaml", BASE, *DATA)
    tree.plain("library/common/kustomization.yaml", "resources: [secret.yaml, ../beside]\n")
    tree.plain("library/beside/kustomization.yaml", "configMapGenerator: [{name: c, literals: [a=b]}]\n")
    (tree.folder / "app").mkdir()
    (tree.folder / "app" / "common").symlink_to("../library/common")
    (tree.folder / "app" / "linked.yaml").symlink_to("../patch.yaml")
    (tree.folder / "app" / "folder").symlink_to("../library")
    tree.encrypted("patch.yaml", PATCH, *DATA)
    tree.plain("app/kustomization.yaml", "resources: [common]\npatches: [{path: linked.yaml}]\n")
    assert sorted(name.split("-")[0] for name in contents(build("app"))) == ["ConfigMap/c", "Secret/db"]
    tree.plain("app/kustomization.yaml", "resources: [folder/common]\n")
    assert contents(build("app"))["Secret/db"]["stringData"]["password"] == "canary-base"


def test_links_that_lead_out_are_refused(tree: Tree, build: Callable[[str], Rendered]) -> None:
    outside = tree.folder.parent / "outside"
    outside.mkdir()
    (outside / "kustomization.yaml").write_text("resources: []\n")
    (outside / "token").write_text("canary")
    (tree.folder / "out").symlink_to(outside)
    (tree.folder / "token").symlink_to(outside / "token")
    for text in (
        "resources: [out]\n",
        "resources: [token]\n",
        "components: [../outside]\n",
        f"resources: ['{outside}']\n",
        "secretGenerator: [{name: a, files: [token]}]\n",
        "secretGenerator: [{name: a, files: [out/token]}]\n",
    ):
        tree.plain("kustomization.yaml", text)
        with pytest.raises(RefusedError, match="leads out of the tree"):
            build(".")
    for text in (
        "secretGenerator: [{name: a, files: [../outside/token]}]\n",
        f"secretGenerator: [{{name: a, files: ['{outside}/token']}}]\n",
        "secretGenerator: [{name: a, files: [/etc/passwd]}]\n",
    ):
        tree.plain("kustomization.yaml", text)
        with pytest.raises(BuildError):
            build(".")


def test_a_folder_without_a_kustomization_is_named(tree: Tree, build: Callable[[str], Rendered]) -> None:
    tree.plain("kustomization.yaml", "resources: [empty]\n")
    (tree.folder / "empty").mkdir()
    with pytest.raises(BuildError) as caught:
        build(".")
    assert str(caught.value) == f"{tree.folder}/empty: this folder has no kustomization, and one refers to it"
