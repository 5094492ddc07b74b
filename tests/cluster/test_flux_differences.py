"""Where the real Flux and sopskit part: what docs/deploying.md says of Flux holds of the controller."""

from __future__ import annotations

import base64
import http
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sopskit import DecryptionProvider, PlainObject, SopskitError
from sopskit.keysources import mounted
from tests.cli.running import sopskit
from tests.cluster.apiserver import definition
from tests.cluster.flux import condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiserver import Cluster, Object
    from tests.cluster.flux import Flux
    from tests.conftest import AgeTestKey

DATA = ("--encrypted-regex", "^(data|stringData)$")
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: app\nstringData:\n    password: open sesame\n"
OTHER_SECRET = SECRET.replace("open sesame", "none\n    user: one")
PATCH = "apiVersion: v1\nkind: Secret\n{}\n"
STRATEGIC_MERGE = "patchesStrategicMerge: [patch.yaml]"
TRANSFORMER = """\
apiVersion: builtin
kind: AnnotationsTransformer
metadata:
    name: team
annotations:
    example.org/team: payments
fieldSpecs:
    - path: metadata/annotations
      create: true
"""
ENCRYPTED = "(encrypted)"


class Case:
    """A kustomization that makes one Secret or ConfigMap `app`, and what becomes of it."""

    def __init__(
        self, folder: Path, key: AgeTestKey, search_path: str, flux: Flux, namespaces: tuple[str, str]
    ) -> None:
        self.folder = folder
        self.key = key
        self.search_path = search_path
        self.flux = flux
        self.home, self.target = namespaces

    def plain(self, name: str, text: str) -> None:
        """Write a file."""
        (self.folder / name).write_text(text)

    def encrypted(self, name: str, text: str, *options: str) -> None:
        """Write a file and encrypt it."""
        self.plain(name, text)
        done = sopskit("encrypt", "--in-place", "--age", self.key.recipient, *options, self.folder / name)
        assert done.code == 0, done.err

    def kustomization(self, *lines: str) -> None:
        """Write the kustomization; generated names get no hash."""
        self.plain("kustomization.yaml", "\n".join(["generatorOptions: {disableNameSuffixHash: true}", *lines, ""]))

    def nested(self, entry: str) -> None:
        """A plain Secret with an encrypted file as an entry of its `data` or `stringData`."""
        self.encrypted("inner.env", "A=one\n")
        text = (self.folder / "inner.env").read_bytes()
        value = base64.b64encode(text).decode() if entry == "data" else text.decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, entry: {"inner.env": value}}
        self.plain("secret.yaml", json.dumps(secret))
        self.kustomization("resources: [secret.yaml]")

    def reconciled(self) -> str:
        """Let Flux do its work; gives the reason why the Kustomization is not ready, empty if it is."""
        self.flux.keep_key(self.home, "sops", {"test-only.agekey": self.key.identity})
        done = self.flux.reconcile(self.home, self.folder, key="sops", targetNamespace=self.target)
        return "" if condition(done)["status"] == "True" else str(condition(done)["reason"])

    def rendered(self) -> tuple[PlainObject, ...]:
        """What sopskit renders with the same key."""
        with mounted.from_data({"test-only.agekey": self.key.identity.encode()}) as keyring:
            return DecryptionProvider(keyring, search_path=self.search_path).render(self.folder).objects()

    def by_flux(self) -> dict[str, str] | str:
        """The data that is in the cluster then, or the reason why it is not."""
        if reason := self.reconciled():
            return reason
        place = f"/api/v1/namespaces/{self.target}"
        answers = [self.flux.cluster.request("GET", f"{place}/{kind}/app") for kind in ("secrets", "configmaps")]
        (found,) = [answer.json for answer in answers if answer.status == http.HTTPStatus.OK]
        return effective(found)

    def by_render(self) -> dict[str, str] | str:
        """The data of the object that is rendered, or the kind of error."""
        try:
            (obj,) = self.rendered()
        except SopskitError as error:
            return type(error).__name__
        return effective(obj.reveal())


def effective(obj: Object) -> dict[str, str]:
    """The data that a container sees, and annotations; what is still encrypted says so, and SOPS's own entries are left out."""
    data = dict(obj.get("data", {}))
    if obj["kind"] == "Secret":
        data = {key: base64.b64decode(value).decode() for key, value in data.items()} | obj.get("stringData", {})
    data |= {
        key: value for key, value in obj["metadata"].get("annotations", {}).items() if key.startswith("example.org/")
    }
    return {key: ENCRYPTED if "ENC[" in value else value for key, value in data.items() if not key.startswith("sops_")}


@pytest.fixture
def case(
    cluster: Cluster, flux: Flux, namespace: str, tmp_path: Path, alice: AgeTestKey, tool: Callable[[str], str]
) -> Case:
    folder = tmp_path / "tree"
    folder.mkdir()
    return Case(folder, alice, str(Path(tool("kustomize")).parent), flux, (namespace, cluster.namespace()))


