"""What may be printed: the mask in the place of values, hostile text made harmless, and what may be said of a value.

Only the escaping is loaded with the package; `kinds` and what it needs is loaded by who asks for it.
"""

from __future__ import annotations

from sopskit.redact.escaping import escape, escape_bytes, escape_path, harmless, is_harmless
from sopskit.secret import MASK

__all__ = ["MASK", "escape", "escape_bytes", "escape_path", "harmless", "is_harmless"]
