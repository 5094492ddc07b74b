"""The official client, loaded at once: for a process that others are forked from, so that they have it from the start."""

from __future__ import annotations

import kubernetes.client
import kubernetes.config
import urllib3

__all__ = ["kubernetes", "urllib3"]
