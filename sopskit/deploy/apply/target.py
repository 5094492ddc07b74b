"""An object on its way to the API server: what it is called, and what is sent of it."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.opening import ANNOTATION, TOKEN_START, is_opt_out
from sopskit.errors import RefusedError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.deploy.objects import PlainObject

OWNER = "sopskit/inventory"  # the label that says which inventory an object is in
# what kubectl's client-side apply keeps: the whole manifest in plain text
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
TOKEN_TEXT = TOKEN_START.decode()
SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
GROUP = re.compile(r"(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?\Z")
VERSION = re.compile(r"(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[a-z0-9]+\Z")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}\Z")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
ENCRYPTED_HINT = "nothing was sent; give the key that opens it, or say in its annotation that it stays encrypted"


class ObjectId(NamedTuple):
    """What an object is called in a cluster, whatever version of its kind it is written in."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Secret dev/service1`, `Widget.example.org dev/one`."""
        kind = f"{self.kind}.{self.group}" if "." in self.group and not self.group.endswith(".k8s.io") else self.kind
        return escape(f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}")


class Target:
    """An object that shall be in the cluster. Prints as its id."""

    __slots__ = ("api_version", "content", "id")

    def __init__(self, id: ObjectId, api_version: str, content: dict[str, Any]) -> None:
        """Made by `targets`. `content` is what is sent."""
        self.id = id
        self.api_version = api_version
        self.content = content

    def body(self) -> bytes:
        """The request's."""
        return json.dumps(self.content, separators=(",", ":")).encode()

    def placed(self, namespace: str, owner: str) -> Target:
        """The same in its namespace (empty for a kind that is in none), labelled with its owner if there is one."""
        metadata = dict(self.content["metadata"])
        if namespace:
            metadata["namespace"] = namespace
        if owner:
            metadata["labels"] = {**(metadata.get("labels") or {}), OWNER: owner}
        return Target(self.id._replace(namespace=namespace), self.api_version, {**self.content, "metadata": metadata})

    def named(self, name: str) -> Target:
        """The same under another name."""
        content = {**self.content, "metadata": {**self.content["metadata"], "name": name}}
        return Target(self.id._replace(name=name), self.api_version, content)

    def __repr__(self) -> str:
        """Which object."""
        return f"<{self.id}>"


def target(obj: PlainObject) -> Target:
    """What is sent of an object; a Secret's `stringData` is folded into its `data`. The owner's label is left to `placed`.

    Under server-side apply one would own the field `stringData`, which is never stored: a key taken out of it would
    stay in `data` for ever (kubernetes/kubernetes#108008). Raises `RefusedError` for what is still encrypted, for a
    Secret whose entries are no text or no base64, and for names that no URL of the API can hold.
    """
    id = ObjectId(obj.api_version.rpartition("/")[0], obj.kind, obj.namespace, obj.name)
    if not (VERSION.match(obj.api_version) and is_possible(id)):
        raise RefusedError(f"{id}: its apiVersion, kind, namespace or name is none that a cluster can have")
    content = dict(obj.reveal())
    for field in ("labels", "annotations"):
        if not isinstance(content["metadata"].get(field) or {}, dict):
            raise RefusedError(f"{id}: metadata.{field} is no mapping")
    metadata = {key: value for key, value in content["metadata"].items() if key not in SERVER_FIELDS}
    for field, name in (("annotations", LAST_APPLIED), ("labels", OWNER)):
        if name in (metadata.get(field) or {}):
            metadata[field] = {key: value for key, value in metadata[field].items() if key != name}
    content["metadata"] = metadata
    content.pop("status", None)
    if not is_opt_out((metadata.get("annotations") or {}).get(ANNOTATION)):
        _refuse_encrypted(content, id)
        _refuse_encoded(content, id)
    if obj.kind == "Secret" and obj.api_version == "v1":
        _fold(content, id)
    if obj.kind == "ConfigMap" and obj.api_version == "v1":
        _refuse_other_than_text(content, id)
    return Target(id, obj.api_version, content)


def is_possible(id: ObjectId) -> bool:
    """Whether a cluster can have an object that is called so. Other names could lead to another object's URL."""
    return bool(
        GROUP.match(id.group)
        and KIND.match(id.kind)
        and (not id.namespace or LABEL.match(id.namespace))
        and id.name not in {"", ".", ".."}
        and not set("/%") & set(id.name)
        and id.name.isascii()
        and id.name.isprintable()
        and len(id.name) <= 253
    )


def _refuse_encrypted(content: dict[str, Any], id: ObjectId) -> None:
    if "sops" in content or any(TOKEN_TEXT in text for text in _texts(content)):
        raise RefusedError(f"{id}: is still encrypted", hint=ENCRYPTED_HINT)


def _refuse_encoded(content: dict[str, Any], id: ObjectId) -> None:
    """The same for the bytes of a ConfigMap, where the token is hidden by base64."""
    entries = content.get("binaryData")
    if id.kind != "ConfigMap" or not isinstance(entries, dict):
        return
    for key, value in entries.items():
        if isinstance(value, str) and TOKEN_START in _decoded(value, f"{id}: binaryData.{escape(key)}"):
            raise RefusedError(f"{id}: binaryData.{escape(key)} is still encrypted", hint=ENCRYPTED_HINT)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _fold(content: dict[str, Any], id: ObjectId) -> None:
    """Put `stringData` over `data`, as the API server does; look into every value."""
    data: dict[str, str] = {}
    for field in ("data", "stringData"):
        entries = content.pop(field, None)
        if entries is not None and not isinstance(entries, dict):
            raise RefusedError(f"{id}: {field} is no mapping")
        for key, value in (entries or {}).items():
            data[key] = _value(value, field, f"{id}: {field}.{escape(key)}")
    if data:
        content["data"] = data


def _refuse_other_than_text(content: dict[str, Any], id: ObjectId) -> None:
    """The API server would quote such a value, a decrypted one perhaps, in its own log."""
    for field in ("data", "binaryData"):
        entries = content.get(field)
        for key, value in entries.items() if isinstance(entries, dict) else ():
            if value is not None and not isinstance(value, str):
                raise RefusedError(f"{id}: {field}.{escape(str(key))} is no text", hint="put the value in quotes")


def _value(value: Any, field: str, place: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusedError(f"{place} is no text", hint="put the value in quotes")
    if field == "stringData":
        try:
            return b64encode(value.encode()).decode()
        except UnicodeEncodeError:
            raise RefusedError(f"{place} is no UTF-8", hint="put it in data, as base64") from None
    decoded = _decoded(value, place)
    if TOKEN_START in decoded:
        raise RefusedError(f"{place} is still encrypted", hint=ENCRYPTED_HINT)
    # without the line breaks of kustomize's generators: the server keeps none, and would see a change each time
    return b64encode(decoded).decode()


def _decoded(value: str, place: str) -> bytes:
    try:
        return b64decode("".join(value.split("\n")), validate=True)
    except ValueError:
        raise RefusedError(f"{place} is no base64") from None
