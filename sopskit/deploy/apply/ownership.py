"""Whose an object in the cluster is: its label says which inventory it is in, its managed fields who has applied it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sopskit.cluster.connection import FIELD_MANAGER
from sopskit.deploy.apply.target import OWNER
from sopskit.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Live = Mapping[str, Any] | None


class ForeignError(ClusterError):
    """The object is somebody else's."""


def owner_of(live: Live) -> str:
    """The inventory that an object is in, empty for none."""
    metadata = (live or {}).get("metadata", {})
    return str((metadata.get("labels") or {}).get(OWNER) or "")


def check_owner(live: Live, owner: str) -> None:
    """Raise `ForeignError` for an object of another inventory."""
    other = owner_of(live)
    if other and other != owner:
        raise ForeignError(f"is in the inventory {other}", hint=f"apply it with --name {other}, or take it out there")


def is_ours(live: Live, owner: str) -> bool:
    """Whether an object is in our inventory or, if it is in none, was applied by us."""
    if owner_of(live):
        return owner_of(live) == owner
    entries = (live or {}).get("metadata", {}).get("managedFields") or ()
    return any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in entries)
