"""Whether applying an object would change nothing, told from the live object alone.

The live object's managed fields say which fields we applied last time, and its values are there to be compared. So no
digest of a secret has to be kept in an annotation, where it would be a way to try guesses, and an object that is as it
should be costs no request of its own: a list of its kind and namespace brought it.
Only maps of scalars are decided here. Lists that the schema merges by key, and what a schema gives defaults to, are
left to the server's own dry run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.cluster.connection import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    Object = dict[str, Any]

# what the API server itself says of an object and changes by each write, or names it by
IMPLIED = frozenset(("apiVersion", "kind"))
IMPLIED_METADATA = frozenset(("name", "namespace"))
NOISE = frozenset(("resourceVersion", "generation", "managedFields", "creationTimestamp", "uid", "selfLink"))


def is_applied(wanted: Object, live: Object) -> bool:
    """Whether our last apply sent exactly these fields, and all of them still have these values. False if in doubt."""
    sent = _fields_sent(live, wanted["apiVersion"])
    if sent is None:
        return False
    content = {key: value for key, value in wanted.items() if key not in IMPLIED}
    content["metadata"] = {key: value for key, value in wanted["metadata"].items() if key not in IMPLIED_METADATA}
    if not content["metadata"]:
        del content["metadata"]
    return _same_fields(content, sent) and _same_values(content, live)


def _fields_sent(live: Object, api_version: str) -> Mapping[str, Any] | None:
    for entry in live.get("metadata", {}).get("managedFields") or ():
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            fields = entry.get("fieldsV1")
            return fields if entry.get("apiVersion") == api_version and isinstance(fields, dict) else None
    return None


def _same_fields(wanted: Object, sent: Mapping[str, Any]) -> bool:
    """The keys are the same at every depth. See sigs.k8s.io/structured-merge-diff/fieldpath for `f:` and `.`."""
    if {f"f:{key}" for key in wanted} != sent.keys() - {"."}:
        return False
    for key, value in wanted.items():
        inner = sent[f"f:{key}"]
        if isinstance(value, dict) and inner:
            if not _same_fields(value, inner):
                return False
        elif inner or value is None or isinstance(value, list) or (isinstance(value, dict) and value):
            # a list, or a map that is one value for the schema: the server's to decide
            return False
    return True


def _same_values(wanted: Any, live: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(key in live and _same_values(wanted[key], live[key]) for key in wanted)
    return type(wanted) is type(live) and bool(wanted == live)


def without_noise(content: Object) -> Object:
    """An object without what every write changes, so that a dry run's answer can be compared with the live object.

    Of the managed fields only ours stay: for an object that nobody has applied yet, a trial invents another manager.
    """
    metadata = {key: value for key, value in content.get("metadata", {}).items() if key not in NOISE}
    metadata["managedFields"] = _fields_sent(content, content.get("apiVersion", ""))
    return {**content, "metadata": metadata}
