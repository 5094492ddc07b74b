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


@pytest.mark.parametrize("text", ["a: 1\n", "kind: Role\n", "apiVersion: v1\n", "apiVersion: v1\nkind: ''\n"])
def test_other_documents_hold_no_object(text: str) -> None:
    assert not objects(read(text))


def found(text: str) -> list[tuple[str, list[str]]]:
    """Each object, and the keys of its data in effect."""
    return [(str(obj.identity), list(effective_data(obj))) for obj in objects(read(text))]


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_a_secret_or_configmap_is_known_without_its_api_version(kind: str) -> None:
    assert found(f"kind: {kind}\nmetadata: {{name: x}}\ndata: {{a: b}}\n") == [(f"{kind} x", ["a"])]


def test_the_items_of_a_list_have_its_kind_where_they_name_none() -> None:
    items = "items: [{metadata: {name: x}, data: {a: b}}, {apiVersion: v1, kind: ConfigMap, metadata: {name: y}}]"
    secrets = [("SecretList ", []), ("Secret x", ["a"]), ("ConfigMap y", [])]
    assert found(f"apiVersion: v1\nkind: SecretList\n{items}\n") == secrets
    assert found(f"kind: SecretList\n{items}\n") == secrets
    assert found(f"apiVersion: v1\nkind: RoleList\n{items}\n")[1] == ("Role x", [])
    assert found(f"kind: ShoppingList\n{items}\n") == [("ConfigMap y", [])]


def test_lists_stand_in_lists() -> None:
    inner = "{apiVersion: v1, kind: List, items: [{kind: Secret, metadata: {name: x}, stringData: {a: b}}]}"
    assert found(f"apiVersion: v1\nitems: [{inner}, {{kind: Secret, data: {{c: d}}}}]\nkind: List\n") == [
        ("List ", []),
        ("List ", []),
        ("Secret x", ["a"]),
        ("Secret ", ["c"]),
    ]


def test_merge_keys_are_followed() -> None:
    base = "x: &x {apiVersion: v1, kind: Secret, metadata: {namespace: dev, name: x}, stringData: {a: 1, b: 2}}\n"
    assert found(f"{base}<<: *x\nmetadata: {{name: own}}\n") == [("Secret dev/own", ["a", "b"])]
    data = "x: &x {a: 1}\ny: &y {b: 2}\nkind: Secret\n"
    assert found(f"{data}stringData: {{<<: [*x, *y], c: 3}}\n") == [("Secret ", ["a", "b", "c"])]
    assert found(f"{data}z: &z {{<<: *x}}\ndata: {{<<: *z}}\n") == [("Secret ", ["a"])]
    items = "x: &x {kind: List, items: [{kind: Secret, data: {a: b}}]}\n"
    assert found(f"{items}<<: *x\n") == [("List ", []), ("Secret ", ["a"])]


def test_what_is_written_wins_over_what_is_merged_and_of_that_the_first() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {a: 2, b: 2}\nkind: Secret\nstringData: {b: 3, <<: [*x, *y]}\n"
    (secret,) = objects(read(text))
    assert {key: entry.leaf.value for key, entry in effective_data(secret).items()} == {"b": "3", "a": "1"}


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
