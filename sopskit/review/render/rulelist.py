"""The lists of a `.sops.yaml` as people read them.

Its leaves are compared by position. A recipient that is put in front of others, or a rule in front of other rules, moves all
that follows, so that every one of those looks changed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from sopskit.review.model import Sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sopskit.document import Path
    from sopskit.review.model import Change, ChangeKind

    # a change, and our words for it
    Row: TypeAlias = tuple[Change, str]

RULES = "creation_rules"
LISTS = frozenset(("age", "pgp"))
KEYS = LISTS | {"kms", "aws_profile", "gcp_kms", "hckms", "azure_keyvault", "hc_vault_transit_uri", "key_groups"}


def condense_rules(changes: Sequence[Change]) -> list[Row]:
    """The changes of a `.sops.yaml`: one for each list of recipients, and one for rules that came or went.

    Where those stood before others, all that follow are in it too, since each is compared with its neighbour.
    """
    by_rule: dict[int, list[Change]] = {}
    for change in changes:
        number = _rule(change)
        if number is not None:
            by_rule.setdefault(number, []).append(change)
    kind: ChangeKind = "added" if _at_the_end(by_rule, "added") else "removed"
    numbers = _at_the_end(by_rule, kind)
    if not numbers:
        return [(change, "") for change in _join_lists(changes)]
    if any(_moves_on(found) for number, found in by_rule.items() if number not in numbers):
        where, inside = _shifted(by_rule, len(numbers), kind), list(by_rule)
    else:
        where, inside = f"{_rules(len(numbers))} at the end", numbers
    told = [change for number in inside for change in by_rule[number]]
    others = [change for change in changes if _rule(change) not in inside]
    return [_rules_row(told, kind, where), *((change, "") for change in _join_lists(others))]


def _rule(change: Change) -> int | None:
    """The position of the rule that a change is in."""
    path = change.path
    if change.change == "comment" or len(path) < 3 or path[0] != RULES or not isinstance(path[1], int):
        return None
    return path[1]


# --- rules


def _at_the_end(by_rule: Mapping[int, Sequence[Change]], kind: ChangeKind) -> list[int]:
    """The positions that only one side has: those of the last rules, with a path and with keys."""
    found: list[int] = []
    for number in sorted(by_rule, reverse=True):
        fields = {change.path[2] for change in by_rule[number]}
        kinds = {change.change for change in by_rule[number]} - ({"moved"} if kind == "added" else set())
        if kinds - {kind} or "path_regex" not in fields or not fields & KEYS:
            break
        found.append(number)
    return found[::-1]


def _moves_on(changes: Sequence[Change]) -> bool:
    """Whether a rule is for other paths than the one that it is compared with."""
    return any(change.path[2:] == ("path_regex",) for change in changes)


def _rules(number: int) -> str:
    return "1 rule" if number == 1 else f"{number} rules"


def _shifted(by_rule: Mapping[int, Sequence[Change]], number: int, kind: ChangeKind) -> str:
    first = _first_shifted(by_rule, number, added=kind == "added")
    where = "" if first is None else f" before [{first}]" if kind == "added" else f" from [{first}] on"
    return f"{_rules(number)}{where}, {sum(map(len, by_rule.values()))} values differ by position"


def _rules_row(changes: Sequence[Change], kind: ChangeKind, where: str) -> Row:
    parts = tuple(sorted(_recipients(changes)))
    row = changes[0]._replace(path=(RULES,), change=kind, origin=None, parts=parts)
    return row, f"{where}; recipients in sum: " if parts else where


def _first_shifted(by_rule: Mapping[int, Sequence[Change]], number: int, *, added: bool) -> int | None:
    """The position where rules came or went, if the paths of all that follow stand that much further on."""
    paths = {index: _paths(found) for index, found in by_rule.items()}
    moved = sorted(index for index, sides in paths.items() if None not in sides)
    if not moved:
        return None
    for index in moved[:-number]:
        here, there = paths[index], paths.get(index + number, Sides(None, None))
        if (here.base != there.head) if added else (here.head != there.base):
            return None
    return moved[0] if moved == list(range(moved[0], moved[-1] + 1)) else None


def _paths(changes: Sequence[Change]) -> Sides[str | None]:
    for change in changes:
        if change.path[2:] == ("path_regex",):
            return Sides(*(value.text if value else None for value in change.value))
    return Sides(None, None)


def _recipients(changes: Sequence[Change]) -> Iterator[str]:
    """Who is listed by more rules than before, or by fewer: that does not depend on the order of the rules."""
    balance: Counter[str] = Counter()
    for change in changes:
        for part in change.parts:
            balance[part[2:]] += 1 if part.startswith("+ ") else -1
    for who, number in balance.items():
        if number:
            yield f"{'+' if number > 0 else '-'} {who}"


# --- lists of recipients


def _join_lists(changes: Sequence[Change]) -> Iterator[Change]:
    """A list whose elements are leaves is one change, as one with commas is."""
    lists: dict[Path, list[Change]] = {}
    for change in changes:
        if _is_element(change):
            lists.setdefault(change.path[:-1], []).append(change)
    for change in changes:
        if not _is_element(change):
            yield change
        elif change is lists[change.path[:-1]][0]:
            yield _joined(change, lists[change.path[:-1]])


def _is_element(change: Change) -> bool:
    path = change.path
    return len(path) > 3 and path[0] == RULES and path[-2] in LISTS and isinstance(path[-1], int)


def _joined(first: Change, elements: Sequence[Change]) -> Change:
    kinds = {element.change for element in elements}
    told = [part for element in elements for part in element.parts]
    added = {part[2:] for part in told if part.startswith("+ ")}
    removed = {part[2:] for part in told if part.startswith("- ")}
    parts = [part for part in dict.fromkeys(told) if part[2:] not in added & removed]
    return first._replace(
        path=first.path[:-1],
        change="moved" if kinds == {"moved"} else "changed",
        origin=None,
        parts=tuple(sorted(parts)),
    )
