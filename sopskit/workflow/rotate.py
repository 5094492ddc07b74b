"""Rotate: a new data key, and recipients added or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sopskit.sops.crypt import seal_file
from sopskit.sops.datakey import generate, wrap_data_key

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sopskit.pgp import Gpg
    from sopskit.sops.crypt import Opened
    from sopskit.sops.masterkeys import KeyGroup, MasterKey

KeyName = tuple[str, str]  # the name of its list in the file, and its id


class Rotated(NamedTuple):
    """The new file, and which of the keys to be removed were not there."""

    data: bytes
    missing: list[KeyName]


def rotate(
    opened: Opened,
    *,
    add: Sequence[MasterKey] = (),
    remove: Collection[KeyName] = (),
    gpg: Gpg,
    now: datetime,
    indent: int | None = None,
) -> Rotated:
    """Seal every value under a new data key, unchanged values under their old IV (SOPS section 4.3).

    Keys are added to the first group and removed from all. Raises `NoMatchingRuleError` if a group becomes empty,
    and what wrapping raises: `RecipientError`, `GpgError`, `ForeignKeyError`.
    """
    metadata = opened.file.metadata
    groups = change_groups(metadata.groups, add, remove)
    present = {name_of(key) for group in metadata.groups for key in group}
    data_key = generate()
    metadata = wrap_data_key(metadata.replace(groups=groups), data_key, gpg)
    sealed = seal_file(opened.plain, metadata, data_key, now=now, like=opened, indent=indent)
    return Rotated(sealed.document.to_bytes(), [name for name in remove if name not in present])


def change_groups(
    groups: Sequence[KeyGroup], add: Sequence[MasterKey], remove: Collection[KeyName]
) -> tuple[KeyGroup, ...]:
    """The groups with keys added to the first one, unless they stand there, and others removed from all."""
    kept = [tuple(key for key in group if name_of(key) not in remove) for group in groups]
    for key in add:
        if name_of(key) not in {name_of(other) for other in kept[0]}:
            kept[0] = (*kept[0], key)
    return tuple(kept)


def name_of(key: MasterKey) -> KeyName:
    """What tells two keys apart."""
    return key.kind, key.id
