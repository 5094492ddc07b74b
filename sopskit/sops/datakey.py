"""The data key and its master keys: wrap it for all, get it back from one of each group (SOPS section 9.1)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sopskit.errors import DataKeyError, GroupReport, NoMatchingRuleError, SopskitError
from sopskit.secret import DataKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.pgp import Gpg
    from sopskit.sops.masterkeys import KeyGroup, Keyring, MasterKey
    from sopskit.sops.metadata import Metadata

DEFAULT_ORDER = ("age", "pgp")
HINT = "see which private keys sopskit finds with: sopskit keys list"


def generate() -> DataKey:
    """A fresh data key from the operating system's random source."""
    return DataKey(os.urandom(DataKey.size or 32))


def wrap_data_key(metadata: Metadata, data_key: DataKey, gpg: Gpg) -> Metadata:
    """Wrap the data key for every master key; with several groups, a Shamir share for each group.

    Raises `RecipientError`, `GpgError` or `ForeignKeyError`: all must succeed, or nothing is written.
    """
    groups = metadata.groups
    if not groups or not all(groups):
        raise NoMatchingRuleError(
            "no recipients: a file needs at least one master key in every key group",
            hint="name one with --age or --pgp, or in the creation rule of .sops.yaml",
        )
    if len(groups) == 1:
        return metadata.replace(groups=(_wrap_group(groups[0], data_key.reveal(), gpg),))
    from sopskit import shamir

    threshold = metadata.shamir_threshold or len(groups)
    shares = shamir.split(data_key.reveal(), len(groups), threshold)
    wrapped = tuple(_wrap_group(group, share, gpg) for group, share in zip(groups, shares, strict=True))
    return metadata.replace(groups=wrapped, shamir_threshold=threshold)


def _wrap_group(group: KeyGroup, key: bytes, gpg: Gpg) -> KeyGroup:
    return tuple(master_key.wrap(key, gpg) for master_key in group)


def recover_data_key(metadata: Metadata, keyring: Keyring, *, order: Sequence[str] = DEFAULT_ORDER) -> DataKey:
    """Open one master key of each group. Raises `DataKeyError` with what was tried.

    `order` names kinds of keys; within a group keys of a kind named earlier are tried first, others last,
    otherwise in the order of the file.
    """
    reports: list[GroupReport] = []
    parts: list[bytes] = []
    for group in metadata.groups:
        part, report = _open_group(group, keyring, order)
        reports.append(report)
        if part is not None:
            parts.append(part)
    if len(metadata.groups) > 1:
        return _combine(metadata, parts, reports)
    if not parts:
        raise DataKeyError("no private key at hand opens this file", reports, hint=HINT)
    if len(parts[0]) != DataKey.size:
        raise DataKeyError("the master key opened, but holds no 32-byte data key", reports)
    return DataKey(parts[0])


def _combine(metadata: Metadata, parts: list[bytes], reports: list[GroupReport]) -> DataKey:
    threshold = metadata.shamir_threshold or len(metadata.groups)
    if len(parts) < threshold:
        raise DataKeyError(
            f"{threshold} key groups are needed to open this file, {len(parts)} opened",
            reports,
            threshold=threshold,
            hint=HINT,
        )
    from sopskit import shamir

    try:
        return DataKey(shamir.combine(parts))
    except ValueError:
        raise DataKeyError("the shares of the key groups do not fit together", reports, threshold=threshold) from None


def _open_group(group: KeyGroup, keyring: Keyring, order: Sequence[str]) -> tuple[bytes | None, GroupReport]:
    tried: list[tuple[str, str]] = []
    for master_key in sorted(group, key=lambda key: _rank(key, order)):
        try:
            part = master_key.unwrap(keyring)
        except SopskitError as error:
            tried.append((master_key.id, error.message))
        else:
            return part, GroupReport(opened=True, keys=(*tried, (master_key.id, "")))
    return None, GroupReport(opened=False, keys=tuple(tried))


def _rank(master_key: MasterKey, order: Sequence[str]) -> int:
    return order.index(master_key.kind) if master_key.kind in order else len(order)
