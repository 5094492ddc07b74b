"""Kubernetes objects in a document: which they are, and what their data is in effect."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sopskit.document import Document, Leaf, Path

IDENTITY = ("apiVersion", "kind", "metadata")
# the fields whose entries are files or variables; a later one wins (Kubernetes merges stringData over data)
DATA_FIELDS = {"Secret": ("data", "stringData"), "ConfigMap": ("data", "binaryData")}
BASE64_FIELDS = frozenset((("Secret", "data"), ("ConfigMap", "binaryData")))


class Identity(NamedTuple):
    """What an object is called. Empty where the manifest does not say."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Secret dev/service1`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class KubernetesObject(NamedTuple):
    """An object: where its mapping stands (document number and path; items of a List are objects too), and its leaves."""

    document: int
    path: Path
    identity: Identity
    leaves: tuple[Leaf, ...]

    def __repr__(self) -> str:
        """Which, not what it holds."""
        return f"KubernetesObject({self.document}, {self.path!r}, {self.identity!r})"


class Entry(NamedTuple):
    """A key of a Secret or ConfigMap in effect: the field it is taken from, and the leaf that holds its value."""

    key: str
    field: str
    leaf: Leaf

    def value(self, kind: str) -> bytes | None:
        """The entry's bytes as a container sees them, `kind` being its object's; None if they should be base64 and are not."""
        if (kind, self.field) not in BASE64_FIELDS:
            return self.leaf.value.encode("utf-8", "surrogateescape")
        try:
            return b64decode(self.leaf.value.replace("\n", ""), validate=True)
        except ValueError:
            return None


def objects(document: Document) -> list[KubernetesObject]:
    """The objects of a document, in the order of the file."""
    found: list[KubernetesObject] = []
    for number, root, leaves in _roots(document):
        top = {leaf.path[len(root)]: leaf for leaf in leaves if len(leaf.path) == len(root) + 1}
        kind = top["kind"].value if "kind" in top else ""
        if "apiVersion" not in top or not kind:
            continue
        names = {leaf.path[-1]: leaf.value for leaf in leaves if leaf.path[len(root) : -1] == ("metadata",)}
        identity = Identity(kind, names.get("namespace", ""), names.get("name", ""))
        found.append(KubernetesObject(number, root, identity, tuple(leaves)))
    return found


def _roots(document: Document) -> Iterator[tuple[int, Path, list[Leaf]]]:
    """Leaves by the mapping that may be an object: a document, or an item of one whose kind ends in List."""
    by_root: dict[tuple[int, Path], list[Leaf]] = {}
    leaves = document.leaves()
    lists = {leaf.parent.document for leaf in leaves if leaf.path == ("kind",) and leaf.value.endswith("List")}
    for leaf in leaves:
        path, number = leaf.path, leaf.parent.document
        is_item = number in lists and len(path) > 2 and path[0] == "items" and isinstance(path[1], int)
        by_root.setdefault((number, path[:2] if is_item else ()), []).append(leaf)
    for (number, root), members in by_root.items():
        yield number, root, members


def effective_data(obj: KubernetesObject) -> dict[str, Entry]:
    """The entries of a Secret or ConfigMap, `data` and `stringData` unified; empty for other kinds."""
    depth = len(obj.path)
    entries: dict[str, Entry] = {}
    for field in DATA_FIELDS.get(obj.identity.kind, ()):
        for leaf in obj.leaves:
            path = leaf.path[depth:]
            if len(path) == 2 and path[0] == field:
                entries[str(path[1])] = Entry(str(path[1]), field, leaf)
    return entries


def would_encrypt_identity(document: Document, selected: Collection[Path]) -> Path | None:
    """The first of the leaves in apiVersion, kind and metadata that `selected`, the paths a rule encrypts, would hide.

    None if there is none, or the file is no Kubernetes manifest. A cluster can do nothing with such a file before it is
    decrypted, a reviewer cannot see what it is, and every kustomization that names its object fails.
    """
    chosen = frozenset(selected)
    for obj in objects(document):
        depth = len(obj.path)
        for leaf in obj.leaves:
            if leaf.path in chosen and leaf.path[depth] in IDENTITY:
                return leaf.path
    return None
