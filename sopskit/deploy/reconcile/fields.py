"""The fields of an object of settings that came as JSON: every error names the field, none quotes a value."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from sopskit.errors import ConfigError
from sopskit.redact import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

DURATION = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,3})?(?:ms|s|m|h))+\Z")
PART = re.compile(r"([0-9.]+)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = 366 * 24 * 3600.0  # seconds
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")


class Fields:
    """A mapping that is read field by field; `close` refuses what nobody has asked for."""

    def __init__(self, content: Any, place: str) -> None:
        """`place` is what messages call it. Raises `ConfigError` for what is no mapping."""
        if not isinstance(content, dict):
            raise ConfigError(f"{place} is no mapping")
        self.place = place
        self._content = content
        self._asked: set[str] = set()

    def _get(self, name: str) -> Any:
        self._asked.add(name)
        return self._content.get(name)

    def is_given(self, name: str) -> bool:
        """Whether it is there, if only empty."""
        return self._content.get(name) is not None

    def text(
        self, name: str, default: str = "", pattern: re.Pattern[str] | None = None, *, required: bool = False
    ) -> str:
        """A text, which fits the pattern."""
        value = self._get(name)
        if value is None or value == "":
            if required:
                raise ConfigError(f"{self.place}.{name} is missing")
            return default
        if not isinstance(value, str) or (pattern is not None and not pattern.match(value)) or not value.isprintable():
            raise ConfigError(f"{self.place}.{name} is not valid")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of several words, by default the first."""
        value = self.text(name, choices[0])
        if value not in choices:
            raise ConfigError(f"{self.place}.{name} is one of {', '.join(choices)}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._get(name)
        if value is not None and not isinstance(value, bool):
            raise ConfigError(f"{self.place}.{name} is true or false")
        return default if value is None else value

    def number(self, name: str, default: int) -> int:
        """A whole number from 0 to 1000."""
        value = self._get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000:
            raise ConfigError(f"{self.place}.{name} is a number from 0 to 1000")
        return value

    def duration(self, name: str, default: float) -> float:
        """Seconds, written as Go does: `90s`, `1m30s`."""
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, str) or not DURATION.match(value):
            raise ConfigError(f"{self.place}.{name} is no duration", hint="write one such as 30s or 1m30s")
        seconds = math.fsum(float(count) * SECONDS[unit] for count, unit in PART.findall(value))
        if seconds > LONGEST:
            raise ConfigError(f"{self.place}.{name} is longer than a year")
        return seconds

    def texts(self, name: str) -> list[str]:
        """A list of texts; nothing is an empty one."""
        value = self._get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
            raise ConfigError(f"{self.place}.{name} is no list of texts")
        return value

    def items(self, name: str) -> list[Fields]:
        """A list of mappings."""
        value = self._get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise ConfigError(f"{self.place}.{name} is no list")
        return [Fields(item, f"{self.place}.{name}[{index}]") for index, item in enumerate(value)]

    def inner(self, name: str) -> Fields | None:
        """A mapping, None if it is not there."""
        value = self._get(name)
        return None if value is None else Fields(value, f"{self.place}.{name}")

    def secret(self, name: str, *, required: bool = False, plain: bool = False) -> str:
        """The name of a Secret: `{secretRef: {name: N}}`, or `{name: N}` if it is `plain`."""
        outer = self.inner(name)
        reference = outer if plain or outer is None else outer.inner("secretRef")
        if reference is None:
            if required or outer is not None or plain:
                raise ConfigError(f"{self.place}.{name} names no Secret")
            return ""
        found = reference.text("name", "", NAME, required=True)
        for part in (outer, reference):
            if part is not None:
                part.close()
        return found

    def close(self) -> None:
        """Raises `ConfigError` for a field that nobody knows."""
        unknown = sorted(str(key) for key in self._content.keys() - self._asked)
        if unknown:
            raise ConfigError(f"{self.place} has an unknown field {escape(unknown[0])}")
