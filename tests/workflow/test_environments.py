"""Environments found by the layout of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.config.globs import check, matcher
from sopskit.sops.patterns import compile_pattern
from sopskit.workflow.environments import is_protected, read_layout

if TYPE_CHECKING:
    from pathlib import Path

TREE = [
    "README.md",
    "k8s/gitops/dev/service1/secrets.yaml",
    "k8s/gitops/prod/service1/secrets.yaml",
    "k8s/gitops/prod/service1/notes.md",
    "k8s/helm-values/service1/dev-config.yaml",
    "k8s/helm-values/service1/prod-config.yaml",
]


def test_environments_have_a_place_for_each_kind_of_folder(tmp_path: Path) -> None:
    places = read_layout(str(tmp_path), TREE).places
    assert [(place.environment, place.helm, place.path_regex, place.pattern) for place in places] == [
        ("prod", False, r"^k8s/gitops/prod/.*\.(yaml|yml|json)$", "k8s/gitops/prod/**"),
        ("prod", True, r"^k8s/helm-values/[^/]+/prod-config\.yaml$", "k8s/helm-values/*/prod-config.yaml"),
        ("dev", False, r"^k8s/gitops/dev/.*\.(yaml|yml|json)$", "k8s/gitops/dev/**"),
        ("dev", True, r"^k8s/helm-values/[^/]+/dev-config\.yaml$", "k8s/helm-values/*/dev-config.yaml"),
    ]
    assert read_layout(str(tmp_path), TREE).environments == ("prod", "dev")


@pytest.mark.parametrize(
    ("paths", "regex", "pattern"),
    [
        (["overlays/qa/a.yaml"], r"(^|/)overlays/qa/.*\.(yaml|yml|json)$", "**/overlays/qa/**"),
        (["k8s/gitops/qa/a", "x/k8s/gitops/qa/a"], r"(^|/)k8s/gitops/qa/.*\.(yaml|yml|json)$", "**/k8s/gitops/qa/**"),
        (["apps/a/overlays/qa/a.yaml"], r"(^|/)overlays/qa/.*\.(yaml|yml|json)$", "**/overlays/qa/**"),
        (["overlays/qa/a.yaml", "a/overlays/qa/a.yaml"], r"(^|/)overlays/qa/.*\.(yaml|yml|json)$", "**/overlays/qa/**"),
        (["infra/k8s/gitops/qa/a.yaml"], r"^infra/k8s/gitops/qa/.*\.(yaml|yml|json)$", "infra/k8s/gitops/qa/**"),
        (["in fra/k8s/gitops/qa/a.yaml"], r"(^|/)k8s/gitops/qa/.*\.(yaml|yml|json)$", "**/k8s/gitops/qa/**"),
        (["environments/eu.1/a.env"], r"(^|/)environments/eu\.1/.*\.(yaml|yml|json)$", "**/environments/eu.1/**"),
        (
            ["x/helm-values/s/qa-config.yaml"],
            r"^x/helm-values/[^/]+/qa-config\.yaml$",
            "x/helm-values/*/qa-config.yaml",
        ),
    ],
)
def test_patterns_of_a_place(tmp_path: Path, paths: list[str], regex: str, pattern: str) -> None:
    (place,) = read_layout(str(tmp_path), paths).places
    assert (place.path_regex, place.pattern) == (regex, pattern)
    check(pattern)
    for path in (example for folder in place.folders for example in folder.examples):
        assert matcher(pattern)(path)
        assert compile_pattern(regex, "path_regex")(path)


def test_patterns_for_any_depth_stand_last(tmp_path: Path) -> None:
    places = read_layout(str(tmp_path), ["a/overlays/prod/s.yaml", "k8s/gitops/dev/s.yaml"]).places
    assert [place.environment for place in places] == ["dev", "prod"]


def test_folders_without_a_file_count(tmp_path: Path) -> None:
    for folder in ("k8s/gitops/dev", "overlays/qa", "environments/prod", "apps/a/overlays/x"):
        (tmp_path / folder).mkdir(parents=True)
    assert read_layout(str(tmp_path), []).environments == ("prod", "dev", "qa")


@pytest.mark.parametrize("name", ["a b", ".hidden", "*", "(a|b)", "é", "a\nb", "\udcff", "-x"])
def test_a_name_that_means_more_than_itself_is_left_to_the_user(tmp_path: Path, name: str) -> None:
    layout = read_layout(str(tmp_path), [f"overlays/{name}/s.yaml"])
    assert (layout.places, layout.left_out) == ((), (name,))


@pytest.mark.parametrize(
    ("name", "protected"),
    [("prod", True), ("production", True), ("eu-prod", True), ("PRD_2", True), ("live", True), ("product", False)],
)
def test_production_is_told_by_its_name(name: str, protected: bool) -> None:
    assert is_protected(name) is protected


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("secrets.yaml", True),
        ("app/secret.yml", True),
        ("app/db-secret.yaml", True),
        ("app/secrets.enc.json", True),
        ("app/secret2.yaml", True),
        ("secrets/db.yaml", True),
        ("app/configmap.yaml", False),
        ("app/nosecrets.yaml", False),
        ("app/secretary.yaml", False),
        ("app/secrets.txt", False),
    ],
)
def test_files_that_are_called_secrets(tmp_path: Path, name: str, meant: bool) -> None:
    (place,) = read_layout(str(tmp_path), ["overlays/qa/a.yaml"]).places
    assert compile_pattern(place.secrets_regex, "path_regex")(f"overlays/qa/{name}") is meant


@pytest.mark.parametrize(
    ("paths", "tops"),
    [
        (TREE, ("k8s",)),
        (["overlays/qa/a.yaml"], ("overlays",)),
        (["apps/a/overlays/qa/a", "apps/b/overlays/qa/a"], ("apps",)),
        (["overlays/qa/a.yaml", "environments/qa/a.yaml"], ("environments", "overlays")),
        ([], ()),
    ],
)
def test_the_folders_that_have_all_environments(tmp_path: Path, paths: list[str], tops: tuple[str, ...]) -> None:
    assert read_layout(str(tmp_path), paths).tops == tops
