"""The few values that a report may quote: those that are public in the repository, and no secret by any sign.

A leaf has to be plain text on both sides and in every commit between them, outside the data of a Secret, without a
finding on it, waived or not, and short; neither its name nor its text may look like those of a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit import manifest
from sopskit.redact.names import is_secret_name
from sopskit.review.model import Sides

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sopskit.document import Path
    from sopskit.review.compare import State
    from sopskit.review.facts import Described
    from sopskit.review.model import Change, Finding
    from sopskit.review.sides import Side

LONGEST = 200  # code points
SHOWN = frozenset(("changed", "retyped"))
SECRET_FIELDS = frozenset(("data", "stringData"))
OBJECTS = frozenset(("ConfigMap",))
UNENCRYPTED = frozenset(("ENC01", "ENC02", "ENC03", "ENC04", "ENC05", "ENC06", "ENC07"))
HARMLESS = frozenset(("text", "number", "boolean", "empty"))


def quote_public(
    described: Sequence[Described],
    changes: Sequence[Change],
    findings: Iterable[Finding],
    versions: Sequence[Side | None],
) -> tuple[Change, ...]:
    """The changes with the texts of those values that may be shown. `versions` are all states of the file in the range."""
    sides = [side for side in versions if side is not None and side.document is not None]
    if len(sides) < len(versions):
        return tuple(changes)
    found = list(findings)
    if any(finding.id in UNENCRYPTED for finding in found):
        return tuple(changes)  # what should be encrypted stands there in clear, and nobody knows how much of it
    marked = {(finding.document or 0, finding.key) for finding in found if finding.key is not None}
    hidden = frozenset().union(*map(_hidden_paths, sides))
    return tuple(
        _quoted(item, change) if _is_public(item, change, marked, hidden) else change
        for item, change in zip(described, changes, strict=True)
    )


def _is_public(item: Described, change: Change, marked: set[tuple[int, Path]], hidden: frozenset[Path]) -> bool:
    old, new = item.states
    if change.change not in SHOWN or old is None or new is None or old.token is not None or new.token is not None:
        return False
    if (change.document, change.path) in marked or not (_looks_harmless(old) and _looks_harmless(new)):
        return False
    return change.path not in hidden


def _looks_harmless(state: State) -> bool:
    leaf = state.leaf
    names = [part for part in leaf.path if isinstance(part, str)]
    if len(leaf.value) > LONGEST or any(is_secret_name(name) for name in names):
        return False
    from sopskit.redact.kinds import describe  # only where a plain value changed

    return describe(leaf.data, key=names[-1] if names else "", type=leaf.kind).kind in HARMLESS


def _hidden_paths(side: Side) -> frozenset[Path]:
    """Paths at which, in any document of a version, something encrypted stands, or what is or may be a Secret's data."""
    if side.document is None:
        return frozenset()
    public = {
        id(leaf) for obj in manifest.objects(side.document) if obj.identity.kind in OBJECTS for leaf in obj.leaves
    }
    return frozenset(
        leaf.path
        for leaf in side.document.leaves()
        if side.token(leaf) is not None or (id(leaf) not in public and SECRET_FIELDS.intersection(leaf.keys))
    )


def _quoted(item: Described, change: Change) -> Change:
    return change._replace(
        value=Sides(
            *(
                None if value is None or state is None else value._replace(text=state.leaf.value)
                for value, state in zip(change.value, item.states, strict=True)
            )
        ),
    )
