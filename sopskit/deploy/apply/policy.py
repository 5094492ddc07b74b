"""Which kinds of objects, in which namespaces and by which names, a path of the repository may make: the cluster owner's word.

The file lies outside of the repository, since whoever may change manifests must not widen what they may do:

    version: 1
    apply:
      - paths: [k8s/gitops/dev/**]
        kinds: [Secret, ConfigMap, Deployment.apps, Widget.example.org]
        namespaces: [dev]
        clusterKinds: [Namespace]
        names: [dev, service1-*]

What no entry allows is refused. A kind without a group is one that Kubernetes brings; `*` stands for all kinds, or all
namespaces. Kinds that are in no namespace are named apart. Without `names` every name is allowed; a `*` at the end of one
stands for any rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.config.globs import check, matcher
from sopskit.config.syntax import Reader, read_file
from sopskit.errors import ConfigError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import yaml

    from sopskit.deploy.apply.target import ObjectId

FIELDS = ("paths", "kinds", "namespaces", "clusterKinds", "names")
ALL = "*"


class Entry(NamedTuple):
    """What the folders that match `paths` may make. No `names` are all of them."""

    paths: tuple[str, ...]
    kinds: frozenset[str]
    namespaces: frozenset[str]
    cluster_kinds: frozenset[str]
    names: frozenset[str] = frozenset()

    def is_for(self, folder: str) -> bool:
        """Whether a folder, relative to the repository's root, is one of its paths or below one."""
        inside = f"{folder}/kustomization.yaml" if folder != "." else "kustomization.yaml"
        return any(matcher(pattern)(folder) or matcher(pattern)(inside) for pattern in self.paths)

    def allows(self, id: ObjectId) -> bool:
        """Whether it allows an object; one without a namespace is of a kind that is in none."""
        kinds = self.kinds if id.namespace else self.cluster_kinds
        in_place = not id.namespace or ALL in self.namespaces or id.namespace in self.namespaces
        return in_place and self._has_name(id.name) and (ALL in kinds or not kinds.isdisjoint(_spellings(id)))

    def _has_name(self, name: str) -> bool:
        return not self.names or any(_fits(pattern, name) for pattern in self.names)


class Policy(NamedTuple):
    """The entries that are for one folder."""

    entries: tuple[Entry, ...]

    def allows(self, id: ObjectId) -> bool:
        """Whether one entry allows an object as a whole."""
        return any(entry.allows(id) for entry in self.entries)


def are_names(names: Sequence[str]) -> bool:
    """Whether these may be the `names` of an entry: at least one, and `*` at the end only."""
    return bool(names) and not any(ALL in name[:-1] for name in names)


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith(ALL) else name == pattern


def _spellings(id: ObjectId) -> Iterator[str]:
    if id.group:
        yield f"{id.kind}.{id.group}"
    if "." not in id.group or id.group.endswith(".k8s.io"):
        yield id.kind


def read_policy(path: Path, folder: str, root: Path) -> Policy:
    """The policy for a folder of the repository at `root`.

    Raises `RefusedError` for a file within the repository, `ConfigError` for one that is not understood in full,
    `FileAccessError`.
    """
    if path.resolve().is_relative_to(root.resolve()):
        raise RefusedError(
            "the policy lies in the repository that it is to judge",
            hint="keep it where only the cluster's owners write",
        ).at(file=str(path))
    reader = Reader(str(path))
    node = reader.first_document(read_file(path))
    fields = reader.fields(node, ("version", "apply")) if node is not None else {}
    if "version" not in fields or reader.text(fields["version"]) != "1" or "apply" not in fields:
        raise ConfigError("expected `version: 1` and `apply` with a list of entries").at(file=str(path))
    entries = [_entry(item, reader) for item in reader.items(fields["apply"])]
    if reader.unknown:
        line, name = reader.unknown[0]
        raise ConfigError(f"the field {name} is unknown").at(file=str(path), line=line)
    return Policy(tuple(entry for entry in entries if entry.is_for(folder)))


def _entry(node: yaml.Node, reader: Reader) -> Entry:
    fields = reader.fields(node, FIELDS)
    found = {name: tuple(reader.text(item) for item in reader.items(fields[name])) for name in fields}
    for pattern in found.get("paths", ()):
        try:
            check(pattern)
        except ConfigError as error:
            raise reader.error(fields["paths"], error.message, hint=error.hint) from None
    if not found.get("paths"):
        raise reader.error(node, "an entry needs paths")
    if "names" in found and not are_names(found["names"]):
        raise reader.error(fields["names"], "expected names, with * at the end of one only")
    sets = (frozenset(found.get(name, ())) for name in FIELDS[1:])
    return Entry(found["paths"], *sets)
