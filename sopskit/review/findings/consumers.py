"""Which workloads of a repository use a Secret or ConfigMap, and whether they start again when it changes."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.document import Leaf, Path
    from sopskit.manifest import Identity, KubernetesObject
    from sopskit.review.findings.subject import ChangeSet, Subject

# a CronJob and a Job make new pods anyway
WORKLOADS = frozenset(("Deployment", "StatefulSet", "DaemonSet"))
MARKS = tuple(f"{kind}".encode() for kind in sorted(WORKLOADS))
SUFFIXES = (".yaml", ".yml", ".json")
# the last two keys of a path at which a pod template names one (Kubernetes, PodSpec)
REFERENCES: Mapping[Path, str] = {
    ("secretRef", "name"): "Secret",
    ("secretKeyRef", "name"): "Secret",
    ("secret", "secretName"): "Secret",
    ("secret", "name"): "Secret",
    ("configMapRef", "name"): "ConfigMap",
    ("configMapKeyRef", "name"): "ConfigMap",
    ("configMap", "name"): "ConfigMap",
}
# parts of the annotations that Helm charts, kustomize users and reloaders put there
RESTARTERS = ("checksum", "reloader", "config-hash", "confighash", "secret-hash")
MOST_FILES = 500  # manifests of one folder


class Consumer(NamedTuple):
    """A workload: its name for people, its file, and whether something makes it start again."""

    name: str
    path: str
    namespace: str
    restarts: bool


class Consumers:
    """Looks up the workloads of head's tree, one folder at a time, each once."""

    def __init__(self, change: ChangeSet) -> None:
        """Nothing is read yet."""
        self._change = change
        self._folders: dict[str, dict[tuple[str, str], list[Consumer]]] = {}
        self._paths: list[str] = []

    def of(self, subject: Subject, identity: Identity) -> list[Consumer]:
        """Those that use the object: in or below the folder of its file, else in the file's environment.

        Objects of other services may have the same name, since a kustomization can set the namespace.
        """
        own = _folder(subject.path.split("/")[:-1])
        return self._users(own, identity) or self._users(_environment_folder(subject), identity)

    def _users(self, folder: str, identity: Identity) -> list[Consumer]:
        if folder not in self._folders:
            self._folders[folder] = self._read(folder)
        found = self._folders[folder].get((identity.kind, identity.name), [])
        return [
            user
            for user in found
            if not (user.namespace and identity.namespace) or user.namespace == identity.namespace
        ]

    def _read(self, folder: str) -> dict[tuple[str, str], list[Consumer]]:
        found: dict[tuple[str, str], list[Consumer]] = {}
        tree = self._change.trees.head
        for path in self._below(folder)[:MOST_FILES]:
            data = tree.data(path)
            side = tree.side(path) if data and any(mark in data for mark in MARKS) else None
            for obj in manifest.objects(side.document) if side and side.document else ():
                if obj.identity.kind not in WORKLOADS:
                    continue
                user = Consumer(str(obj.identity), path, obj.identity.namespace, self._restarts(path, obj))
                for reference in dict.fromkeys(_references(obj)):
                    found.setdefault(reference, []).append(user)
        return found

    def _below(self, folder: str) -> list[str]:
        if not self._paths:
            self._paths = sorted(path for path in self._change.trees.head.entries if path.endswith(SUFFIXES))
        start = bisect_left(self._paths, folder)
        return self._paths[start : bisect_left(self._paths, f"{folder}\U0010ffff", start)]

    def _restarts(self, path: str, obj: KubernetesObject) -> bool:
        """Whether an annotation makes it follow its configuration, or this change touches its pod template anyway."""
        if any(_is_restarter(leaf) for leaf in obj.leaves):
            return True
        subject = self._change.by_path.get(path)
        return subject is not None and any(
            item.document == obj.document and "template" in item.path for item in subject.comparison.changes
        )


def _environment_folder(subject: Subject) -> str:
    """The folder of the file's environment, or its own if it is in none."""
    parts = subject.path.split("/")[:-1]
    if subject.environment is not None and subject.environment.name in parts:
        parts = parts[: parts.index(subject.environment.name) + 1]
    return _folder(parts)


def _folder(parts: list[str]) -> str:
    """With a final slash; empty for the whole repository."""
    return "/".join((*parts, "")) if parts else ""


def _references(obj: KubernetesObject) -> Iterator[tuple[str, str]]:
    for leaf in obj.leaves:
        kind = REFERENCES.get(leaf.path[-2:]) if "template" in leaf.path else None
        if kind is not None:
            yield kind, leaf.value


def _is_restarter(leaf: Leaf) -> bool:
    path = leaf.path
    if len(path) < 2 or path[-2] != "annotations":
        return False
    return any(word in str(path[-1]).lower() for word in RESTARTERS)
