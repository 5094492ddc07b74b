"""Kubernetes objects in documents."""

from __future__ import annotations

import pytest

from sopskit.document import Document, format_for_name, parse
from sopskit.manifest import Identity, effective_data, objects, would_encrypt_identity

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: one, namespace: dev, labels: {name: not-this}}
data:
  only: b25l
  both: b2xk
  broken: "?"
stringData:
  both: new
  number: 12
"""
CONFIGMAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data: {a: text}
binaryData: {b: AAE=}
"""
LIST = """\
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Secret, metadata: {name: first}, stringData: {a: x}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: second}}
"""


def read(text: str) -> Document:
    return parse(text.encode(), format_for_name("yaml"))


def test_an_object_is_known_by_kind_namespace_and_name() -> None:
    found = objects(read(f"{SECRET}---\nnot: an object\n---\n{CONFIGMAP}"))
    assert [(obj.document, obj.identity) for obj in found] == [
        (0, Identity("Secret", "dev", "one")),
        (2, Identity("ConfigMap", "", "two")),
    ]
    assert [str(obj.identity) for obj in found] == ["Secret dev/one", "ConfigMap two"]


def test_the_items_of_a_list_are_objects() -> None:
    found = objects(read(LIST))
    assert [(obj.path, str(obj.identity)) for obj in found] == [
        ((), "List "),
        (("items", 0), "Secret first"),
        (("items", 1), "ConfigMap second"),
    ]
    assert list(effective_data(found[1])) == ["a"]


@pytest.mark.parametrize("text", ["a: 1\n", "kind: Secret\n", "apiVersion: v1\n", "apiVersion: v1\nkind: ''\n"])
def test_other_documents_hold_no_object(text: str) -> None:
    assert not objects(read(text))


def test_a_json_file_may_be_a_manifest() -> None:
    assert objects(parse(b'{"apiVersion": "v1", "kind": "Secret"}', format_for_name("json")))


def test_string_data_wins_over_data_and_base64_is_undone() -> None:
    (secret,) = objects(read(SECRET))
    entries = effective_data(secret)
    assert {key: (entry.field, entry.value("Secret")) for key, entry in entries.items()} == {
        "only": ("data", b"one"),
        "both": ("stringData", b"new"),
        "broken": ("data", None),
        "number": ("stringData", b"12"),
    }


def test_only_the_binary_data_of_a_configmap_is_base64() -> None:
    (configmap,) = objects(read(CONFIGMAP))
    assert {key: entry.value("ConfigMap") for key, entry in effective_data(configmap).items()} == {
        "a": b"text",
        "b": b"\0\1",
    }


def test_other_kinds_have_no_data() -> None:
    (other,) = objects(read("apiVersion: v1\nkind: Pod\ndata: {a: b}\n"))
    assert effective_data(other) == {}


def test_an_object_shows_no_values() -> None:
    (secret,) = objects(read(SECRET))
    assert repr(secret) == "KubernetesObject(0, (), Identity(kind='Secret', namespace='dev', name='one'))"


def test_the_first_part_of_the_identity_that_a_rule_hides_is_named() -> None:
    document = read(SECRET)
    everything = {leaf.path for leaf in document.leaves()}
    assert would_encrypt_identity(document, everything) == ("apiVersion",)
    assert would_encrypt_identity(document, {("metadata", "labels", "name"), ("data", "only")}) == (
        "metadata",
        "labels",
        "name",
    )
    assert would_encrypt_identity(document, {("data", "only")}) is None
    assert would_encrypt_identity(read("metadata: {name: x}\n"), {("metadata", "name")}) is None


def test_an_item_of_a_list_has_an_identity_to_be_hidden() -> None:
    document = read(LIST)
    assert would_encrypt_identity(document, {("items", 1, "kind")}) == ("items", 1, "kind")
    assert would_encrypt_identity(document, {("items", 0, "stringData", "a")}) is None
