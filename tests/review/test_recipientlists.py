"""Recipients that join and leave a creation rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.review.reviewing import Reviewer

if TYPE_CHECKING:
    from sopskit.review.model import ReviewDiff
    from tests.conftest import AgeTestKey


def rules(*recipients: str) -> bytes:
    return f"creation_rules:\n  - path_regex: x\n    age: '{','.join(recipients)}'\n".encode()


def parts(report: ReviewDiff) -> list[str]:
    (file,) = [file for file in report.files if file.path == ".sops.yaml"]
    return [part for change in file.changes for part in change.parts]


def test_who_joins_and_who_leaves_is_told_by_name(
    review_of: Reviewer, alice: AgeTestKey, bob: AgeTestKey, cluster_key: AgeTestKey
) -> None:
    team = f"version: 1\nnames:\n  - {{name: bob, recipients: [{bob.recipient}]}}\n".encode()
    base = {".sops.yaml": rules(alice.recipient, cluster_key.recipient), ".sopskit.yaml": team}
    report = review_of(base, {".sops.yaml": rules(cluster_key.recipient, bob.recipient)})
    assert parts(report) == [f"+ bob ({bob.recipient})", f"- {alice.recipient}"]


def test_another_order_is_nobody(review_of: Reviewer, alice: AgeTestKey, bob: AgeTestKey) -> None:
    base, head = rules(alice.recipient, bob.recipient), rules(bob.recipient, alice.recipient)
    assert parts(review_of({".sops.yaml": base}, {".sops.yaml": head})) == []


def test_a_private_key_by_mistake_is_not_named(review_of: Reviewer, alice: AgeTestKey, bob: AgeTestKey) -> None:
    base, head = rules(alice.recipient), rules(alice.recipient, bob.identity)
    assert parts(review_of({".sops.yaml": base}, {".sops.yaml": head})) == ["+ something that is no recipient"]
