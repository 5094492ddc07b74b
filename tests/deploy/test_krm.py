"""The KRM generator: what it takes, what it refuses, what it hands back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sopskit.deploy import krm
from sopskit.deploy.opening import SourceOpener
from sopskit.errors import (
    FileAccessError,
    KeyAccessError,
    MacMismatchError,
    NotEncryptedError,
    RefusedError,
    SopskitError,
    UsageError,
)
from sopskit.sops.masterkeys import FixedKeyring

if TYPE_CHECKING:
    from tests.deploy.conftest import Tree

CONFIG = {"apiVersion": "sopskit/v1", "kind": "SopsGenerator", "metadata": {"name": "g"}, "files": ["secret.yaml"]}
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\nstringData:\n  password: canary-41c7\n"
CONFIGMAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: two\ndata:\n  level: canary-info\n"
DATA = ("--encrypted-regex", "^(data|stringData)$")


def request(config: object = CONFIG, items: object = (), **changed: object) -> bytes:
    content = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": items}
    return json.dumps({**content, "functionConfig": config, **changed}).encode()


def generated(tree: Tree, opener: SourceOpener, *files: str, folder: str = ".") -> list[dict[str, Any]]:
    place = (tree.folder / folder).resolve()
    return [obj.reveal() for obj in krm.generate(krm.Generator("g", files), place, tree.folder, opener)]


# --- the request


@pytest.mark.parametrize("items", [[], [CONFIG], None])
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_generator_is_read(items: object, version: str) -> None:
    text = request(items=items, apiVersion=f"config.kubernetes.io/{version}")
    assert krm.read_request(text) == krm.Generator("g", ("secret.yaml",))


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "sops": {}}, "Secret"),
        ({**CONFIG, "apiVersion": "other/v1"}, "SopsGenerator"),
        ({"kind": 7}, "an item"),
        ("canary", "an item"),
    ],
)
def test_a_transformer_is_refused_by_name(item: object, shown: str) -> None:
    with pytest.raises(RefusedError) as caught:
        krm.read_request(request(items=[CONFIG, item]))
    assert caught.value.message == (
        f"a transformer cannot verify a MAC, and {shown} was given to be transformed: kustomize has rewritten it already"
    )
    assert "under generators" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "standard input is no ResourceList"),
        (b"a: [canary", "standard input cannot be read as YAML"),
        (b"canary", "standard input is no ResourceList"),
        (b"{}\n---\n{}\n", "standard input is no ResourceList"),
        (request(apiVersion="config.kubernetes.io/v9"), "standard input is no ResourceList"),
        (request(None), "the ResourceList has no functionConfig"),
        (request({**CONFIG, "kind": "ksops"}), "the functionConfig is no SopsGenerator of sopskit/v1"),
        (request({**CONFIG, "secretFrom": "canary"}), "a SopsGenerator has no field secretFrom"),
        (request({**CONFIG, "files": []}), "the SopsGenerator names no files"),
        (request({**CONFIG, "files": "canary"}), "the SopsGenerator names no files"),
        (request({**CONFIG, "files": [7, "canary"]}), "the files of the SopsGenerator must be names"),
    ],
)
def test_what_is_no_request_is_refused_and_not_quoted(text: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        krm.read_request(text)
    assert str(caught.value) == message


# --- the files


def test_objects_come_in_the_order_of_the_files(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("secret.yaml", SECRET, *DATA)
    tree.encrypted("more/whole.yaml", f"{CONFIGMAP}---\n{SECRET.replace('one', 'three')}")
    objects = generated(tree, opener, "more/whole.yaml", "./secret.yaml")
    assert [obj["metadata"]["name"] for obj in objects] == ["two", "three", "one"]
    assert objects[2]["stringData"] == {"password": "canary-41c7"}


def test_a_file_beside_the_folder_is_read_within_the_root(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("base/secret.yaml", SECRET, *DATA)
    tree.plain("dev/kustomization.yaml", "")
    assert len(generated(tree, opener, "../base/secret.yaml", folder="dev")) == 1


@pytest.mark.parametrize("name", ["../secret.yaml", "x/../../secret.yaml", "/etc/passwd", "a\0b"])
def test_a_name_that_leads_out_is_refused(tree: Tree, opener: SourceOpener, name: str) -> None:
    (tree.folder.parent / "secret.yaml").write_text("canary")
    with pytest.raises(RefusedError, match="names a file outside of the folder"):
        generated(tree, opener, name)


@pytest.mark.parametrize("link", ["secret.yaml", "folder"])
def test_a_link_that_leads_out_is_refused(tree: Tree, opener: SourceOpener, link: str) -> None:
    outside = tree.folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text("canary")
    (tree.folder / link).symlink_to(outside if link == "folder" else outside / "secret.yaml")
    with pytest.raises(RefusedError, match="leads out of the tree"):
        generated(tree, opener, "folder/secret.yaml" if link == "folder" else link)


def test_a_plain_file_is_refused(tree: Tree, opener: SourceOpener) -> None:
    tree.plain("secret.yaml", SECRET)
    with pytest.raises(NotEncryptedError, match=r"^secret.yaml: the file is not encrypted") as caught:
        generated(tree, opener, "secret.yaml")
    assert caught.value.hint == "list it under resources"


def test_a_file_that_is_missing_is_named_as_in_the_configuration(tree: Tree, opener: SourceOpener) -> None:
    with pytest.raises(FileAccessError, match=r"^none.yaml: cannot be read: no such file or directory$"):
        generated(tree, opener, "none.yaml")


def test_one_bad_file_spoils_all(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("good.yaml", SECRET, *DATA)
    path = tree.encrypted("bad.yaml", SECRET, *DATA)
    path.write_text(path.read_text().replace("name: one", "name: other"))
    with pytest.raises(MacMismatchError, match=r"^bad.yaml: "):
        generated(tree, opener, "good.yaml", "bad.yaml")


def test_a_file_for_others_is_an_error(tree: Tree) -> None:
    tree.encrypted("secret.yaml", SECRET, *DATA)
    with pytest.raises(KeyAccessError, match=r"^secret.yaml: "):
        generated(tree, SourceOpener(FixedKeyring(())), "secret.yaml")


# --- the response


def test_objects_are_handed_back(tree: Tree, opener: SourceOpener) -> None:
    tree.encrypted("secret.yaml", SECRET, *DATA)
    objects = krm.generate(krm.Generator("g", ("secret.yaml",)), tree.folder, tree.folder, opener)
    assert yaml.safe_load(krm.write_response(objects)) == {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [yaml.safe_load(SECRET)],
    }


def test_a_failure_is_a_result_without_items() -> None:
    error = SopskitError("it is wrong").at(file="secret.yaml", line=3)
    assert yaml.safe_load(krm.write_failure(error)) == {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [],
        "results": [
            {"message": "secret.yaml:3: it is wrong", "severity": "error", "file": {"path": "secret.yaml"}},
        ],
    }
