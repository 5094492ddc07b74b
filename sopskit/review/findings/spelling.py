"""Places of leaves in the arguments of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.redact import escape_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sopskit.document import Path

MOST_KEYS = 10


def key_list(paths: Iterable[Path]) -> str:
    """Key paths, escaped, each once, and how many more there are than fit."""
    spelled = list(dict.fromkeys(escape_path(path) for path in paths))
    more = f" and {len(spelled) - MOST_KEYS} more" if len(spelled) > MOST_KEYS else ""
    return ", ".join(spelled[:MOST_KEYS]) + more
