"""K8S: what a change of a Secret or ConfigMap means to those who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.review.findings.consumers import Consumers
from sopskit.review.findings.policy import ChangePolicy, FilePolicy, Hit, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sopskit.document import Document, Leaf, Path
    from sopskit.manifest import Identity, KubernetesObject
    from sopskit.review.compare import Place
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.sides import Side

MOST_NAMES = 5
KINDS = frozenset(manifest.DATA_FIELDS)
MOST_RENAMED = 200  # objects of a file that are compared with each other to find where one went
# what `compare` calls a value that is another one, or most likely is
CHANGED = frozenset(("added", "removed", "changed", "retyped", "moved"))


def k8s01(change: ChangeSet) -> Iterator[Hit]:
    """A Secret or ConfigMap got another name or namespace, or a Secret another type."""
    consumers = Consumers(change)
    here = {one.identity for subject in change.subjects for one in _objects(subject.sides.head)}
    for subject in change.subjects:
        base, head = _objects(subject.sides.base), _objects(subject.sides.head)
        if subject.status in {"added", "copied"}:
            continue
        yield from _gone(subject, base, head, here, consumers)
        if subject.sides.head is None or subject.sides.head.document is None:
            continue
        document = subject.sides.head.document
        for old, new in _renamed(base, head):
            yield _renaming(subject, document, old, new, consumers)
        before = {old.identity: old for old in reversed(base)}
        for new in head:
            old_object = before.get(new.identity)
            if old_object is not None and new.identity.kind == "Secret" and _type(old_object) != _type(new):
                leaf = new.leaf("type") or new.leaf("kind")
                yield Hit(
                    "the type of Secret {name} changed: the cluster refuses to change it in place",
                    {"name": new.identity.name},
                    path=subject.path,
                    remedy="give the Secret a new name, or delete it in the cluster before the new one is applied",
                    **(place(document, leaf) if leaf else {}),
                )


def _gone(
    subject: Subject, base: list[_Object], head: list[_Object], here: set[Identity], consumers: Consumers
) -> Iterator[Hit]:
    """Objects that no file of the change has any more, and that somebody still asks for."""
    renamed = {old.identity for old, _ in _renamed(base, head)}
    for old in base:
        users = consumers.of(subject, old.identity) if old.identity not in here | renamed else []
        if users:
            yield Hit(
                "{old} is gone; still asking for it: {users}",
                {"old": str(old.identity), "users": _listed([user.name for user in users])},
                severity="high",
                path=subject.path,
                side="base",
            )


class _Object(NamedTuple):
    identity: Identity
    object: KubernetesObject

    def leaf(self, *path: str) -> Leaf | None:
        """The leaf at a path below the object."""
        wanted = (*self.object.path, *path)
        return next((leaf for leaf in self.object.leaves if leaf.path == wanted), None)

    def keys(self) -> frozenset[str]:
        return frozenset(manifest.effective_data(self.object))


def _objects(side: Side | None) -> list[_Object]:
    """The Secrets and ConfigMaps of a side that have a readable name."""
    if side is None or side.document is None:
        return []
    objects = (obj for obj in manifest.objects(side.document) if obj.identity.kind in KINDS and obj.identity.name)
    return [_Object(obj.identity, obj) for obj in objects if not any(part.startswith("ENC[") for part in obj.identity)]


def _type(one: _Object) -> str:
    leaf = one.leaf("type")
    return leaf.value if leaf and leaf.value else "Opaque"


def _renamed(base: list[_Object], head: list[_Object]) -> Iterator[tuple[_Object, _Object]]:
    """Objects of base that are gone, each with the new one of head that has most of its keys."""
    known, kept = {old.identity for old in base}, {new.identity for new in head}
    gone = [old for old in base if old.identity not in kept][:MOST_RENAMED]
    fresh = [new for new in head if new.identity not in known][:MOST_RENAMED]
    for old in gone:
        for new in fresh:
            keys = old.keys()
            if old.identity.kind == new.identity.kind and len(keys & new.keys()) * 2 >= max(len(keys), 1):
                fresh.remove(new)
                yield old, new
                break


def _renaming(subject: Subject, document: Document, old: _Object, new: _Object, consumers: Consumers) -> Hit:
    field = "name" if old.identity.name != new.identity.name else "namespace"
    leaf = new.leaf("metadata", field) or new.leaf("kind")
    users = consumers.of(subject, old.identity)
    message = "{old} is {new} now: whoever refers to the old one does not find it any more"
    args: dict[str, int | str] = {"old": str(old.identity), "new": str(new.identity)}
    if users:
        message = "{old} is {new} now; still asking for the old one: {users}"
        args["users"] = _listed([user.name for user in users])
    return Hit(message, args, path=subject.path, **(place(document, leaf) if leaf else {}))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def k8s02(change: ChangeSet) -> Iterator[Hit]:
    """Values changed that running pods keep until somebody restarts them."""
    consumers = Consumers(change)
    for subject in change.subjects:
        base, head = subject.sides
        if base is None or head is None or head.document is None or subject.status == "copied":
            continue
        known = {old.identity for old in _objects(base)}
        objects = _objects(head)
        changed = _changed_paths(subject, objects)
        for one in objects:
            leaf = _changed_leaf(changed, one) if one.identity in known else None
            if leaf is None:
                continue
            users = [user for user in consumers.of(subject, one.identity) if not user.restarts]
            if users:
                yield Hit(
                    "{object} changed, and nothing makes {users} start again with the new values",
                    {"object": str(one.identity), "users": _listed([user.name for user in users])},
                    path=subject.path,
                    **place(head.document, leaf),
                )


def _changed_paths(subject: Subject, objects: Iterable[_Object]) -> dict[Place, set[Path]]:
    """The leaves that are other ones now, by the places of the objects they are in: there may be very many of both."""
    found: dict[Place, set[Path]] = {(one.object.document, one.object.path): set() for one in objects}
    for item in subject.comparison.changes:
        for depth in range(len(item.path)) if item.change in CHANGED else ():
            at = (item.document, item.path[:depth])
            if at in found:
                found[at].add(item.path)
    return found


def _changed_leaf(changed: Mapping[Place, set[Path]], one: _Object) -> Leaf | None:
    """A leaf of the object's data that changed, or the object's kind if one is gone; None if none did."""
    depth, fields = len(one.object.path), manifest.DATA_FIELDS[one.identity.kind]
    own = {
        path
        for path in changed.get((one.object.document, one.object.path), ())
        if path[depth : depth + 1] and path[depth] in fields
    }
    if not own:
        return None
    return next((leaf for leaf in one.object.leaves if leaf.path in own), one.leaf("kind"))


def k8s03(subject: Subject) -> Iterator[Hit]:
    """An object that is immutable in base changed."""
    base, head = subject.sides
    if base is None or head is None or head.document is None or subject.status == "copied":
        return
    fixed = {old.identity for old in _objects(base) if _is_immutable(old)}
    objects = _objects(head)
    changed = _changed_paths(subject, objects)
    for one in objects:
        if one.identity not in fixed:
            continue
        leaf = _changed_leaf(changed, one)
        if leaf is None and not _is_immutable(one):
            leaf = one.leaf("immutable") or one.leaf("kind")
        if leaf is not None:
            message = "{object} is immutable: the cluster refuses this change"
            yield Hit(message, {"object": str(one.identity)}, **place(head.document, leaf))


def _is_immutable(one: _Object) -> bool:
    leaf = one.leaf("immutable")
    return leaf is not None and leaf.value == "true"


POLICIES = (
    ChangePolicy(
        "K8S01",
        "medium",
        "a Secret or ConfigMap is gone, or got another name, namespace or type",
        why="Workloads refer to a Secret by its name. Pods that refer to one that is gone do not start, and the old object may "
        "stay in the cluster with the old values. The type of a Secret cannot be changed in place at all.",
        remedy="change all references in the same pull request, and prune the old object",
        find=k8s01,
    ),
    ChangePolicy(
        "K8S02",
        "low",
        "pods keep the old values",
        why="Environment variables are read once, when a container starts. Without a checksum annotation, a reloader, or a name "
        "that changes with the content, running pods go on with the old password until they are restarted for another "
        "reason, often in the middle of the night.",
        remedy="restart the workload after the merge, or give its pod template a checksum annotation",
        find=k8s02,
    ),
    FilePolicy(
        "K8S03",
        "high",
        "an immutable object changed",
        why="The API server refuses every change of the data of an immutable Secret or ConfigMap, so the reconciliation of "
        "everything that is applied with it stops.",
        remedy="give the object a new name and change the references to it",
        find=k8s03,
    ),
)
