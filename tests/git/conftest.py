"""Empty repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.repositories import Git, init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_git(tmp_path: Path, tool: Callable[[str], str]) -> Callable[..., Git]:
    """`make_git(name, *options)` makes an empty repository with the branch main."""
    tool("git")
    return lambda name="repository", *options: init(tmp_path / name, *options)


@pytest.fixture
def git(make_git: Callable[..., Git]) -> Git:
    """An empty repository."""
    return make_git()
