"""Types for what must not be printed by accident.

`str`, `repr`, `format`, f-strings and JSON show the mask; pickling and copying to a file are
refused. The content is had by naming it: `reveal()`. Python cannot erase `bytes` reliably, so
these types promise not to show, not to forget.
"""

from __future__ import annotations

from _operator import _compare_digest as equal  # hmac.compare_digest; importing hmac loads OpenSSL a second time: 5 ms
from typing import Any, NoReturn

__all__ = ["MASK", "DataKey", "FileKey", "SecretBytes", "SecretStr", "equal"]

MASK = "<redacted>"


class SecretBytes:
    """Bytes that print as a mask. Equality takes constant time."""

    __slots__ = ("_data",)
    size: int | None = None

    def __init__(self, data: bytes | bytearray) -> None:
        """Take a copy of `data`; a class with a `size` takes exactly that many bytes."""
        if self.size is not None and len(data) != self.size:
            raise ValueError(f"{type(self).__name__} takes {self.size} bytes, not {len(data)}")
        self._data = bytes(data)

    def reveal(self) -> bytes:
        """Give the content."""
        return self._data

    def __len__(self) -> int:
        """Length in bytes."""
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time; only with the same class."""
        if type(other) is not type(self):
            return NotImplemented
        return equal(self._data, other._data)

    __hash__ = None  # type: ignore[assignment]  # a hash would be a digest of the secret

    def __repr__(self) -> str:
        """The mask."""
        return f"{type(self).__name__}({MASK})"

    def __str__(self) -> str:
        """The mask."""
        return MASK

    def __format__(self, spec: str) -> str:
        """The mask, whatever the format."""
        return MASK

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse pickle and copy."""
        raise TypeError(f"{type(self).__name__} cannot be pickled")


class DataKey(SecretBytes):
    """The 32 bytes that encrypt the values of one SOPS file."""

    __slots__ = ()
    size = 32


class FileKey(SecretBytes):
    """The 16 bytes behind the header MAC and payload of one age file."""

    __slots__ = ()
    size = 16


class SecretStr:
    """Text that prints as a mask. Equality takes constant time."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep `text`."""
        self._text = text

    def reveal(self) -> str:
        """Give the content."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare in constant time; only with the same class."""
        if type(other) is not type(self):
            return NotImplemented
        return equal(self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass"))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The mask."""
        return f"{type(self).__name__}({MASK})"

    def __str__(self) -> str:
        """The mask."""
        return MASK

    def __format__(self, spec: str) -> str:
        """The mask, whatever the format."""
        return MASK

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse pickle and copy."""
        raise TypeError(f"{type(self).__name__} cannot be pickled")
