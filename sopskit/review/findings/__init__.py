"""What a reviewer should know about a change: one function for each policy, named by its id.

A family of policies is a module with its functions and its table; a new policy is a function and a row there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.findings import (
    blindedits,
    certificates,
    ciphertext,
    commits,
    copies,
    credentials,
    departures,
    earlier,
    encryption,
    environments,
    ignored,
    integrity,
    keymaterial,
    kubernetes,
    merges,
    pgprecipients,
    promotions,
    recipients,
    repository,
    rules,
    secrettypes,
    settings,
    shapes,
    sharedvalues,
    supervision,
    values,
    waivers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from sopskit.review.findings.policy import ChangePolicy, FilePolicy, Policy

    class Family(Protocol):
        """A module of policies."""

        POLICIES: tuple[FilePolicy | ChangePolicy, ...]


FAMILIES: tuple[Family, ...] = (
    blindedits,
    certificates,
    ciphertext,
    commits,
    copies,
    credentials,
    departures,
    earlier,
    encryption,
    environments,
    ignored,
    integrity,
    keymaterial,
    kubernetes,
    merges,
    pgprecipients,
    promotions,
    recipients,
    repository,
    rules,
    secrettypes,
    settings,
    shapes,
    sharedvalues,
    supervision,
    values,
    waivers,
)  # type: ignore[assignment]
POLICIES: tuple[Policy, ...] = tuple(
    sorted((policy for family in FAMILIES for policy in family.POLICIES), key=lambda policy: policy.id)
)
BY_ID: Mapping[str, Policy] = {policy.id: policy for policy in POLICIES}
