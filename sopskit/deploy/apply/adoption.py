"""Fields that another tool has applied so far are taken over: only from the tools that a person names.

The other managers' entries are merged into ours before the object is applied, as kubectl does when it goes from client-side to
server-side apply (k8s.io/client-go/util/csaupgrade). To force the conflicts would not be enough: a field with the same
value would stay theirs too, and would outlive its removal from the manifest. What they owned and the manifest does not
have, `kubectl.kubernetes.io/last-applied-configuration` with its values in plain text above all, goes away by that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.cluster.connection import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Object = dict[str, Any]

# how the field managers of a tool start
TOOLS = {
    "kubectl": ("kubectl", "before-first-apply"),
    "flux": ("kustomize-controller",),
}


def is_adopted(manager: str, tools: Iterable[str]) -> bool:
    """Whether a field manager is one of these tools."""
    return any(manager.startswith(TOOLS[tool]) for tool in tools)


def adoptable(live: Mapping[str, Any] | None, api_version: str, tools: Collection[str]) -> list[Object]:
    """The entries of the tools in an object's managed fields; those of subresources and other versions are left alone."""
    entries = (live or {}).get("metadata", {}).get("managedFields") or ()
    return [
        entry
        for entry in entries
        if is_adopted(str(entry.get("manager", "")), tools)
        and entry.get("apiVersion") == api_version
        and not entry.get("subresource")
    ]


def take_over(live: Object, api_version: str, tools: Collection[str]) -> list[Object]:
    """A JSON patch (RFC 6902) after which we own what the tools own; it fails if the object is another one by then."""
    metadata = live["metadata"]
    theirs = adoptable(live, api_version, tools)
    rest = [entry for entry in metadata["managedFields"] if entry not in theirs]
    ours = next((entry for entry in rest if _is_ours(entry, api_version)), None)
    fields: Object = {}
    for entry in [*theirs, *([ours] if ours is not None else [])]:
        fields = _union(fields, entry.get("fieldsV1") or {})
    merged = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [*(entry for entry in rest if entry is not ours), merged],
        },
    ]


def _is_ours(entry: Mapping[str, Any], api_version: str) -> bool:
    wanted = (FIELD_MANAGER, "Apply", api_version)
    return (entry.get("manager"), entry.get("operation"), entry.get("apiVersion")) == wanted


def _union(one: Object, other: Object) -> Object:
    """Two sets of fields as one."""
    return one | {key: _union(one.get(key, {}), value) for key, value in other.items()}
