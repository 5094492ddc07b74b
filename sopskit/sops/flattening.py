"""The flat form of metadata, for formats without nesting (dotenv, INI): SOPS section 6.6.

A mapping below key K becomes `K__map_NAME`, a list `K__list_INDEX`; `age__list_0__map_enc` is a leaf.
Texts hold real line feeds here; how a format writes them on one line is its own matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.golang import format_float, parse_int
from sopskit.document.model import Timestamp
from sopskit.errors import LimitError, MetadataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from sopskit.document.model import Raw

MAP = "__map_"
LIST = "__list_"
MAX_DEPTH = 64

Node: TypeAlias = "dict[str | int, Node] | str"


def flatten(tree: Mapping[str, Raw]) -> dict[str, str]:
    """The flat form of `tree`, in its order. Empty mappings and lists, and nulls, disappear.

    Raises `MetadataError` if two leaves get the same key.
    """
    flat: dict[str, str] = {}
    for key, value in tree.items():
        for name, text in _leaves(key, value):
            if name in flat:
                raise MetadataError(f"two entries have the same flat name {name}")
            flat[name] = text
    return flat


def _leaves(key: str, value: Raw) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(f"{key}{MAP}{name}", child)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _leaves(f"{key}{LIST}{index}", child)
    elif value is not None:
        yield key, _spell(value)


def _spell(value: bool | float | str | Timestamp) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Timestamp):
        return value.text
    return format_float(value) if isinstance(value, float) else str(value)


def unflatten(flat: Mapping[str, str]) -> dict[str, Raw]:
    """The nested form of `flat`; every leaf is a text. Raises `MetadataError` for names that do not fit together."""
    root: dict[str | int, Node] = {}
    for name, value in flat.items():
        _place(root, split_name(name), value)
    return {str(key): _build(node) for key, node in root.items()}


def split_name(name: str) -> list[str | int]:
    """The mapping keys and list positions in a flat name; a position that is no number counts as 0."""
    tokens: list[str | int] = []
    start, marker = 0, MAP
    while True:
        position, following = _next_marker(name, start)
        token = name[start:position]
        tokens.append(token if marker is MAP else parse_int(token) or 0)
        if not following:
            return tokens
        start, marker = position + len(following), following


def _next_marker(name: str, start: int) -> tuple[int, str]:
    found = [(position, marker) for marker in (MAP, LIST) if (position := name.find(marker, start)) >= 0]
    return min(found, default=(len(name), ""))


def _place(root: dict[str | int, Node], tokens: list[str | int], value: str) -> None:
    if len(tokens) > MAX_DEPTH:
        raise LimitError(f"a flat metadata name is nested more than {MAX_DEPTH} levels deep")
    node = root
    for token in tokens[:-1]:
        child = node.setdefault(token, {})
        if isinstance(child, str):
            raise MetadataError(f"a value and entries below it: {_first(tokens)}")
        node = child
    if tokens[-1] in node:
        raise MetadataError(f"an entry is there twice, or both as a value and with entries below it: {_first(tokens)}")
    node[tokens[-1]] = value


def _first(tokens: list[str | int]) -> str:
    return str(tokens[0])


def _build(node: Node) -> Raw:
    if isinstance(node, str):
        return node
    positions = [key for key in node if isinstance(key, int)]
    if not positions:
        return {str(key): _build(child) for key, child in node.items()}
    if len(positions) != len(node):
        raise MetadataError("an entry is both a list and a mapping")
    if sorted(positions) != list(range(len(positions))):
        raise MetadataError("a list has gaps")
    return [_build(node[position]) for position in range(len(positions))]
