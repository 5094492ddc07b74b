"""VAL07 and VAL08: secrets that lost what they need, or that Kubernetes will not take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit import manifest
from sopskit.document.model import position
from sopskit.redact import escape_path
from sopskit.review.findings.opened import undo_base64
from sopskit.review.findings.policy import FilePolicy, Hit, place
from sopskit.review.sides import is_empty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.document import Document, Leaf
    from sopskit.review.compare import Place, State
    from sopskit.review.findings.subject import Subject
    from sopskit.review.sides import Side

# the keys that the API server demands by type (ValidateSecret in Kubernetes' pkg/apis/core/validation)
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
ONE_OF: Mapping[str, tuple[str, ...]] = {"kubernetes.io/basic-auth": ("username", "password")}
JSON_KEYS = frozenset((".dockerconfigjson", ".dockercfg"))
ENTRY_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}")
NO_TEXT = {"int": "a number", "uint64": "a number", "float": "a number", "bool": "a boolean"}
TYPES = {"str": "text", "time": "a time", "null": "nothing", **NO_TEXT}
# filled in by Flux or a template before Kubernetes sees it
SUBSTITUTED = re.compile(r"\$\{|\{\{")


class Entry(NamedTuple):
    """An entry of an object as it is written: `data` is None where it is encrypted and no private key opened it."""

    field: str
    key: str
    leaf: Leaf
    place: Place
    type: str
    data: bytes | None

    def __repr__(self) -> str:
        """Where, not what."""
        return f"Entry({self.field!r}, {self.key!r})"


def val07(subject: Subject) -> Iterator[Hit]:
    """An encrypted value got another type, was emptied, or a key that its Secret's type demands was deleted."""
    head = subject.sides.head
    if head is None or head.document is None:
        return
    states = subject.comparison.states
    for at, old in states.base.items():
        new = states.head.get(at)
        if old.token is None or new is None:
            continue
        hit = _emptied(head.document, new) or _retyped(head.document, old, new)
        if hit is not None:
            yield hit
    yield from _deleted(subject, head)


def _emptied(document: Document, new: State) -> Hit | None:
    is_blank = new.plain is not None and not new.plain.data.strip()
    if not is_blank and not is_empty(new.leaf) and new.leaf.kind != "null":
        return None
    return Hit("{key} was emptied", {"key": escape_path(new.leaf.path)}, **place(document, new.leaf))


def _retyped(document: Document, old: State, new: State) -> Hit | None:
    if old.type == new.type:
        return None
    types = {"old": TYPES.get(old.type, "another type"), "new": TYPES.get(new.type, "another type")}
    args = {"key": escape_path(new.leaf.path), **types}
    return Hit("{key} was {old} and is {new} now", args, **place(document, new.leaf))


def _deleted(subject: Subject, head: Side) -> Iterator[Hit]:
    base = subject.sides.base
    before = {obj.identity: _keys(obj) for obj in _secrets(base)}
    for obj in _secrets(head):
        required = REQUIRED.get(_type(obj), ())
        for key in required:
            if key in before.get(obj.identity, ()) and key not in _keys(obj):
                args = {"key": key, "type": _type(obj)}
                yield Hit("{key} was deleted, and a Secret of type {type} needs it", args, **_at(head, obj))


def val08(subject: Subject) -> Iterator[Hit]:
    """A Secret or ConfigMap that the API server refuses. Looks at those that the change touches."""
    head = subject.sides.head
    if head is None or head.document is None:
        return
    changed = {(one.document, one.path) for one in subject.comparison.changes if one.change != "comment"}
    touched = {(number, path[:depth]) for number, path in changed for depth in range(len(path))}
    states = {state.own_place: state for state in subject.comparison.states.head.values()}
    before = {obj.identity: obj for obj in _secrets(subject.sides.base)}
    is_new = subject.sides.base is None
    for obj in manifest.objects(head.document):
        if obj.identity.kind not in manifest.DATA_FIELDS:
            continue
        if is_new or (obj.document, obj.path) in touched:
            entries = list(_entries(states, obj))
            yield from _refused(head.document, obj, entries, changed if not is_new else None)
            if obj.identity.kind == "Secret":
                yield from _lacking(head, before.get(obj.identity), obj)


def _refused(
    document: Document, obj: manifest.KubernetesObject, entries: list[Entry], changed: set[Place] | None
) -> Iterator[Hit]:
    """Entries that changed, or all of a new file, and that make the object invalid."""
    for entry in entries:
        if changed is not None and (entry.leaf.parent.document, entry.leaf.path) not in changed:
            continue
        message = _problem(entry, obj.identity.kind)
        if message is not None:
            args = {"key": escape_path(entry.leaf.path), "field": entry.field, "what": NO_TEXT.get(entry.type, "")}
            yield Hit(
                message,
                {name: text for name, text in args.items() if f"{{{name}}}" in message},
                **place(document, entry.leaf),
            )


