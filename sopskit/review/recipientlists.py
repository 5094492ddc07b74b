"""Who joins and who leaves a list of recipients in a `.sops.yaml`: that list is one value, and its names are public."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit.config.search import NAME
from sopskit.config.sopskit_yaml import canonical
from sopskit.errors import SopskitError
from sopskit.sops.masterkeys import parse_age_key, parse_pgp_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sopskit.review.compare import State
    from sopskit.review.facts import Described

    NameOf = Callable[[str], str | None]

FIELDS = frozenset(("age", "pgp"))
SEPARATORS = re.compile(r"[,\n]")
ODD = "something that is no recipient"


def is_rules_file(path: str) -> bool:
    """Whether a path is that of a `.sops.yaml`."""
    return path.rpartition("/")[2] == NAME


def tell_recipients(described: Sequence[Described], name_of: NameOf) -> list[Described]:
    """The changes of a `.sops.yaml`, with the recipients that were added and taken away as their parts.

    Only what is a recipient is named: a private key that somebody put there by mistake is not.
    """
    return [_with_recipients(item, name_of) if _is_list(item) else item for item in described]


def _is_list(item: Described) -> bool:
    fields = [part for part in item.change.path if isinstance(part, str)]
    return item.change.change != "comment" and bool(fields) and fields[-1] in FIELDS


def _with_recipients(item: Described, name_of: NameOf) -> Described:
    old, new = (_recipients(state) for state in item.states)
    parts = [f"+ {_spelled(one, name_of)}" for key, one in new.items() if key not in old]
    parts += [f"- {_spelled(one, name_of)}" for key, one in old.items() if key not in new]
    return item._replace(change=item.change._replace(parts=tuple(parts)))


def _recipients(state: State | None) -> dict[str, str]:
    if state is None or state.token is not None:
        return {}
    texts = [text.strip() for text in SEPARATORS.split(state.leaf.value)]
    return {canonical(text): text for text in texts if text}


def _spelled(text: str, name_of: NameOf) -> str:
    for parse in (parse_age_key, lambda text: parse_pgp_key(text, "")):
        try:
            parse(text)
        except SopskitError:
            continue
        name = name_of(text)
        return f"{name} ({text})" if name else text
    return ODD
