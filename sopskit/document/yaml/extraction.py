"""What sops's `decrypt --extract` prints: a string as it is, everything else as YAML in sops's own layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.document.model import Timestamp
from sopskit.document.yaml import emit
from sopskit.document.yaml.entry import typed
from sopskit.document.yaml.outline import MAPPING, SCALAR, Node, Outline, child_at, not_found
from sopskit.document.yaml.resolve import resolve_tagged

if TYPE_CHECKING:
    from sopskit.document.model import Document, Path, Raw

DEFAULT_STEP = 4


def extract(document: Document, path: Path, indent: int | None) -> bytes:
    """See `Format.extract`."""
    outline = Outline(document.text)
    if not outline.roots:
        raise not_found(path, "the file has no document")
    node = outline.roots[0]
    for depth in range(len(path)):
        child = child_at(node, path, depth)
        if child is None:
            raise not_found(path[: depth + 1])
        node = child.node.resolved
    if node.kind == SCALAR:
        return _scalar(node)
    if node.kind == MAPPING:
        return _documents([node, *outline.roots[1:]], indent or DEFAULT_STEP)
    text = emit.block_list(tree(node), 0, _style(DEFAULT_STEP)) if node.children else "[]"  # type: ignore[arg-type]
    return _encode(text + "\n")


def _style(step: int) -> emit.Style:
    return emit.Style(step, go_floats=True)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _scalar(node: Node) -> bytes:
    kind, data = resolve_tagged(node.value, node.tag, plain=not node.style)
    if kind == "str":
        return data
    return _encode(emit.scalar_text(tree(node), go_floats=True) + "\n")


def _documents(roots: list[Node], step: int) -> bytes:
    """The mapping, then the file's other documents, as sops does."""
    texts = []
    for root in roots:
        value = tree(root)
        text = emit.block_mapping(value, 0, _style(step)) if isinstance(value, dict) and value else "{}"
        texts.append(text + "\n")
    return _encode("---\n".join(texts))


def tree(node: Node) -> Raw:
    """A node as Python values, aliases followed; times in their canonical form."""
    node = node.resolved
    if node.kind == SCALAR:
        kind, data = resolve_tagged(node.value, node.tag, plain=not node.style)
        return Timestamp(data.decode()) if kind == "time" else typed(node.value, kind, data)
    if node.kind == MAPPING:
        return {str(child.key): tree(child.node) for child in node.children}
    return [tree(child.node) for child in node.children]