# --- both alike


def test_generators_files_and_variables_are_opened_by_both(case: Case) -> None:
    case.kustomization("secretGenerator: [{name: app, files: [a.json, b=b.txt], envs: [c.env]}]")
    case.encrypted("a.json", '{\n\t"a": "one"\n}\n')
    case.encrypted("b.txt", "two\n")
    case.encrypted("c.env", "C=three\n")
    expected = {"a.json": '{\n\t"a": "one"\n}\n', "b": "two\n", "C": "three"}
    assert (case.by_flux(), case.by_render()) == (expected, expected)


def test_files_are_indented_by_flux_and_left_as_they_are_by_render(case: Case) -> None:
    """So the hash in a generated name is another, where it is not switched off."""
    case.kustomization("secretGenerator: [{name: app, files: [a.yaml, b.json]}]")
    case.encrypted("a.yaml", "a:\n  - one  # 1\n")
    case.encrypted("b.json", '{"b": "two"}\n')
    assert case.by_flux() == {"a.yaml": "a:\n    # 1\n    - one\n", "b.json": '{\n\t"b": "two"\n}\n'}
    assert case.by_render() == {"a.yaml": "a:\n  - one  # 1\n", "b.json": '{"b": "two"}\n'}


def test_variables_in_a_file_of_any_name_are_opened_by_both(case: Case) -> None:
    case.kustomization("secretGenerator: [{name: app, envs: [.env.prod]}]")
    case.encrypted(".env.prod", "A=one\n", "--input-type", "dotenv")
    assert (case.by_flux(), case.by_render()) == ({"A": "one"}, {"A": "one"})


def test_a_patch_of_a_plain_manifest_is_opened_by_both(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]", "patches: [{path: patch.yaml}]")
    case.plain("secret.yaml", OTHER_SECRET)
    case.encrypted("patch.yaml", SECRET, *DATA)
    expected = {"password": "open sesame", "user": "one"}
    assert (case.by_flux(), case.by_render()) == (expected, expected)


def test_a_patch_that_adds_no_value_to_an_encrypted_manifest_is_applied_by_both(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]", "patches: [{path: patch.yaml}]")
    case.encrypted("secret.yaml", SECRET, *DATA)
    case.plain("patch.yaml", PATCH.format("metadata: {name: app, annotations: {example.org/team: payments}}"))
    expected = {"password": "open sesame", "example.org/team": "payments"}
    assert (case.by_flux(), case.by_render()) == (expected, expected)


def test_a_strategic_merge_patch_of_the_only_value_is_opened_by_both(case: Case) -> None:
    """Flux leaves it encrypted, and opens what kustomize has made of it, with the metadata of the patch."""
    case.kustomization("resources: [secret.yaml]", STRATEGIC_MERGE)
    case.plain("secret.yaml", SECRET.replace("open sesame", "none"))
    case.encrypted("patch.yaml", SECRET, *DATA)
    assert (case.by_flux(), case.by_render()) == ({"password": "open sesame"}, {"password": "open sesame"})


def test_an_object_that_is_to_stay_encrypted_does_so(case: Case, cluster: Cluster) -> None:
    cluster.define(definition("Sealed", "sealeds"))
    annotation = "metadata:\n    annotations:\n        kustomize.toolkit.fluxcd.io/decrypt: disabled\n"
    text = SECRET.replace("v1\nkind: Secret", "example.org/v1\nkind: Sealed").replace("metadata:\n", annotation)
    case.encrypted("sealed.yaml", text, *DATA)
    case.kustomization("resources: [sealed.yaml]")
    assert case.reconciled() == ""
    path = f"/apis/example.org/v1/namespaces/{case.target}/sealeds/app"
    in_cluster, (rendered,) = cluster.request("GET", path).json, case.rendered()
    assert {key: rendered.reveal()[key] for key in ("stringData", "sops")} == {
        key: in_cluster[key] for key in ("stringData", "sops")
    }
    assert ENCRYPTED in effective(rendered.reveal() | {"kind": "Secret"}).values()


def test_a_file_inside_of_a_secret_s_data_is_opened_by_both(case: Case) -> None:
    case.nested("data")
    assert (case.by_flux(), case.by_render()) == ({"inner.env": "A=one\n"}, {"inner.env": "A=one\n"})


def test_an_entry_that_is_taken_out_of_string_data_is_gone_with_flux(case: Case) -> None:
    """As with `apply`, and other than with `kubectl apply --server-side`."""
    case.kustomization("resources: [secret.yaml]")
    case.encrypted("secret.yaml", OTHER_SECRET, *DATA)
    assert case.by_flux() == {"password": "none", "user": "one"}
    case.encrypted("secret.yaml", SECRET, *DATA)
    assert case.by_flux() == {"password": "open sesame"}


