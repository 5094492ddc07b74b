"""SUP02: waivers that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.review.findings.policy import ChangePolicy, Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.review.findings.subject import ChangeSet


def sup02(change: ChangeSet) -> Iterator[Hit]:
    """A waiver of base is past its last day."""
    today = change.now.date()
    for waiver in change.team.waivers:
        if waiver.expires < today:
            yield Hit(
                "the waiver of {policy} by {owner} ended on {expires}",
                args={"policy": waiver.policy, "owner": waiver.owner, "expires": waiver.expires.isoformat()},
                path=change.team.source,
                side="base",
                line=waiver.line,
            )


POLICIES = (
    ChangePolicy(
        "SUP02",
        "low",
        "a waiver has ended",
        why=(
            "A waiver says that somebody answers for a finding for a while. When that while is over the finding counts again, "
            "and the line that waived it says nothing any more."
        ),
        remedy="mend what was waived, or have its owner decide anew, and take the line out",
        find=sup02,
    ),
)
