"""What is sent of an object, and what is refused before any request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sopskit.deploy.apply.target import Target, target
from sopskit.deploy.objects import read_objects
from sopskit.errors import RefusedError

TOKEN = "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]"
OPT_OUT = {"kustomize.toolkit.fluxcd.io/decrypt": "disabled"}


def made(content: dict[str, Any]) -> Target:
    (obj,) = read_objects(json.dumps(content).encode())
    return target(obj)


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, **fields}


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}}


def test_string_data_is_folded_over_data() -> None:
    content = made(secret(data={"a": "b25l", "b": "dHdv"}, stringData={"b": "2", "c": "☃"})).content
    assert content == secret(data={"a": "b25l", "b": "Mg==", "c": "4piD"})


def test_what_the_server_says_of_an_object_is_not_sent() -> None:
    metadata = {"name": "app", "uid": "1", "resourceVersion": "2", "managedFields": [], "labels": {"a": "b"}}
    sent = made(secret(metadata=metadata, status={"a": "b"})).content
    assert sent == secret(metadata={"name": "app", "labels": {"a": "b"}})


def test_the_manifest_that_kubectl_keeps_is_taken_out() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}
    sent = made(secret(metadata={"name": "app", "annotations": annotations})).content
    assert sent["metadata"]["annotations"] == {"a": "b"}


def test_a_manifest_does_not_say_which_inventory_it_is_in() -> None:
    labels = {"sopskit/inventory": "theirs", "a": "b"}
    sent = made(secret(metadata={"name": "app", "labels": labels}))
    assert sent.content["metadata"]["labels"] == {"a": "b"}
    placed = sent.placed("dev", "ours").content["metadata"]["labels"]
    assert placed == {"a": "b", "sopskit/inventory": "ours"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (secret(stringData={"a": TOKEN}), "Secret app: is still encrypted"),
        (secret(data={"a": TOKEN}), "Secret app: is still encrypted"),
        (secret(data={"a": "RU5DW0FFUzI1Nl9HQ00sZGF0YTo="}), "Secret app: data.a is still encrypted"),
        (secret(sops={"mac": "x"}), "Secret app: is still encrypted"),
        (secret(metadata={"name": "app", "annotations": {"a": TOKEN}}), "Secret app: is still encrypted"),
        (secret(data={"a": "not base64!"}), "Secret app: data.a is no base64"),
        (secret(data={"a": 5}), "Secret app: data.a is no text"),
        (secret(data={"a": ["b"]}), "Secret app: data.a is no text"),
        (secret(stringData={"a": 1.5}), "Secret app: stringData.a is no text"),
        (secret(stringData={TOKEN: "a"}), "Secret app: is still encrypted"),
        (secret(metadata={"name": "app", "labels": ["a"]}), "Secret app: metadata.labels is no mapping"),
        (
            {**CONFIG_MAP, "binaryData": {"a": "RU5DW0FFUzI1Nl9HQ00sZGF0YTo="}},
            "ConfigMap app: binaryData.a is still encrypted",
        ),
        ({**CONFIG_MAP, "binaryData": {"a": "no base64!"}}, "ConfigMap app: binaryData.a is no base64"),
        ({**CONFIG_MAP, "data": {"a": f"sops: {TOKEN}"}}, "ConfigMap app: is still encrypted"),
        (secret(stringData={"a": True}), "Secret app: stringData.a is no text"),
        (secret(stringData=["a"]), "Secret app: stringData is no mapping"),
        (
            {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": [TOKEN]}},
            "Widget.example.org w: is still encrypted",
        ),
    ],
)
def test_what_no_cluster_should_see_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        made(content)
    assert str(caught.value) == message


def test_what_shall_stay_encrypted_is_sent() -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "annotations": OPT_OUT}}
    assert made({**widget, "spec": {"a": TOKEN}, "sops": {}}).content == {**widget, "spec": {"a": TOKEN}, "sops": {}}


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"name": ".."}},
        {"metadata": {"name": "a/../../x"}},
        {"metadata": {"name": "a%2fb"}},
        {"metadata": {"name": "app", "namespace": "../x"}},
        {"kind": "Secret/x"},
        {"apiVersion": "v1/../../x"},
        {"apiVersion": "../v1"},
    ],
)
def test_names_that_would_lead_to_another_url_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="none that a cluster can have"):
        made({**secret(), **fields})


def test_a_target_prints_no_value() -> None:
    assert repr(made(secret(stringData={"a": "canary"}))) == "<Secret app>"


@pytest.mark.parametrize("entries", [{"data": {"a": 12345}}, {"data": {"a": {"b": "c"}}}, {"binaryData": {"a": [1]}}])
def test_entries_of_a_config_map_that_are_no_text_are_refused(entries: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        made({**CONFIG_MAP, **entries})
    (field,) = entries
    assert caught.value.message == f"ConfigMap app: {field}.a is no text"
