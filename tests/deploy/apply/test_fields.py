"""Whether applying would change nothing, told from the live object."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sopskit.deploy.apply.fields import is_applied

WANTED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "app", "namespace": "dev", "labels": {"a": "b"}},
    "data": {"x": "b25l", "y": "dHdv"},
}
LIVE: dict[str, Any] = {
    **WANTED,
    "type": "Opaque",
    "metadata": {
        **WANTED["metadata"],
        "uid": "1",
        "managedFields": [
            {"manager": "other", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:type": {}}},
            {
                "manager": "sopskit",
                "operation": "Apply",
                "apiVersion": "v1",
                "fieldsV1": {"f:data": {"f:x": {}, "f:y": {}}, "f:metadata": {"f:labels": {"f:a": {}}}},
            },
        ],
    },
}


def changed(content: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    result: dict[str, Any] = copy.deepcopy(content)
    *outer, last = path.split("/")
    inner: Any = result
    for part in outer:
        inner = inner[int(part) if part.isdigit() else part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return result


def test_the_same_fields_with_the_same_values_need_nothing() -> None:
    assert is_applied(WANTED, LIVE)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        (changed(WANTED, "data/x", "b3RoZXI="), LIVE),
        (changed(WANTED, "data/x", None), LIVE),
        (changed(WANTED, "data/z", "eg=="), LIVE),
        (changed(WANTED, "metadata/labels/a", "c"), LIVE),
        (changed(WANTED, "apiVersion", "v2"), LIVE),
        (changed(WANTED, "type", "Opaque"), LIVE),
        (WANTED, changed(LIVE, "data/x", "ZHJpZnQ=")),
        (WANTED, changed(LIVE, "data/x", None)),
        (WANTED, changed(LIVE, "metadata/managedFields/1/manager", "kubectl")),
        (WANTED, changed(LIVE, "metadata/managedFields/1/operation", "Update")),
        (WANTED, changed(LIVE, "metadata/managedFields", [])),
        (changed(WANTED, "data", ["x"]), changed(LIVE, "data", ["x"])),
    ],
)
def test_any_difference_or_doubt_is_left_to_the_server(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    assert not is_applied(wanted, live)


def test_true_is_not_one() -> None:
    managed = [{**LIVE["metadata"]["managedFields"][1], "fieldsV1": {"f:spec": {"f:a": {}}}}]
    live = {"apiVersion": "v1", "kind": "W", "metadata": {"name": "w", "managedFields": managed}, "spec": {"a": 1}}
    assert is_applied({**live, "metadata": {"name": "w"}}, live)
    assert not is_applied({**live, "metadata": {"name": "w"}, "spec": {"a": True}}, live)
