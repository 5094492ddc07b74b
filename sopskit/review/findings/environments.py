"""ENV: whether the environments of a repository have the same keys."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sopskit import manifest
from sopskit.config.sopskit_yaml import environment_by_layout
from sopskit.redact import escape_path
from sopskit.review.findings.plaintext import MOST_KEYS, STEERING
from sopskit.review.findings.policy import ChangePolicy, Hit, place
from sopskit.sops.values import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from sopskit.document import Leaf
    from sopskit.review.findings.subject import ChangeSet, Subject
    from sopskit.review.sides import Side

    # kind and name of the object, and its key; in other SOPS files the mapping keys
    Entries: TypeAlias = "Mapping[tuple[str, ...], Leaf]"

KINDS = frozenset(("Secret", "ConfigMap"))


def env01(change: ChangeSet) -> Iterator[Hit]:
    """A key that this environment has and another one has not, or the other way round."""
    names: list[str] | None = None
    for subject in change.subjects:
        head, environment = subject.sides.head, subject.environment
        if head is None or environment is None or subject.path.rpartition("/")[2] in STEERING:
            continue
        mine = shared_entries(head, environment.name)
        if mine is None:
            continue
        names = _environments(change) if names is None else names
        others: dict[str, Entries] = {}
        for name in names:
            path = None if name == environment.name else sibling(change, subject.path, environment.name, name)
            side = change.trees.head.side(path) if path else None
            found = shared_entries(side, name) if side else None
            if found is not None:
                others[name] = found
        if others:
            yield from _compare(subject, head, environment.name, mine, others)


def _environments(change: ChangeSet) -> list[str]:
    """The names of all environments: those of the team's file, else those that head's paths show."""
    if change.team.environments:
        return [environment.name for environment in change.team.environments]
    return sorted({name for path in change.trees.head.entries if (name := environment_by_layout(path))})


def sibling(change: ChangeSet, path: str, old: str, new: str) -> str | None:
    """The same file in another environment: the path with that environment's name in it. None if there is none."""
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part == old:
            renamed = new
        elif index == len(parts) - 1 and part.startswith((f"{old}-", f"{old}.")):
            renamed = new + part[len(old) :]
        else:
            continue
        other = "/".join((*parts[:index], renamed, *parts[index + 1 :]))
        found = change.environment_of(other) if other in change.trees.head else None
        if found is not None and found.name == new:
            return other
    return None


def shared_entries(side: Side, environment: str) -> Entries | None:
    """The keys of a file that environments should share; None for a file that is neither manifest nor encrypted."""
    if side.document is None:
        return None
    objects = manifest.objects(side.document)
    if not objects:
        return {leaf.keys: leaf for leaf in side.document.leaves()} if side.metadata else None
    chosen = [obj for obj in objects if obj.identity.kind in KINDS]
    kinds = Counter(obj.identity.kind for obj in chosen)
    found: dict[tuple[str, ...], Leaf] = {}
    for obj in chosen:
        kind, name = obj.identity.kind, obj.identity.name.replace(environment, "*")
        if kinds[kind] == 1 or name.startswith(PREFIX):
            name = "*"  # the only one corresponds to the only one, whatever it is called
        found |= {(kind, name, key): entry.leaf for key, entry in manifest.effective_data(obj).items()}
    return found


def _compare(
    subject: Subject, head: Side, environment: str, mine: Entries, others: Mapping[str, Entries]
) -> Iterator[Hit]:
    added = {(change.document, change.path) for change in subject.comparison.changes if change.change == "added"}
    hits: list[Hit] = []
    for key, leaf in mine.items():
        lacking = [name for name, entries in others.items() if key not in entries]
        if lacking and head.document is not None:
            is_new = (leaf.parent.document, leaf.path) in added
            hits.append(
                Hit(
                    "{key} is in {environment} and not in {others}",
                    {"key": escape_path(leaf.path), "environment": environment, "others": ", ".join(lacking)},
                    "low" if is_new else None,
                    **place(head.document, leaf),
                    path=subject.path,
                )
            )
    absent = {key: leaf for entries in others.values() for key, leaf in entries.items() if key not in mine}
    for key, leaf in absent.items():
        having = ", ".join(name for name, entries in others.items() if key in entries)
        args = {"key": escape_path(leaf.path), "environment": environment, "others": having}
        hits.append(Hit("{key} is in {others} and not in {environment}", args, path=subject.path, key=leaf.path))
    hits.sort(key=lambda hit: hit.severity is not None)
    yield from hits[:MOST_KEYS]
    if len(hits) > MOST_KEYS:
        severity = hits[MOST_KEYS].severity
        yield Hit("and {count} more keys", {"count": len(hits) - MOST_KEYS}, severity, path=subject.path)


POLICIES = (
    ChangePolicy(
        "ENV01",
        "medium",
        "a key that not all environments have",
        why="A key that is missing in one environment is the usual reason why a release that worked in one fails in the next. "
        "Names are readable without a private key, so it can be seen before the merge.",
        remedy="add the key where it is missing, or take it out everywhere",
        find=env01,
    ),
)
