"""Which files of several environments are the same file of a service: their paths differ in the environment only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sopskit.config.globs import matcher
from sopskit.review.findings.plaintext import is_steering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sopskit.config.sopskit_yaml import Environment, TeamConfig
    from sopskit.review.trees import Tree

ANY = "*"  # stands for the environment's name
SEGMENT = re.compile(r"([-._])")


def environment_names(tree: Tree, team: TeamConfig) -> tuple[str, ...]:
    """Those of `.sopskit.yaml`, else those that the paths show."""
    if team.environments:
        return tuple(environment.name for environment in team.environments)
    found = (team.environment_of(path) for path in tree.entries)
    return tuple(sorted({environment.name for environment in found if environment is not None}))


def corresponding_files(tree: Tree, team: TeamConfig, environments: Sequence[str]) -> dict[str, list[str | None]]:
    """The paths of each file by its label, one for each environment."""
    found: dict[str, list[str | None]] = {}
    for path, entry in tree.entries.items():
        environment = team.environment_of(path)
        if environment is None or environment.name not in environments or not entry.is_file or is_steering(path):
            continue
        paths = found.setdefault(label(path, environment), [None] * len(environments))
        index = environments.index(environment.name)
        paths[index] = paths[index] or path
    return found


def label(path: str, environment: Environment) -> str:
    """A path without its environment: files of two environments with the same one correspond.

    The environment's name is taken out where it is a folder, else where it is a word of the file's name. Without it in the
    path, the last folder that the pattern in `.sopskit.yaml` spells out stands for it.
    """
    parts = path.split("/")
    if environment.name in parts[:-1]:
        index = parts.index(environment.name)
        return "/".join((*parts[:index], ANY, *parts[index + 1 :]))
    words = SEGMENT.split(parts[-1])
    if environment.name in words:
        index = words.index(environment.name)
        return "/".join((*parts[:-1], "".join((*words[:index], ANY, *words[index + 1 :]))))
    for pattern in environment.paths:
        if matcher(pattern)(path):
            spelled = len(_without_wildcards(pattern))
            return "/".join((*parts[: spelled - 1], ANY, *parts[spelled:])) if spelled else path
    return path


def _without_wildcards(pattern: str) -> list[str]:
    """The folders at the start of a pattern that have none."""
    folders: list[str] = []
    for part in pattern.split("/")[:-1]:
        if "*" in part or "?" in part:
            break
        folders.append(part)
    return folders
