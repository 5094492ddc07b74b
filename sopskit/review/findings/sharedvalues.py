"""ENV02: one secret for two environments.

Comparing files is the sharpest oracle there is: whoever can write to dev could ask for prod's password, guess by guess.
So it is done only where somebody answers for the author.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact.names import is_secret_name
from sopskit.review.alignment import SHORTEST_TOLD
from sopskit.review.findings.environments import sibling
from sopskit.review.findings.policy import FilePolicy, Hit, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sopskit.document import Path, Plain
    from sopskit.review.compare import Place
    from sopskit.review.findings.subject import Subject

SECRET_KINDS = frozenset(("password", "private-key", "ssh-key", "jwt"))


def env02(subject: Subject) -> Iterator[Hit]:
    """A secret value of a protected environment stands in another one as well."""
    here, change = subject.environment, subject.change
    if here is None or subject.plain.head is None or not change.vouched:
        return
    for other in _others(subject):
        path = sibling(change, subject.path, here.name, other)
        plain = change.open_head(path) if path is not None else None
        for key in _shared(subject.plain.head, plain or {}):
            state = next((state for state in subject.comparison.states.head.values() if state.own_place == key), None)
            head = subject.sides.head
            where = place(head.document, state.leaf) if state is not None and head and head.document else {}
            yield Hit(
                "the same secret stands in {environment} and {other}",
                args={"environment": here.name, "other": other},
                **where,
            )


def _others(subject: Subject) -> list[str]:
    """The environments to compare with: of two, one has to be protected."""
    change, here = subject.change, subject.environment
    names = dict.fromkeys(environment.name for environment in change.team.environments if environment != here)
    protected = {environment.name for environment in change.team.environments if environment.protected}
    return [name for name in names if subject.is_protected != (name in protected)]


def _shared(one: Mapping[Place, Plain], other: Mapping[Place, Plain]) -> Iterator[Place]:
    for key, plain in one.items():
        there = other.get(key)
        if there is not None and there.data == plain.data and _is_secret(key[1], plain):
            yield key


def _is_secret(path: Path, plain: Plain) -> bool:
    if len(plain.data) < SHORTEST_TOLD:
        return False
    name = str(path[-1]) if path else ""
    from sopskit.redact.kinds import describe

    return is_secret_name(name) or describe(plain.data, key=name, type=plain.kind).kind in SECRET_KINDS


POLICIES = (
    FilePolicy(
        "ENV02",
        "high",
        "the same secret in a protected environment and another one",
        why=(
            "A secret that two environments share is as well protected as the weaker of the two: whoever can read the files of "
            "a development environment then has a key of production."
        ),
        remedy="make a new secret for the protected environment, and change it where it is used",
        find=env02,
        key="yes",
    ),
)
