"""SUP: changes of what watches over changes."""

from __future__ import annotations

import pytest

from tests.review.reviewing import Reviewer, ids


@pytest.mark.parametrize(
    "path",
    [
        ".sopskit.yaml",
        ".sopskit-names.yaml",
        "team/names.yaml",
        ".sops.yaml",
        "k8s/.sops.yaml",
        "CODEOWNERS",
        ".github/CODEOWNERS",
        ".github/workflows/ci.yaml",
        ".gitlab-ci.yml",
        ".pre-commit-config.yaml",
        ".githooks/pre-commit",
        ".husky/pre-commit",
        "hooks/pre-commit",
        "k8s/.gitattributes",
        ".gitmodules",
    ],
)
def test_a_file_that_decides_about_changes_is_found_once(review_of: Reviewer, path: str) -> None:
    base = {".sopskit.yaml": b"version: 1\nnames_file: team/names.yaml\n", "team/names.yaml": b"names: []\n"}
    text = b"version: 1\n" if path == ".sopskit.yaml" else b"names: []\n# more\n" if "names" in path else b"# x\n"
    found = [one for one in review_of(base, {path: text}).findings if one.id == "SUP01"]
    assert [(one.severity, one.path) for one in found] == [("medium", path)]


@pytest.mark.parametrize("path", ["a/.sopskit.yaml", "src/CODEOWNERS/x", ".github/dependabot.yml", "hooks/useValue.ts"])
def test_another_file_is_none(review_of: Reviewer, path: str) -> None:
    assert ids(review_of({}, {path: b"# x\n"})) == []


def test_a_file_that_goes_or_moves_is_found_too(review_of: Reviewer) -> None:
    base = {"CODEOWNERS": b"* ann\n" * 20, ".gitlab-ci.yml": b"job: {}\n"}
    report = review_of(base, {"CODEOWNERS": None, "old/owners": b"* ann\n" * 20, ".gitlab-ci.yml": None})
    found = [(one.path, one.side) for one in report.findings if one.id == "SUP01"]
    assert sorted(found) == [(".gitlab-ci.yml", "base"), ("old/owners", "base")]
