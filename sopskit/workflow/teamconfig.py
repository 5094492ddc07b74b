"""`.sopskit.yaml` of one state of a repository, checked against the policies there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sopskit.config.sopskit_yaml import DEFAULT, NAME, read_team_config
from sopskit.errors import ConfigError
from sopskit.review.findings import BY_ID
from sopskit.review.model import ConfigSource

if TYPE_CHECKING:
    from sopskit.config.sopskit_yaml import TeamConfig
    from sopskit.review.trees import Tree


def load_team_config(tree: Tree, commit: str | None) -> tuple[TeamConfig, ConfigSource]:
    """The file at the root of `tree`, or the defaults, and where they come from. Raises `ConfigError`, `LimitError`."""
    source = tree.data(NAME)
    if source is None:
        return DEFAULT, ConfigSource(commit, None)
    team = read_team_config(NAME, source, read_file=tree.data)
    for where, ids in (("policies", team.policies), ("waivers", [waiver.policy for waiver in team.waivers])):
        for id in ids:
            if id not in BY_ID:
                raise ConfigError(f"{where} names {id}, and there is no such policy", hint="sopskit policies").at(
                    file=NAME
                )
    return team, ConfigSource(commit, NAME)
