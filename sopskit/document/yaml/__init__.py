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
    return sys.modules[__name__]


def encode(document: Document) -> bytes:
    """The file's bytes."""
    data = document.text.encode("utf-8")
    return b"\xef\xbb\xbf" + data if document.bom else data


def seal(
    document: Document,
    tokens: Sequence[tuple[Leaf | Comment, str]],
    block: Mapping[str, Raw],
    *,
    indent: int | None,
    one_line: frozenset[tuple[int, Path]],
) -> Document:
    """Put tokens in the place of values, each in its value's quotes, and append the `sops` entry to every document.

    Aliases of sealed values are written out, since a token is good for one path only. Raises `RefusedError`
    if a document has a `sops` entry already.
    """
    from sopskit.document.yaml import sealing

    return sealing.seal(document, tokens, block, indent, one_line)


def open(document: Document, values: Sequence[tuple[Leaf | Comment, Plain]]) -> Document:
    """Put plaintexts in the place of tokens, and take the `sops` entries away."""
    from sopskit.document.yaml import opening

    return opening.open_values(document, values)


def reblock(document: Document, block: Mapping[str, Raw], *, indent: int | None) -> Document:
    """Put another `sops` entry in the place of the one there, in every document."""
    from sopskit.document.yaml import sealing

    return sealing.reblock(document, block, indent)


def assign(document: Document, path: Path, value: Raw) -> Document:
    """Set what stands at `path` of the first document. Raises `PathNotFoundError`; `RefusedError` for the entry `sops`.

    Missing mappings are made and added at the end; a list position behind the end appends; a scalar in the way
    is replaced. Integers stay integers (sops makes every number a float).
    """
    from sopskit.document.yaml import change

    return change.assign(document, path, value)


def remove(document: Document, path: Path) -> Document:
    """Take away what stands at `path` of the first document, with its line. Raises `PathNotFoundError`."""
    from sopskit.document.yaml import change

    return change.remove(document, path)


def extract(document: Document, path: Path, *, indent: int | None) -> bytes:
    """What stands at `path`: a string as its bytes, all else as sops writes YAML. Raises `PathNotFoundError`."""
    from sopskit.document.yaml.extraction import extract as extract_value

    return extract_value(document, path, indent)
