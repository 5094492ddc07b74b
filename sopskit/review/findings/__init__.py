"""What a reviewer should know about a change: one function for each policy, named by its id.

A policy is given one file's two sides and yields findings. A new one is a function and a line in `POLICIES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.findings import encryption, integrity, keymaterial, recipients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sopskit.review.findings.subject import Subject
    from sopskit.review.model import Finding

POLICIES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    encryption.enc01,
    encryption.enc02,
    encryption.enc04,
    keymaterial.enc06,
    recipients.rcp01,
    recipients.rcp03_rcp11,
    integrity.mac02,
    integrity.mac03,
    integrity.cry02,
    integrity.git04,
)


def find(subject: Subject) -> tuple[Finding, ...]:
    """All findings on one file, in the order of the policies."""
    return tuple(finding for policy in POLICIES for finding in policy(subject))
