"""Where the agent's socket cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sopskit.errors import GitError
from sopskit.git.credentials import SshKey
from sopskit.git.sshagent import Agent
from sopskit.secret import SecretBytes
from tests.git.servers import make_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_who_is_told_that_the_path_is_too_long_learns_what_makes_it_shorter(
    tmp_path: Path, tool: Callable[[str], str]
) -> None:
    tool("ssh-keygen")
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    key = SshKey(SecretBytes(make_key(tmp_path / "key", "ed25519")), b"")
    with pytest.raises(GitError) as caught, Agent(key, str(folder)):
        pass
    assert caught.value.hint == "name a folder with a short path in TMPDIR, for `sopskit reconcile` also by --scratch"