def _problem(entry: Entry, kind: str) -> str | None:
    if ENTRY_NAME.fullmatch(entry.key) is None or entry.key in (".", ".."):
        return "{key} is no name of an entry: letters, digits, dots, dashes and underscores are"
    if kind == "Secret" and entry.type in NO_TEXT:
        return "{key} is {what}, and Kubernetes takes only text there: put it in quotes"
    if entry.data is None:
        return None
    data: bytes | None = entry.data
    if (kind, entry.field) in manifest.BASE64_FIELDS:
        data = undo_base64(entry.data)
        if data is None and SUBSTITUTED.search(entry.leaf.value) is None:
            return "{key} is no base64, as {field} has to be: use stringData for plain text"
    if kind == "Secret" and entry.key in JSON_KEYS and data is not None and not _is_json(data):
        return "{key} is no JSON, as an entry of this name has to be"
    return None


def _is_json(data: bytes) -> bool:
    import json

    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _lacking(head: Side, old: manifest.KubernetesObject | None, obj: manifest.KubernetesObject) -> Iterator[Hit]:
    """Keys that the type demands and that were not there before either; those that were deleted are VAL07's."""
    before = _keys(old) if old is not None else frozenset()
    type, keys = _type(obj), _keys(obj)
    missing = [key for key in REQUIRED.get(type, ()) if key not in keys and key not in before]
    if ONE_OF.get(type) and not keys & set(ONE_OF[type]):
        missing.append(" or ".join(ONE_OF[type]))
    if missing and keys:
        args = {"type": type, "keys": ", ".join(missing)}
        yield Hit("a Secret of type {type} needs {keys}", args, **_at(head, obj))


# --- objects and their entries


def _secrets(side: Side | None) -> list[manifest.KubernetesObject]:
    if side is None or side.document is None:
        return []
    return [obj for obj in manifest.objects(side.document) if obj.identity.kind == "Secret"]


def _keys(obj: manifest.KubernetesObject) -> frozenset[str]:
    return frozenset(manifest.effective_data(obj))


def _type(obj: manifest.KubernetesObject) -> str:
    """The Secret's type; one that is encrypted or unknown demands nothing."""
    found = next((leaf.value for leaf in obj.leaves if leaf.path[len(obj.path) :] == ("type",)), "")
    return found if found in REQUIRED or found in ONE_OF else ""


def _at(head: Side, obj: manifest.KubernetesObject) -> dict[str, Any]:
    """Where an object's kind is named, or else where it begins."""
    kinds = (leaf for leaf in obj.leaves if leaf.path[len(obj.path) :] == ("kind",))
    leaf = next(kinds, obj.leaves[0])
    line = position(head.document.text, leaf.start)[0] if head.document is not None else 0
    return {"document": obj.document, "line": line}


def _entries(states: Mapping[Place, State], obj: manifest.KubernetesObject) -> Iterator[Entry]:
    """What stands in the fields of an object, those entries included that another field hides."""
    for leaf in obj.leaves:
        field = obj.own_path(leaf.parent)
        if len(field) != 1 or field[0] not in manifest.DATA_FIELDS[obj.identity.kind]:
            continue
        at = (obj.document, leaf.path)
        state = states.get(at)
        encrypted = state is not None and state.token is not None
        opened = state.plain.data if state is not None and state.plain is not None else None
        type = state.type if state is not None else leaf.kind
        yield Entry(str(field[0]), str(leaf.key), leaf, at, type, opened if encrypted else leaf.data)


POLICIES = (
    FilePolicy(
        "VAL07",
        "high",
        "a secret lost its type, its content or a key that it needs",
        why="A number where there was text, an empty value, or a missing key is what programs stumble over first, and ciphertext "
        "does not show it.",
        remedy="restore the value, or make sure that nothing uses it any more",
        find=val07,
        key="helps",
    ),
    FilePolicy(
        "VAL08",
        "block",
        "a Secret or ConfigMap that Kubernetes refuses",
        why="The API server checks the names of entries, the base64 in data, and the entries that a Secret's type demands. One "
        "wrong entry, and nothing of the object is applied.",
        remedy="write the value as the message says, with sopskit set or edit",
        find=val08,
        key="helps",
        check=True,
    ),
)  # fmt: skip
