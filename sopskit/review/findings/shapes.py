"""ENV04: one key, and things of two kinds under it.

The kind of a value is part of its content: that another environment has a URL there, or a number, may not be told to
somebody who cannot read that environment. Authors know the kinds of their own values only, and public recipients let
everybody write those, so it is said only where somebody answers for the author, as ENV02 does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit import manifest
from sopskit.redact import escape_path
from sopskit.review.findings.environments import shared_entries, sibling
from sopskit.review.findings.opened import new_values, undo_base64
from sopskit.review.findings.plaintext import MOST_KEYS
from sopskit.review.findings.policy import ChangePolicy, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from sopskit.document import Leaf, Plain
    from sopskit.redact.kinds import Kind
    from sopskit.review.compare import Place
    from sopskit.review.findings.opened import Held
    from sopskit.review.findings.subject import ChangeSet, Subject

    Slot: TypeAlias = tuple[str, ...]  # a key that environments share, as ENV01 has it

# Kinds that are not here say nothing: an empty value is still to come, an opaque one is not understood, and text of
# several lines is YAML by chance.
WORDS: Mapping[Kind, str] = {
    "number": "a number",
    "boolean": "true or false",
    "text": "text",
    "url": "a URL",
    "password": "a password",
    "certificate": "a certificate",
    "private-key": "a private key",
    "ssh-key": "an SSH key",
    "jwt": "a JWT",
    "json": "JSON",
    "dockerconfigjson": "registry credentials",
}
ALIKE: Mapping[Kind, Kind] = {"boolean": "number", "ssh-key": "private-key", "dockerconfigjson": "json"}
# a password is told by the name of its key and by its looks, not by its form: it may look like any of these
LIKE_A_PASSWORD = frozenset(("password", "text", "number", "url"))


class _Sibling(NamedTuple):
    """The same file in another environment, opened."""

    environment: str
    path: str
    entries: Mapping[Slot, Leaf]
    plain: Mapping[Place, Plain]

    def __repr__(self) -> str:
        return f"_Sibling({self.path!r})"

    def kind(self, slot: Slot) -> Kind | None:
        """What is encrypted under a key; None if nothing is."""
        leaf = self.entries.get(slot)
        plain = self.plain.get((leaf.parent.document, leaf.path)) if leaf is not None else None
        if leaf is None or plain is None:
            return None
        data = plain.data
        if (slot[0], leaf.parent.key) in manifest.BASE64_FIELDS:
            data = undo_base64(data) or data
        from sopskit.redact.kinds import describe

        return describe(data, key=slot[-1], type=plain.kind).kind


def env04(change: ChangeSet) -> Iterator[Hit]:
    """A new value that is of another kind than that of the same key in another environment."""
    if not change.vouched:
        return
    told: set[tuple[str, str, Slot]] = set()
    for subject in change.subjects:
        fresh = {(held.leaf.parent.document, held.leaf.path): held for held in new_values(subject)}
        siblings = _siblings(subject) if fresh else []
        hits: list[Hit] = []
        for slot, leaf in _entries(subject).items() if siblings else ():
            held = fresh.get((leaf.parent.document, leaf.path))
            if held is None or _is_in_a_list(slot, leaf):
                continue
            # both files may have changed: then the first one tells it
            others = _others(held, slot, [one for one in siblings if (one.path, subject.path, slot) not in told])
            if others:
                told.update((subject.path, one.path, slot) for one in others)
                hits.append(_hit(subject, held, slot, others))
        yield from hits[:MOST_KEYS]
        if len(hits) > MOST_KEYS:
            yield Hit("and {count} more keys", {"count": len(hits) - MOST_KEYS}, path=subject.path)


def _entries(subject: Subject) -> Mapping[Slot, Leaf]:
    head, environment = subject.sides.head, subject.environment
    return shared_entries(head, environment.name) or {} if head is not None and environment is not None else {}


def _siblings(subject: Subject) -> list[_Sibling]:
    # it imports from this package, so at the top this would be a circle
    from sopskit.review.correspondence import environment_names

    change, here = subject.change, subject.environment
    found: list[_Sibling] = []
    for name in environment_names(change.trees.head, change.team) if here is not None else ():
        path = sibling(change, subject.path, here.name, name) if here is not None and name != here.name else None
        side, plain = (change.trees.head.side(path), change.open_head(path)) if path is not None else (None, None)
        entries = shared_entries(side, name) if side is not None else None
        if path is not None and entries is not None and plain is not None:
            found.append(_Sibling(name, path, entries, plain))
    return found


def _is_in_a_list(slot: Slot, leaf: Leaf) -> bool:
    """Whether a key of a file without objects leads through a list: positions in those correspond to nothing."""
    return slot == leaf.keys and leaf.keys != leaf.path


def _others(held: Held, slot: Slot, siblings: Sequence[_Sibling]) -> list[_Sibling]:
    """Those that have something of another kind under a key."""
    mine = held.describe().kind
    return [one for one in siblings if (kind := one.kind(slot)) is not None and _differ(mine, kind)]


def _differ(one: Kind, other: Kind) -> bool:
    """Whether it is plain that two kinds are not meant for the same use."""
    kinds = {ALIKE.get(one, one), ALIKE.get(other, other)}
    if len(kinds) == 1 or not {one, other} <= WORDS.keys():
        return False
    return not ("password" in kinds and kinds <= LIKE_A_PASSWORD)


def _hit(subject: Subject, held: Held, slot: Slot, others: Sequence[_Sibling]) -> Hit:
    here = subject.environment.name if subject.environment is not None else ""
    args: dict[str, int | str] = {
        "key": escape_path(held.leaf.path),
        "environment": here,
        "kind": WORDS[held.describe().kind],
        "others": ", ".join(f"{WORDS[kind]} in {one.environment}" for one in others if (kind := one.kind(slot))),
    }
    message = "{key} holds {kind} in {environment}, and {others}"
    return Hit(message, args, path=subject.path, **held.at(subject))


POLICIES = (
    ChangePolicy(
        "ENV04",
        "medium",
        "a value of another kind than in another environment",
        why="What one environment has under a key is what its program expects there. A number where the other has text, or a host "
        "name where it has a URL, was tested nowhere and fails where it is rolled out.",
        remedy="write the value in the form that the program reads, in all environments alike",
        find=env04,
        key="yes",
    ),
)