# --- left encrypted by Flux, which applies it so


def test_a_file_inside_of_a_secret_s_string_data(case: Case) -> None:
    case.nested("stringData")
    assert (case.by_flux(), case.by_render()) == ({"inner.env": ENCRYPTED}, {"inner.env": "A=one\n"})


def test_a_generator_s_single_file_of_variables(case: Case) -> None:
    case.kustomization("secretGenerator: [{name: app, env: a.env}]")
    case.encrypted("a.env", "A=one\n")
    assert (case.by_flux(), case.by_render()) == ({"A": ENCRYPTED}, {"A": "one"})


def test_what_a_generator_of_configmaps_takes(case: Case) -> None:
    case.kustomization("configMapGenerator: [{name: app, files: [a.txt], envs: [b.env]}]")
    case.encrypted("a.txt", "one\n")
    case.encrypted("b.env", "B=two\n")
    expected = {"a.txt": "one\n", "B": "two"}
    assert (case.by_flux(), case.by_render()) == (dict.fromkeys(expected, ENCRYPTED), expected)


def test_what_a_transformer_adds(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]", "transformers: [team.yaml]")
    case.encrypted("secret.yaml", SECRET, *DATA)
    case.encrypted("team.yaml", TRANSFORMER, "--encrypted-regex", "^annotations$")
    expected = {"password": "open sesame", "example.org/team": "payments"}
    assert (case.by_flux(), case.by_render()) == (expected | {"example.org/team": ENCRYPTED}, expected)


# --- not built by Flux


def test_a_strategic_merge_patch_beside_another_value(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]", STRATEGIC_MERGE)
    case.plain("secret.yaml", OTHER_SECRET)
    case.encrypted("patch.yaml", SECRET, *DATA)
    assert (case.by_flux(), case.by_render()) == ("BuildFailed", {"password": "open sesame", "user": "one"})


@pytest.mark.parametrize("spelling", ["patches: [{path: patch.yaml}]", STRATEGIC_MERGE])
def test_a_patch_of_an_encrypted_manifest(case: Case, spelling: str) -> None:
    case.kustomization("resources: [secret.yaml]", spelling)
    case.encrypted("secret.yaml", OTHER_SECRET, *DATA)
    case.encrypted("patch.yaml", SECRET, *DATA)
    assert (case.by_flux(), case.by_render()) == ("BuildFailed", {"password": "open sesame", "user": "one"})


def test_a_plain_value_for_an_encrypted_manifest(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]", "patches: [{path: patch.yaml}]")
    case.encrypted("secret.yaml", SECRET, *DATA)
    case.plain("patch.yaml", PATCH.format("metadata: {name: app}\nstringData: {user: one}"))
    assert (case.by_flux(), case.by_render()) == ("BuildFailed", {"password": "open sesame", "user": "one"})


def test_a_patch_of_operations(case: Case) -> None:
    operations = "- op: replace\n  path: /stringData/password\n  value: open sesame\n"
    target = "{version: v1, kind: Secret, name: app}"
    case.kustomization("resources: [secret.yaml]", f"patchesJson6902: [{{target: {target}, path: patch.operations}}]")
    case.plain("secret.yaml", OTHER_SECRET)
    case.encrypted("patch.operations", operations)
    assert (case.by_flux(), case.by_render()) == ("BuildFailed", {"password": "open sesame", "user": "one"})


def test_a_file_whose_name_tells_another_format(case: Case) -> None:
    case.kustomization("secretGenerator: [{name: app, files: [values.tpl]}]")
    case.encrypted("values.tpl", "a: one\n", "--input-type", "yaml", "--output-type", "yaml")
    assert (case.by_flux(), case.by_render()) == ("BuildFailed", {"values.tpl": "a: one\n"})


def test_a_manifest_that_is_encrypted_as_a_whole(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]")
    case.encrypted("secret.yaml", SECRET)
    assert (case.by_flux(), case.by_render()) == ("BuildFailed", {"password": "open sesame"})


# --- not rendered by sopskit


def test_a_value_that_was_changed_by_somebody_without_the_key(case: Case) -> None:
    """The MAC of the file does not fit."""
    case.kustomization("resources: [secret.yaml]")
    case.encrypted("secret.yaml", SECRET + "type: example.org/old\n", *DATA)
    path = case.folder / "secret.yaml"
    path.write_text(path.read_text().replace("example.org/old", "example.org/new"))
    assert (case.by_flux(), case.by_render()) == ({"password": "open sesame"}, "MacMismatchError")


def test_a_value_that_was_taken_out_by_somebody_without_the_key(case: Case) -> None:
    case.kustomization("resources: [secret.yaml]")
    case.encrypted("secret.yaml", SECRET + "    other: two\n", *DATA)
    path = case.folder / "secret.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "other" not in line))
    assert (case.by_flux(), case.by_render()) == ({"password": "open sesame"}, "MacMismatchError")
