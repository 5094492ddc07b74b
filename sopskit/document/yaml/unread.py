"""A document that nobody may ever look into: what `seal` and `open` give is often only turned to bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.document.model import Document
from sopskit.document.yaml.reader import read

if TYPE_CHECKING:
    from sopskit.document.model import Format, Limits


class UnreadDocument(Document):
    """A document that was written and checked but is read only when somebody asks for its parts."""

    __slots__ = ("_limits",)

    def __init__(self, format: Format, text: str, limits: Limits, *, bom: bool) -> None:
        """Hold the text."""
        self.format = format
        self.text = text
        self.bom = bom
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        """Read the text when a part of it is missed."""
        if name not in {"block", "items", "layout", "roots"}:
            raise AttributeError(name)
        document = read(self.format, self.text, self._limits, bom=self.bom)
        self.block, self.items = document.block, document.items
        self.layout, self.roots = document.layout, document.roots
        return getattr(self, name)
