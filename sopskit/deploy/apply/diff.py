"""What would change in an object: the fields, and never a value that could be a secret."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

from sopskit.deploy.apply.fields import NOISE
from sopskit.redact import MASK, escape, escape_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = tuple[str | int, ...]

# the few fields, in `spec` or at the top, whose values a person wants to see and that hold no secrets
SHOWN = frozenset(("image", "replicas", "schedule", "suspend", "immutable", "type"))
MISSING = object()


class Action(enum.Enum):
    """What applying an object does. The value is the sign in front of its line."""

    CREATE = "+"
    CHANGE = "~"
    SAME = "="
    DELETE = "-"
    RECREATE = "-/+"  # it is immutable: deleted, and created anew
    LATER = "?"  # cannot be tried before its namespace or its kind is there


class Change(NamedTuple):
    """A field that is added, changed or removed; the values as they may be shown."""

    action: Action
    path: str
    old: str
    new: str

    def __str__(self) -> str:
        """`~ spec.replicas: 2 -> 3`, `~ data.password: <redacted>`."""
        if self.old and self.new and self.old != self.new:
            return f"{self.action.value} {self.path}: {self.old} -> {self.new}"
        return f"{self.action.value} {self.path}: {self.new or self.old}"


def changes(live: dict[str, Any] | None, planned: dict[str, Any], secrets: frozenset[str]) -> tuple[Change, ...]:
    """The fields in which what an apply would make differs from what is there (None: nothing)."""
    old, new = _told(live or {}), _told(planned)
    return tuple(_change(*found, secrets) for found in _differences(old, new, ()))


def _told(content: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        key: value for key, value in content.get("metadata", {}).items() if key not in (*NOISE, "name", "namespace")
    }
    rest = {key: value for key, value in content.items() if key not in ("apiVersion", "kind", "status", "metadata")}
    return {**({"metadata": metadata} if metadata else {}), **rest}


def _differences(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from _differences(*pair, (*path, index))
    elif old is MISSING and isinstance(new, dict) and new:
        yield from _differences({}, new, path)
    elif new is MISSING and isinstance(old, dict) and old:
        yield from _differences(old, {}, path)
    elif type(old) is not type(new) or old != new:
        yield path, old, new


def _change(path: Path, old: Any, new: Any, secrets: frozenset[str]) -> Change:
    action = Action.CREATE if old is MISSING else Action.DELETE if new is MISSING else Action.CHANGE
    may_show = path[-1] in SHOWN and (path[0] == "spec" or len(path) == 1)
    texts = [_text(value, secrets) if may_show and value is not MISSING else "" for value in (old, new)]
    # the old value of an encrypted field is none of the values that were just decrypted, and as secret as the new one
    if not may_show or MASK in texts:
        texts = ["" if value is MISSING else MASK for value in (old, new)]
    return Change(action, escape_path(path), *texts)


def _text(value: Any, secrets: frozenset[str]) -> str:
    text = str(value)
    hidden = isinstance(value, dict | list) or _holds(text, secrets)
    return MASK if hidden else escape(text)


def _holds(text: str, secrets: frozenset[str]) -> bool:
    """Whether a secret is in it. A short text has fewer parts than a large tree has secrets, and they are looked up."""
    if len(text) * (len(text) + 1) // 2 < len(secrets):
        parts = (text[start:end] for start in range(len(text)) for end in range(start + 1, len(text) + 1))
        return any(part in secrets for part in parts)
    return any(secret in text for secret in secrets if secret)
