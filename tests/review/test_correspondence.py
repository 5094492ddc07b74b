"""Which files of environments correspond."""

from __future__ import annotations

import pytest

from sopskit.config.sopskit_yaml import DEFAULT, Environment, TeamConfig
from sopskit.git import TreeEntry
from sopskit.review.correspondence import environment_names, label
from sopskit.review.trees import Tree


@pytest.mark.parametrize(
    ("path", "environment", "expected"),
    [
        ("k8s/gitops/dev/app/secrets.yaml", Environment("dev"), "k8s/gitops/*/app/secrets.yaml"),
        ("overlays/dev/dev/dev.yaml", Environment("dev"), "overlays/*/dev/dev.yaml"),
        ("k8s/helm-values/app/dev-config.yaml", Environment("dev"), "k8s/helm-values/app/*-config.yaml"),
        ("values.dev.yaml", Environment("dev"), "values.*.yaml"),
        ("development.yaml", Environment("dev"), "development.yaml"),
        ("clusters/development/a.yaml", Environment("dev", ("clusters/development/**",)), "clusters/*/a.yaml"),
        ("a/b/c.yaml", Environment("dev", ("**/c.yaml",)), "a/b/c.yaml"),
    ],
)
def test_a_label_is_the_path_without_the_environment(path: str, environment: Environment, expected: str) -> None:
    assert label(path, environment) == expected


def test_environments_are_those_of_the_team_or_those_that_paths_show() -> None:
    names = ("k8s/gitops/qa/a.yaml", "overlays/dev/b.yaml", "README.md")
    files = Tree([TreeEntry(name.encode(), 0o100644, name) for name in names], lambda _: b"")
    assert environment_names(files, DEFAULT) == ("dev", "qa")
    assert environment_names(files, TeamConfig(environments=(Environment("prod"),))) == ("prod",)
