"""Patterns of `.gitignore` and `.gitattributes`, against git itself."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sopskit.review.gitpatterns import attributes_of, ignored_by, read_attributes, read_ignore
from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATHS = [
    "a.yaml",
    "b.yaml",
    "secrets.yaml",
    "secrets.dec.yaml",
    "k8s/a.yaml",
    "k8s/secrets.yaml",
    "k8s/dev/a.yaml",
    "k8s/dev/secrets.yaml",
    "k8s/dev/x/secrets.yaml",
    "dev/secrets.yaml",
    "build/out/a.yaml",
    "build",
    "foo.bar/x",
    "a b.yaml",
    "a]b",
    "a-b",
    "ü.yaml",
    "#x",
    "!x",
    "x ",
]
PATTERNS = [
    "*.yaml",
    "/*.yaml",
    "secrets.yaml",
    "/secrets.yaml",
    "k8s/secrets.yaml",
    "k8s/*.yaml",
    "k8s/**",
    "k8s/**/secrets.yaml",
    "**/dev/secrets.yaml",
    "**/secrets.yaml",
    "dev/",
    "build/",
    "build",
    "k8s/dev",
    "k8s/dev/",
    "*",
    "**",
    "?.yaml",
    "[ab].yaml",
    "[!a].yaml",
    "[^a].yaml",
    "[a-c]*",
    "a[]]b",
    "a[]-]b",
    "a[b",
    "foo.bar/*",
    "foo?bar/x",
    "secrets.*.yaml",
    "a\\ b.yaml",
    "\\#x",
    "\\!x",
    "x\\ ",
    "x ",
    "ü.yaml",
    "*ü*",
    "k8s/***/secrets.yaml",
    "a**.yaml",
    "\\",
    "dev/**/",
    "/",
]


@pytest.fixture
def git(tool: Callable[[str], str], tmp_path: Path) -> Git:
    tool("git")
    return init(tmp_path / "patterns")


def ignored_by_git(git: Git, paths: list[str]) -> set[str]:
    done = subprocess.run(
        ["git", "-C", str(git.folder), "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    return set(done.stdout.decode().split("\0")[:-1])


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("folder", ["", "k8s"])
def test_a_pattern_ignores_what_git_ignores(git: Git, pattern: str, folder: str) -> None:
    text = f"# comment\n\n{pattern}\n".encode()
    git.write(f"{folder}/.gitignore" if folder else ".gitignore", text)
    patterns = read_ignore(folder, text)
    assert {path for path in PATHS if ignored_by(path, patterns)} == ignored_by_git(git, PATHS)


@pytest.mark.parametrize(
    "text",
    [
        "*.yaml\n!secrets.yaml\n",
        "!secrets.yaml\n*.yaml\n",
        "k8s/\n!k8s/secrets.yaml\n",
        "k8s/*\n!k8s/secrets.yaml\n",
        "*\n!*/\n!*.yaml\n",
        "secrets.yaml   \r\n",
        "*.yaml\r\n",
    ],
)
def test_later_lines_and_exceptions_count_as_git_counts_them(git: Git, text: str) -> None:
    git.write(".gitignore", text.encode())
    patterns = read_ignore("", text.encode())
    assert {path for path in PATHS if ignored_by(path, patterns)} == ignored_by_git(git, PATHS)


def attributes_by_git(git: Git, path: str) -> dict[str, str]:
    out = git("check-attr", "-z", "--stdin", "--all", input=path.encode()).split("\0")[:-1]
    states = {"set": "+", "unset": "-"}
    return {name: states.get(value, f"={value}") for _, name, value in zip(*[iter(out)] * 3, strict=True)}


@pytest.mark.parametrize(
    "text",
    [
        "*.yaml diff=sopskit merge=union -text\n",
        "secrets.yaml filter=x\nk8s/** !filter -diff\n",
        "*.yaml binary\nsecrets.yaml !binary diff\n",
        "/secrets.yaml eol=lf\n\tk8s/dev/** ident\n",
        '"a b.yaml" linguist-generated\n',
        "build/ -diff\n!x -diff\n# x -diff\n",
        "k8s/dev working-tree-encoding=UTF-16\n",
    ],
)
def test_attributes_are_those_that_git_tells(git: Git, text: str) -> None:
    git.write(".gitattributes", text.encode())
    lines = read_attributes("", text.encode())
    for path in PATHS[:14]:
        found = {name: state for name, (state, _) in attributes_of(path, lines).items()}
        assert found == attributes_by_git(git, path), path


def test_a_line_says_where_it_stands() -> None:
    (line,) = read_attributes("k8s", b"# comment\n*.yaml -diff\n")
    assert (line.pattern.folder, line.pattern.line, line.attributes) == ("k8s/", 2, (("diff", "-"),))
    pattern = ignored_by("k8s/a.yaml", read_ignore("k8s", b"\n\n*.yaml\n"))
    assert pattern is not None
    assert (pattern.folder, pattern.line) == ("k8s/", 3)


def test_a_pattern_that_would_keep_a_backtracking_matcher_busy_is_matched_at_once() -> None:
    patterns = read_ignore("", b"*a" * 100 + b"b\n")
    assert ignored_by("a" * 2000, patterns) is None
