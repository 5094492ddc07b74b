"""Kubernetes objects in a document: which they are, and what their data is in effect."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sopskit.document import Container, Document, Leaf, Path

IDENTITY = ("apiVersion", "kind", "metadata")
# the fields whose entries are files or variables; a later one wins (Kubernetes merges stringData over data)
DATA_FIELDS = {"Secret": ("data", "stringData"), "ConfigMap": ("data", "binaryData")}
BASE64_FIELDS = frozenset((("Secret", "data"), ("ConfigMap", "binaryData")))
# known by their kind alone: a manifest without apiVersion is a slip, and what is in it is a secret all the same
KNOWN_KINDS = frozenset((*DATA_FIELDS, "List", *(f"{kind}List" for kind in DATA_FIELDS)))
LIST = "List"  # how the kinds of lists end; an item that names no kind has what stands before it
MERGE = "<<"  # the key of YAML 1.1 that kubectl and kustomize follow, and SOPS keeps as an ordinary one


class Identity(NamedTuple):
    """What an object is called. Empty where the manifest does not say."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Secret dev/service1`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class KubernetesObject(NamedTuple):
    """An object: where its mapping stands (document number and path; items of a List are objects too), and its leaves.

    The leaves are as they are written: those that a merge key brings have it in their path, see `own_path`.
    """

    document: int
    path: Path
    identity: Identity
    leaves: tuple[Leaf, ...]

    def own_path(self, container: Container) -> Path:
        """Where one of the object's mappings or lists stands in effect: from the object on, with merge keys followed."""
        path = container.path[len(self.path) :]
        return _without_merges(path) if MERGE in container.keys else path

    def __repr__(self) -> str:
        """Which, not what it holds."""
        return f"KubernetesObject({self.document}, {self.path!r}, {self.identity!r})"


_FOUND: WeakKeyDictionary[Document, tuple[KubernetesObject, ...]] = WeakKeyDictionary()


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


def objects(document: Document) -> tuple[KubernetesObject, ...]:
    """The objects of a document, in the order of the file. Looked for once: a review asks for them again and again."""
    found = _FOUND.get(document)
    if found is None:
        found = _FOUND[document] = tuple(_objects(document))
    return found


def _objects(document: Document) -> Iterator[KubernetesObject]:
    by_root = _by_root(document)
    tops = {place: _scalars(leaves, place[1]) for place, leaves in by_root.items()}
    for (number, root), leaves in by_root.items():
        top, above = tops[number, root], tops.get((number, _merged_into(root[:-2])), {}) if root else {}
        kind = top.get("kind") or above.get("kind", "").removesuffix(LIST)
        has_version = "apiVersion" in (top if "kind" in top else above)
        if not kind or not (has_version or kind in KNOWN_KINDS):
            continue
        names = _scalars(leaves, root, "metadata")
        identity = Identity(kind, names.get("namespace", ""), names.get("name", ""))
        yield KubernetesObject(number, root, identity, tuple(leaves))


def _scalars(leaves: list[Leaf], root: Path, *field: str) -> dict[str | int, str]:
    """The scalars of an object's mapping, or of one of its fields. What is written there wins over what is merged."""
    wanted = (*root, *field)
    found = {leaf.key: leaf.value for leaf in leaves if leaf.parent.path == wanted}
    for leaf in leaves:
        container = leaf.parent
        if MERGE in container.keys and _without_merges(container.path[len(root) :]) == field:
            found.setdefault(leaf.key, leaf.value)
    return found


def _by_root(document: Document) -> dict[tuple[int, Path], list[Leaf]]:
    """Leaves by the mapping that may be an object: a document, or an item of one whose kind ends in List, at any depth."""
    by_root: dict[tuple[int, Path], list[Leaf]] = {}
    leaves = document.leaves()
    kinds = (leaf for leaf in leaves if leaf.key == "kind" and leaf.value.endswith(LIST))
    lists = {(leaf.parent.document, _merged_into(leaf.parent.path)) for leaf in kinds}
    for leaf in leaves:
        container = leaf.parent
        number = container.document
        root = _root(container, lists) if lists else ()
        by_root.setdefault((number, root), []).append(leaf)
    return by_root


def _root(container: Container, lists: set[tuple[int, Path]]) -> Path:
    """The innermost object, document or item, that a mapping or list may be in; `lists` are those that have items."""
    path, end = container.path, 0
    while (container.document, path[:end]) in lists:
        at = end
        while path[at : at + 1] == (MERGE,):
            at += 1 + _is_position(path, at + 1)
        if path[at : at + 1] != ("items",) or not _is_position(path, at + 1):
            break
        end = at + 2
    return path[:end]


def _is_position(path: Path, at: int) -> bool:
    return at < len(path) and isinstance(path[at], int)


def _without_merges(path: Path) -> Path:
    """A path without merge keys and the positions in their lists."""
    return tuple(
        part
        for index, part in enumerate(path)
        if part != MERGE and not (isinstance(part, int) and index and path[index - 1] == MERGE)
    )


def _merged_into(path: Path) -> Path:
    """The mapping that a mapping is merged into; itself if it is not."""
    while path and (path[-1] == MERGE or (path[-2:-1] == (MERGE,) and isinstance(path[-1], int))):
        path = path[:-1]
    return path


def effective_data(obj: KubernetesObject) -> dict[str, Entry]:
    """The entries of a Secret or ConfigMap, `data` and `stringData` unified; empty for other kinds.

    Merge keys are followed. A mapping that is merged and hidden by another one counts too: its text stands in the file.
    """
    fields = DATA_FIELDS.get(obj.identity.kind, ())
    found: dict[str, dict[str, Entry]] = {field: {} for field in fields}
    for leaf in obj.leaves if fields else ():
        path = obj.own_path(leaf.parent)
        entries = found.get(str(path[0])) if len(path) == 1 else None
        if entries is None:
            continue
        entry = Entry(str(leaf.key), str(path[0]), leaf)
        if MERGE in leaf.parent.keys:
            entries.setdefault(entry.key, entry)
        else:
            entries[entry.key] = entry
    return {key: entry for field in fields for key, entry in found[field].items()}


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
