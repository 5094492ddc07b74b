"""Manifest streams in pieces: cut into documents, and objects written so that kubectl reads back what they are."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from sopskit.deploy.objects import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)  # no scalar of any style can hold one (YAML 1.2, 9.1.2)


def split_documents(stream: bytes) -> list[bytes]:
    """The documents of a stream, each from its marker on; together they are the stream, byte for byte."""
    starts = [match.start() for match in MARKER.finditer(stream)]
    bounds = [0, *(start for start in starts if start), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds) if start < end]


def join_documents(documents: Iterable[bytes]) -> bytes:
    """One stream of documents; a marker is put before those that have none, but for the first."""
    parts: list[bytes] = []
    for document in documents:
        text = document if document.endswith(b"\n") or not document else document + b"\n"
        parts.append(text if not parts or MARKER.match(text) else b"---\n" + text)
    return b"".join(parts)


def write_object(content: dict[str, Any]) -> bytes:
    """An object as a YAML document. A text that kubectl would take for something else (`y`, `0o7`) is quoted."""
    # Any: yaml.dump is typed as Any
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16)
    return text.encode("utf-8", "surrogatepass")


class _Dumper(yaml.CSafeDumper):
    """Quotes what YAML 1.1 and 1.2 readers see differently, and never writes an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 PyYAML's own
        """Always: kubectl counts aliases as an attack."""
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """A string, in double quotes if it reads as another type, or spans lines in a way that folding could change."""
        style = None if isinstance(resolve(data), str) and data.isprintable() else '"'
        if "\n" in data and all(line.isprintable() for line in data.split("\n")):
            style = "|"
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)
