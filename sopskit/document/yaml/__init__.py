"""YAML: values are replaced in place, everything else in the file stays as its author wrote it.

Reading follows go-yaml v3, the library of SOPS, on top of libyaml's events. Comments, quoting, order and line ends
are kept because nothing is ever written out of a tree: an edit replaces the span of one value.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sopskit.document.model import Comment, Document, Format, Leaf, Limits, Path, Plain, Raw

NAME = "yaml"
FLAT = False


def parse(source: bytes, *, encrypted: bool, limits: Limits) -> Document:  # noqa: ARG001 both forms read alike
    """Read a file. Raises `DocumentSyntaxError`, `LimitError`, and `MetadataError` for two `sops` entries."""
    from sopskit.document.yaml.reader import decode, read

    text, bom = decode(source)
    return read(_self(), text, limits, bom=bom)


def _self() -> Format:
    return sys.modules[__name__]  # type: ignore[return-value]


def encode(document: Document) -> bytes:
    """The file's bytes."""
    data = document.text.encode("utf-8")
    return b"\xef\xbb\xbf" + data if document.bom else data
