"""A throw-away repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sopskit.git import open_repository
from sopskit.git.scratch import ScratchRepository

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World


def test_commits_and_branches_are_made_without_the_users_settings(
    tool: Callable[[str], str], tmp_path: Path, world: World
) -> None:
    tool("git")
    (world.home / ".gitconfig").write_text("[commit]\n\tgpgSign = true\n[user]\n\tname = canary\n")
    scratch = ScratchRepository(tmp_path, os.environ)
    (tmp_path / "a").write_bytes(b"1")
    scratch.commit("first")
    scratch.branch("topic")
    (tmp_path / "a").write_bytes(b"2")
    scratch.commit("second")
    repository = open_repository(tmp_path)
    assert repository is not None
    with repository:
        assert [repository.blob_at(name, "a") for name in ("main", "topic")] == [b"1", b"2"]
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
