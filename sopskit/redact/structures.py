"""What may be said of JSON, YAML and registry credentials inside a value: shape, and which places changed.

Both are flattened to scalars by place. Depth, nodes and aliases are limited; beyond a limit a value is taken for text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sopskit.redact.names import is_plain_name, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from sopskit.document import Path

    Scalars: TypeAlias = "dict[Path, str]"

SIZE_LIMIT = 1024 * 1024
MOST_SCALARS = 20_000
MOST_POINTERS = 20
DEPTH = 64
TOP = "list"
LONGEST_HOST = 60
HOST = re.compile(r"(?:https?://)?([A-Za-z0-9.-]+)(:\d{1,5})?(?:/v[12]/?)?/?")
YAML_LINE = re.compile(r"\s*(?:- )*(?:-|[\w./\"'-]+:(?:\s.*)?|- .*)")
CLASSES = ((0, "0"), (1, "1"), (9, "2-9"), (99, "10-99"))


class Structure(NamedTuple):
    """A value that is a tree. `top` is `object` or `list`, `entries` the number at the top, `scalars` in document order."""

    kind: str
    top: str
    entries: int
    scalars: Scalars

    def __repr__(self) -> str:
        """Shape, not content."""
        return f"Structure({self.kind!r}, {self.top!r})"


class _TooBigError(Exception):
    """Beyond a limit."""


def read_json(text: str) -> Structure | None:
    """A JSON object or list; None for anything else."""
    import json

    if len(text) > SIZE_LIMIT or text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
        return None
    try:
        tree = json.loads(text.lstrip("\ufeff"))
        return _structure("json", tree) if isinstance(tree, dict | list) else None
    except (ValueError, RecursionError, _TooBigError):
        return None


def _structure(kind: str, tree: dict[str, object] | list[object]) -> Structure:
    scalars: Scalars = {}
    stack: list[tuple[Path, object]] = [((), tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict) and node:
            children = [((*path, key), child) for key, child in node.items()]
        elif isinstance(node, list) and node:
            children = [((*path, place), child) for place, child in enumerate(node)]
        else:
            scalars[path] = f"{type(node).__name__} {node!r}"
            children = []
        if len(path) > DEPTH or len(scalars) + len(stack) + len(children) > MOST_SCALARS:
            raise _TooBigError
        stack += reversed(children)
    return Structure(kind, "object" if isinstance(tree, dict) else "list", len(tree), scalars if tree else {})


def read_yaml(text: str) -> Structure | None:
    """A YAML mapping or list of at least two lines; None for anything else, prose with a colon for instance."""
    if len(text) > SIZE_LIMIT or not _looks_like_yaml(text):
        return None
    from sopskit.document import Limits, format_for_name, parse
    from sopskit.errors import SopskitError

    is_list = f"{_significant(text)[0].lstrip()} ".startswith("- ")
    source = f"{TOP}:\n{text}" if is_list else text  # SOPS files have no list at the top, so the reader refuses one
    try:
        limits = Limits(SIZE_LIMIT, DEPTH, MOST_SCALARS)
        document = parse(source.encode("utf-8", "surrogateescape"), format_for_name("yaml"), limits=limits)
    except (SopskitError, RecursionError, ValueError):
        return None
    scalars: Scalars = {(leaf.parent.document, *leaf.path): f"{leaf.kind} {leaf.value}" for leaf in document.leaves()}
    if len({path[0] for path in scalars}) == 1:
        scalars = {path[2 if is_list else 1 :]: value for path, value in scalars.items()}
    tops = {path[0] for path in scalars if path}
    return Structure("yaml", "list" if is_list else "object", len(tops), scalars) if tops else None


def _significant(text: str) -> list[str]:
    """The lines at the start of a text that are neither blank nor comments nor document markers."""
    return [line for line in text[:4096].splitlines() if line.strip() and not line.lstrip().startswith(("#", "---"))]


def _looks_like_yaml(text: str) -> bool:
    lines = _significant(text)
    return len(lines) > 1 and YAML_LINE.fullmatch(lines[0]) is not None and (":" in text or lines[0].lstrip()[0] == "-")


def structure_facts(structure: Structure) -> Mapping[str, str]:
    """What may be printed: the type at the top, and the class of the number of its entries."""
    size = next((name for most, name in CLASSES if structure.entries <= most), "100 or more")
    return {"type": structure.top, "entries": size}


def changed_pointers(old: Structure, new: Structure) -> tuple[str, ...]:
    """JSON pointers (RFC 6901) of the scalars that differ; inner names that may be secrets are `[key 4]`. At most 20."""
    places = [*old.scalars, *(path for path in new.scalars if path not in old.scalars)]
    changed = [path for path in places if old.scalars.get(path) != new.scalars.get(path)]
    if not changed:
        return ("layout",)
    ordinals = _ordinals(places)
    pointers = list(dict.fromkeys(_pointer(path, ordinals) for path in changed))
    if len(pointers) <= MOST_POINTERS:
        return tuple(pointers)
    return (*pointers[: MOST_POINTERS - 1], f"and {len(pointers) - MOST_POINTERS + 1} more")


def _ordinals(places: list[Path]) -> dict[Path, int]:
    """Each mapping key's 1-based number among its siblings, in the order in which they appear."""
    numbers: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    for path in places:
        for depth in range(len(path)):
            prefix = path[: depth + 1]
            if prefix not in numbers:
                counts[path[:depth]] = numbers[prefix] = counts.get(path[:depth], 0) + 1
    return numbers


