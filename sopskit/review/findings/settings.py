"""SUP03: a `.sopskit.yaml` that asks for less than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import DEFAULT, NAME, read_team_config
from sopskit.errors import FormatError
from sopskit.review.findings.policy import ChangePolicy, Hit
from sopskit.review.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.review.findings.subject import ChangeSet

OFF = "off"


def sup03(change: ChangeSet) -> Iterator[Hit]:
    """Head's settings, against those that this review goes by."""
    if NAME not in change.by_path:
        return
    data = change.trees.head.data(NAME)
    try:
        new = DEFAULT if data is None else read_team_config(NAME, data, read_file=change.trees.head.data)
    except FormatError:
        yield Hit(
            "the settings cannot be read after this change: every review of the next one will end undecided", path=NAME
        )
        return
    for hit in (*_environments(change.team, new), *_policies(change.team, new), *_names(change.team, new)):
        yield hit._replace(path=NAME)
    old = set(change.team.waivers)
    for waiver in new.waivers:
        if not any(waiver._replace(line=one.line) == one for one in old):
            yield Hit(
                "from now on a finding is waived: {policy} in {pattern}, by {owner} until {expires}",
                {
                    "policy": waiver.policy,
                    "pattern": waiver.path,
                    "owner": waiver.owner,
                    "expires": waiver.expires.isoformat(),
                },
                severity="medium",
                path=NAME,
                line=waiver.line,
            )


def _environments(old: TeamConfig, new: TeamConfig) -> Iterator[Hit]:
    after = {environment.name: environment for environment in new.environments}
    for before in old.environments:
        now = after.get(before.name)
        if before.protected and (now is None or not now.protected):
            yield Hit("{environment} is no longer a protected environment", {"environment": before.name})
        elif now is not None and before.writers == "key" and now.writers != "key":
            yield Hit(
                "files of {environment} may be replaced by people who cannot read them", {"environment": before.name}
            )
        elif now is not None and before.protected and now.paths != before.paths:
            yield Hit("{environment}, which is protected, has other paths now", {"environment": before.name})


def _policies(old: TeamConfig, new: TeamConfig) -> Iterator[Hit]:
    for policy, after in new.policies.items():
        before = old.policies.get(policy)
        if after == before:
            continue
        if after == OFF:
            yield Hit("{policy} is switched off", {"policy": policy})
        elif before is not None and before != OFF and SEVERITIES.index(after) > SEVERITIES.index(before):
            yield Hit("{policy} weighs {after}, it was {before}", {"policy": policy, "after": after, "before": before})


def _names(old: TeamConfig, new: TeamConfig) -> Iterator[Hit]:
    """Who is known to be a reader, and who has to be one."""
    after = {name.name: name for name in new.names}
    known = {key for name in old.names for key in name.signing_keys}
    for name in new.names:
        if set(name.signing_keys) - known:
            yield Hit("commits signed with a new key count as those of {name}", {"name": name.name})
    for before in old.names:
        now = after.get(before.name)
        lost = set(before.required_in) - set(now.required_in if now else ())
        allowed = set(before.forbidden_in) - set(now.forbidden_in if now else ())
        for environment in sorted(lost):
            args: dict[str, int | str] = {"name": before.name, "environment": environment}
            yield Hit("{name} need no longer be able to read {environment}", args)
        for environment in sorted(allowed):
            yield Hit("{name} may read {environment} from now on", {"name": before.name, "environment": environment})


POLICIES = (
    ChangePolicy(
        "SUP03",
        "high",
        "settings that ask for less",
        why="These settings decide what the next review stops. This review still went by the old ones, so this is the last one "
        "that can object: a switched-off policy, an environment that is protected no more, a new signing key.",
        remedy="let an owner of the repository approve this by itself, or take it out of the change",
        find=sup03,
    ),
)
