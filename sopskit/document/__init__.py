"""Text and its typed leaves: YAML, JSON, dotenv, INI and binary files. Knows nothing of keys.

A new format is one module with the functions of `Format`, and one line in `FORMATS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from sopskit.document.model import (
    Block,
    Comment,
    Container,
    Document,
    Edit,
    Format,
    Leaf,
    Limits,
    Path,
    Plain,
    Raw,
    Timestamp,
)
from sopskit.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Block",
    "Comment",
    "Container",
    "Document",
    "Edit",
    "Format",
    "Leaf",
    "Limits",
    "Path",
    "Plain",
    "Raw",
    "Timestamp",
    "format_for_name",
    "format_for_path",
    "parse",
]

# name -> module; a module is loaded when the first file of its format is met
FORMATS: Mapping[str, str] = {
    "yaml": "sopskit.document.yaml",
    "json": "sopskit.document.json",
    "dotenv": "sopskit.document.dotenv",
    "ini": "sopskit.document.ini",
    "binary": "sopskit.document.binary",
}
SUFFIXES: Mapping[str, str] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv", ".ini": "ini"}
DEFAULT_LIMITS = Limits()


def format_for_name(name: str) -> Format:
    """Load the format module called `name`; KeyError if there is none."""
    return cast("Format", import_module(FORMATS[name]))


def format_for_path(path: str) -> Format:
    """The format that sops chooses for a file name: by suffix, case-sensitive, else binary (SOPS section 7)."""
    for suffix, name in SUFFIXES.items():
        if path.endswith(suffix):
            return format_for_name(name)
    return format_for_name("binary")


def parse(source: bytes, format: Format, *, encrypted: bool = False, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a file's bytes. Raises `DocumentSyntaxError` or `LimitError`."""
    if len(source) > limits.size:
        raise LimitError(f"the file has {len(source)} bytes, more than the limit of {limits.size}")
    return format.parse(source, encrypted=encrypted, limits=limits)
