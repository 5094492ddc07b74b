"""Updatekeys: give a file the recipients of its creation rule, without a new data key (SOPS section 10.4)."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from sopskit.sops.datakey import recover_data_key, wrap_data_key
from sopskit.workflow.rotate import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.sops.crypt import SopsFile
    from sopskit.sops.masterkeys import KeyGroup, Keyring
    from sopskit.sops.metadata import Metadata


class GroupChange(NamedTuple):
    """One key group: ids of keys that stay, come and leave."""

    kept: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


class KeyChange(NamedTuple):
    """What updatekeys would do. A threshold is 0 where there is none."""

    groups: tuple[GroupChange, ...]
    threshold_before: int
    threshold_after: int

    @property
    def is_empty(self) -> bool:
        """Whether the file is as the rule says already."""
        same = self.threshold_before == self.threshold_after
        return same and not any(group.added or group.removed for group in self.groups)


def compare(metadata: Metadata, groups: Sequence[KeyGroup], rule_threshold: int) -> KeyChange:
    """Compare a file's groups with a rule's, by position; the order within a group does not count.

    The rule's threshold counts where it has one. sops keeps the file's instead, and so demands all
    groups of a file that had one (trap 11.79).
    """
    changes = tuple(_compare_group(*pair) for pair in zip_longest(metadata.groups, groups, fillvalue=()))
    return KeyChange(changes, metadata.shamir_threshold, threshold_for(metadata, len(groups), rule_threshold))


def threshold_for(metadata: Metadata, groups: int, rule_threshold: int) -> int:
    """How many groups will be needed; for a single group it means nothing, and only what the rule says is written."""
    if groups < 2:
        return rule_threshold
    return rule_threshold or min(metadata.shamir_threshold or groups, groups)


def _compare_group(before: KeyGroup, after: KeyGroup) -> GroupChange:
    names_before = [name_of(key) for key in before]
    names_after = [name_of(key) for key in after]
    return GroupChange(
        tuple(id for kind, id in names_after if (kind, id) in names_before),
        tuple(id for kind, id in names_after if (kind, id) not in names_before),
        tuple(id for kind, id in names_before if (kind, id) not in names_after),
    )


def update_keys(
    file: SopsFile, groups: Sequence[KeyGroup], threshold: int, keyring: Keyring, *, indent: int | None = None
) -> bytes:
    """Wrap the file's data key for these groups. Values, MAC, time and version stay.

    Raises `DataKeyError` if no private key opens the file, and what wrapping raises.
    """
    data_key = recover_data_key(file.metadata, keyring, order=())
    metadata = file.metadata.replace(groups=tuple(groups), shamir_threshold=threshold)
    metadata = wrap_data_key(metadata, data_key, keyring.gpg())
    format = file.document.format
    block = metadata.to_flat() if format.FLAT else metadata.to_tree()
    return format.reblock(file.document, block, indent=indent).to_bytes()