def _pointer(path: Path, ordinals: Mapping[Path, int]) -> str:
    parts = [
        str(part) if isinstance(part, int) else shown(part, ordinals[path[: depth + 1]]).replace("/", "~1")
        for depth, part in enumerate(path)
    ]
    return "/" + "/".join(parts)


# --- registry credentials (Kubernetes' Secret types dockerconfigjson and dockercfg)


def registries(structure: Structure | None, key: str = "") -> dict[str, Scalars] | None:
    """The entries of a `config.json` of Docker, or of the older `.dockercfg`; None if it is neither."""
    if structure is None or structure.top != "object" or structure.kind != "json":
        return None
    depth = 0 if key == ".dockercfg" else 1
    if depth and structure.scalars.get(("auths",)) == "dict {}":
        return {}
    found: dict[str, Scalars] = {}
    for path, value in structure.scalars.items():
        if depth and path[0] != "auths":
            continue
        if len(path) <= depth:
            return None
        found.setdefault(str(path[depth]), {})[path[depth + 1 :]] = value
    return found or None


def registry_facts(entries: Mapping[str, Scalars]) -> Mapping[str, int | tuple[str, ...]]:
    """What may be printed: the number of registries, and those host names that are plainly host names."""
    hosts = tuple(name for name in (_host(text) for text in list(entries)[:MOST_POINTERS]) if name)
    return {"registries": len(entries), "hosts": hosts} if hosts else {"registries": len(entries)}


def changed_registries(old: Mapping[str, Scalars], new: Mapping[str, Scalars]) -> tuple[str, ...]:
    """The registries whose entry differs, was added or removed: by host name, or `[registry 2]`."""
    names = [*old, *(name for name in new if name not in old)]
    changed = [
        _host(name) or f"[registry {number}]" for number, name in enumerate(names, 1) if old.get(name) != new.get(name)
    ]
    return tuple(dict.fromkeys(changed))[:MOST_POINTERS] or ("layout",)


def _host(text: str) -> str:
    """The host of a registry's key if it may be shown, else nothing."""
    match = HOST.fullmatch(text)
    if match is None or not is_plain_name(match[1], LONGEST_HOST):
        return ""
    return match[1] + (match[2] or "")
