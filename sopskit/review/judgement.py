"""From what policies found to findings: the team's severities, and its waivers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sopskit.errors import GitError
from sopskit.review.findings.policy import ChangePolicy
from sopskit.review.model import Finding, NotChecked, Waived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sopskit.review.findings.policy import Hit, Policy
    from sopskit.review.findings.subject import ChangeSet
    from sopskit.review.model import Severity

ROOT = "."  # where no file is meant


class Judgement(NamedTuple):
    """All findings in the order of the policies, and what no policy could be asked about, for a bug of ours."""

    findings: list[Finding]
    problems: list[NotChecked]


def judge(change: ChangeSet, policies: Sequence[Policy]) -> Judgement:
    """Ask policies about a change; those that are switched off are left out.

    A policy that breaks stops no other: its files are not checked then. Raises `GitError` for an object that is not here.
    """
    judgement = Judgement([], [])
    for policy in policies:
        severity = change.team.policies.get(policy.id)
        if severity == "off":
            continue
        for path, hit in _hits(policy, change, judgement.problems):
            judgement.findings.append(_finding(policy, severity or hit.severity or policy.severity, path, hit, change))
    return judgement


def _finding(policy: Policy, severity: Severity, path: str, hit: Hit, change: ChangeSet) -> Finding:
    return Finding(
        id=policy.id,
        severity=severity,
        title=policy.title,
        message=hit.message,
        remedy=hit.remedy or policy.remedy,
        path=path,
        args=hit.args,
        side=hit.side,
        document=hit.document,
        line=hit.line,
        key=hit.key,
        commit=hit.commit,
        needs_key=policy.key == "yes",
        waived=_waiver(policy, path, hit, change),
    )


def _hits(policy: Policy, change: ChangeSet, problems: list[NotChecked]) -> Iterator[tuple[str, Hit]]:
    if isinstance(policy, ChangePolicy):
        yield from _guarded(policy.id, partial(policy.find, change), ROOT, problems)
        return
    for subject in change.subjects:
        yield from _guarded(policy.id, partial(policy.find, subject), subject.path, problems)


def _guarded(
    id: str, find: Callable[[], Iterator[Hit]], path: str, problems: list[NotChecked]
) -> Iterator[tuple[str, Hit]]:
    """The hits with their paths. What a policy raises is told without its text, which may hold a value."""
    try:
        for hit in find():
            yield hit.path or path, hit
    except GitError:
        raise
    except Exception as error:  # noqa: BLE001 whatever it is, the file was not checked
        reason = f"a bug in sopskit: {id} ended with {type(error).__name__}"
        problems.append(NotChecked(path, reason, decisive=True))


def _waiver(policy: Policy, path: str, hit: Hit, change: ChangeSet) -> Waived | None:
    today = change.now.date()
    for waiver in change.team.waivers:
        if waiver.expires >= today and waiver.covers(policy.id, path, hit.key):
            return Waived(waiver.reason, waiver.owner, waiver.expires.isoformat())
    return None
